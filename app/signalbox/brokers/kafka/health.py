"""How the cluster is: brokers, leaders and topics from the metadata, the quorum's leader, our rights, settings and sizes."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.errors import DENIED, UNKNOWN_TOPIC, said
from signalbox.brokers.kafka.known import Known
from signalbox.brokers.kafka.nodes import Purpose
from signalbox.brokers.kafka.protocol.cluster import ask_cluster, ask_quorum, ask_settings, ask_sizes
from signalbox.brokers.kafka.protocol.frames import Unsupported
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata, ask_metadata
from signalbox.brokers.model import Cluster, Fault, Node, Why

PARTITIONS_PER_SLICE = 2_000
TOPICS_PER_REQUEST = 200
SETTINGS = ("cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes")
# What a broker offers tells how new it is: (request, version, from which Kafka on). Newest first.
NEWER = ((2, 11, "4.2"), (69, 1, "4.0"), (16, 5, "3.8"), (2, 7, "3.0"), (60, 0, "2.8"), (16, 4, "2.6"), (15, 5, "2.4"))


async def refresh(known: Known) -> tuple[frozenset[str], list[Fault]]:
    """Read the metadata anew; return topics that are gone, and faults.

    A topic is gone when it is missing from everything, and another broker, asked for it by name, does not know it either.

    Raises:
        BrokerError: no broker answered.
    """
    began = known.clock()
    known.turn += 1
    metadata = await known.nodes.ask_any(ask_metadata(), Purpose.BESIDE, first=known.turn)
    known.nodes.learn(metadata.brokers)
    known.controller = metadata.controller
    gone, faults = frozenset[str](), list[Fault]()
    if metadata.raw != known.topics_raw:
        missing = known.layout.take_metadata(await _sliced(metadata.topics))
        gone, faults = await _confirm(known, missing)
        known.layout.drop(gone)
        known.layout.compact()
        known.topics_raw = b"" if missing - gone else metadata.raw
    if known.due("health", known.intervals.health_s):
        known.asked["health"] = began
        await _read_health(known)
    known.note("Metadata", known.intervals.sweep_s, began, len(known.layout.topics))
    return gone, faults


async def _sliced(topics: Iterable[TopicMetadata]) -> list[TopicMetadata]:
    found: list[TopicMetadata] = []
    rows = 0
    for topic in topics:
        found.append(topic)
        rows += len(topic.leader)
        if rows >= PARTITIONS_PER_SLICE:
            rows = 0
            await asyncio.sleep(0)
    return found


async def _confirm(known: Known, missing: frozenset[str]) -> tuple[frozenset[str], list[Fault]]:
    if not missing:
        return missing, []
    answer = await known.nodes.ask_any(ask_metadata(sorted(missing)), first=known.turn + 1)
    gone, faults = set(), []
    for topic in await _sliced(answer.topics):
        if topic.error == UNKNOWN_TOPIC:
            gone.add(topic.name)
        elif topic.error in DENIED:
            detail = f"{said(topic.error)}: the user needs DESCRIBE on this topic"
            faults.append(
                Fault(resource=f"topic {topic.name}", why=Why.NOT_PERMITTED, detail=detail, destination=topic.name)
            )
    return frozenset(gone), faults


async def _read_health(known: Known) -> None:
    with suppress(BrokerError, Unsupported):
        known.described = await known.nodes.ask_any(ask_cluster())
    known.rights.pop("cluster", None)
    if known.described is not None and not known.described.may_describe:
        known.rights["cluster"] = "DESCRIBE on the cluster: groups and the sizes of topics may be hidden"
    with suppress(BrokerError, Unsupported):  # with ZooKeeper, where the metadata's controller is the true one
        quorum = await known.nodes.ask_any(ask_quorum())
        known.quorum = None if quorum.error else quorum


async def read_settings(known: Known) -> None:
    """Read retention and the like of every topic, of new ones at once. What does not answer keeps what was known."""
    began = known.clock()
    whole = known.due("settings", known.intervals.settings_s)
    names = [name for name, topic in known.layout.topics.items() if whole or not topic.settings_asked]
    if not names:
        return
    denied = 0
    try:
        for first in range(0, len(names), TOPICS_PER_REQUEST):
            question = ask_settings(names[first : first + TOPICS_PER_REQUEST], SETTINGS)
            async with asyncio.timeout(known.deadline_s()):
                told = await known.nodes.ask_any(question, Purpose.HEAVY)
            denied += known.layout.take_settings(told)
            await asyncio.sleep(0)
    except (BrokerError, Unsupported, TimeoutError):
        return
    if whole:
        known.asked["settings"] = began
        known.rights.pop("settings", None)
    if denied:
        known.rights["settings"] = f"DESCRIBE_CONFIGS on {denied} of {len(names)} topics: their retention is not known"
    known.note("DescribeConfigs", known.intervals.settings_s, began, len(names))


async def read_sizes(known: Known) -> None:
    """Read what each broker's replicas take on disk."""
    began = known.clock()
    codes = await asyncio.gather(*(_read_sizes(known, node) for node in known.nodes.addresses))
    known.rights.pop("sizes", None)
    if any(code in DENIED for code in codes if code is not None) and "cluster" not in known.rights:
        known.rights["sizes"] = "DESCRIBE on the cluster: the sizes of topics are hidden"
    known.asked["sizes"] = began
    known.note("DescribeLogDirs", known.intervals.sizes_s, began, len(known.layout.topics))


async def _read_sizes(known: Known, node: int) -> int | None:
    try:
        async with asyncio.timeout(known.deadline_s()):
            error, told = await known.nodes.ask(node, ask_sizes(), Purpose.HEAVY)
    except (BrokerError, Unsupported, TimeoutError):
        return None
    if not error:
        known.layout.take_sizes(node, told)
    return error


def cluster_of(known: Known, answered: set[int]) -> Cluster:
    """Return the cluster's health; `answered` are the brokers that answered in this sweep."""
    counted = known.layout.leadership()
    return Cluster(
        read_at=known.clock(),
        product="Apache Kafka",
        version=_version(known, answered),
        nodes=tuple(
            _node(known, node, counted.leads.get(node, 0), answered) for node in sorted(_ids(known) | counted.named)
        ),
        under_replicated=counted.under_replicated,
        offline=counted.leads.get(-1, 0),
        missing_rights=tuple(known.rights.values()),
    )


def _ids(known: Known) -> set[int]:
    fenced = set(known.described.fenced) if known.described else set()
    voters = {known.quorum.leader} if known.quorum else set()
    return set(known.nodes.addresses) | fenced | voters


def _node(known: Known, node: int, leads: int, answered: set[int]) -> Node:
    leader = known.quorum.leader if known.quorum else known.controller if not _kraft(known) else None
    fenced = known.described is not None and bool(known.described.fenced.get(node))
    note = f"leads {leads} partition{'' if leads == 1 else 's'}"
    address = known.nodes.address_of(node)
    running: bool | None = node in answered
    if not address:
        broker = fenced or known.quorum is None or node != known.quorum.leader
        address = known.quorum.addresses.get(node, "") if known.quorum else ""
        note = "fenced: the cluster does not hear from it" if fenced else "not in the cluster now"
        running = False if broker else None
        if not broker:
            note = "a controller only: brokers are not asked through it"
    return Node(id=str(node), address=address, running=running, controller=node == leader, note=note)


def _kraft(known: Known) -> bool:
    """Say whether the cluster runs without ZooKeeper: then the metadata's controller is a broker chosen at random."""
    return any(55 in known.nodes.offered(node) for node in known.nodes.addresses)


def _version(known: Known, answered: set[int]) -> str | None:
    """Return what the oldest broker that answered must be at least: brokers do not tell their version."""
    offers = [offered for node in answered if (offered := known.nodes.offered(node))]
    for key, version, since in NEWER:
        if offers and all(offered.get(key, (0, -1))[1] >= version for offered in offers):
            return f"{since} or later"
    return None

"""Read metadata, cluster health, topic configuration and sizes, and record which permissions our user lacks."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress

from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import DENIED, UNKNOWN_TOPIC, error_name, why_unknown
from signalbox.brokers.kafka.protocol import cluster as cluster_api
from signalbox.brokers.kafka.protocol.metadata import INCONSISTENT, TopicMetadata, metadata_request
from signalbox.brokers.model import Cluster, Fault, Node, Why
from signalbox.kernel.figures import duration

PARTITIONS_PER_SLICE = 2_000
TOPICS_PER_REQUEST = 200
CONFIG_KEYS = ("cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes")
# The supported request versions show how new a broker is: (request key, version, first Kafka release). Newest first.
RELEASES = (
    (2, 11, "4.2"),
    (69, 1, "4.0"),
    (16, 5, "3.8"),
    (2, 7, "3.0"),
    (60, 0, "2.8"),
    (16, 4, "2.6"),
    (15, 5, "2.4"),
)


async def refresh_metadata(cache: ClusterCache) -> tuple[frozenset[str], list[Fault]]:
    """Read the metadata; return deleted topics and faults.

    A topic is deleted if the complete metadata lacks it and another broker, asked for it by name, does not know it.
    Raises BrokerError if no broker responded.
    """
    started_at = cache.clock()
    cache.rotation += 1
    metadata = await cache.client.call_any(metadata_request(), Purpose.SWEEP_PARALLEL, first=cache.rotation)
    cache.client.addresses = metadata.brokers
    cache.controller = metadata.controller
    gone, faults = frozenset[str](), list[Fault]()
    if metadata.raw != cache.metadata_raw:
        topics = await _decode_in_slices(metadata.topics)
        unread = {topic.name: topic.error for topic in topics if topic.error and not topic.leader}
        missing = cache.partitions.update_metadata([topic for topic in topics if topic.name not in unread])
        gone, faults = await _confirm_deleted(cache, missing - unread.keys())
        faults += [_topic_fault(*topic) for topic in unread.items()]
        cache.partitions.drop(gone)
        cache.partitions.compact()
        cache.metadata_raw = b"" if missing - gone or unread else metadata.raw
    cache.record_call("Metadata", cache.interval_s, started_at, len(cache.partitions.topics))
    return gone, faults


def _topic_fault(name: str, error: int) -> Fault:
    detail = "its partitions are not numbered from 0" if error == INCONSISTENT else error_name(error)
    return Fault(resource=f"topic {name}", why=why_unknown(error), detail=detail, destination=name)


async def _decode_in_slices(topics: Iterable[TopicMetadata]) -> list[TopicMetadata]:
    decoded: list[TopicMetadata] = []
    rows = 0
    for topic in topics:
        decoded.append(topic)
        rows += len(topic.leader)
        if rows >= PARTITIONS_PER_SLICE:
            rows = 0
            await asyncio.sleep(0)
    return decoded


async def _confirm_deleted(cache: ClusterCache, missing: frozenset[str]) -> tuple[frozenset[str], list[Fault]]:
    if not missing:
        return missing, []
    metadata = await cache.client.call_any(metadata_request(sorted(missing)), first=cache.rotation + 1)
    gone, faults = set(), []
    for topic in await _decode_in_slices(metadata.topics):
        if topic.error == UNKNOWN_TOPIC:
            gone.add(topic.name)
        elif topic.error in DENIED:
            detail = f"{error_name(topic.error)}: the user needs DESCRIBE on this topic"
            resource = f"topic {topic.name}"
            faults.append(Fault(resource=resource, why=Why.NOT_PERMITTED, detail=detail, destination=topic.name))
    return frozenset(gone), faults


async def read_health(cache: ClusterCache) -> None:
    """Read which brokers are fenced, what our user may see, and the leader of the controllers."""
    cache.last_read["health"] = cache.clock()
    with suppress(*NO_RESPONSE):
        cache.description = await cache.client.call_any(cluster_api.describe_cluster_request())
    cache.missing_permissions.pop("cluster", None)
    if cache.description is not None and not cache.description.may_describe:
        cache.missing_permissions["cluster"] = "DESCRIBE on the cluster: consumer groups and topic sizes may be missing"
    with suppress(*NO_RESPONSE):  # with ZooKeeper, the metadata names the controller instead
        quorum = await cache.client.call_any(cluster_api.describe_quorum_request())
        cache.quorum = None if quorum.error else quorum


async def read_topic_configs(cache: ClusterCache) -> None:
    """Read the configuration of all topics when due, of new topics at once. Without a response, the old values remain."""
    started_at = cache.clock()
    all_due = cache.is_due("configs", cache.intervals.configs_s)
    names = [name for name, topic in cache.partitions.topics.items() if all_due or not topic.config_read]
    if not names:
        return
    denied = 0
    try:
        for first in range(0, len(names), TOPICS_PER_REQUEST):
            request = cluster_api.topic_configs_request(names[first : first + TOPICS_PER_REQUEST], CONFIG_KEYS)
            configs = await cache.client.call_any(request, Purpose.SLOW)
            denied += cache.partitions.update_configs(configs)
            await asyncio.sleep(0)
    except NO_RESPONSE:
        return
    if all_due:
        cache.last_read["configs"] = started_at
        cache.missing_permissions.pop("configs", None)
    if denied:
        text = f"DESCRIBE_CONFIGS on {denied} of {len(names)} topics: their retention is unknown"
        cache.missing_permissions["configs"] = text
    cache.record_call("DescribeConfigs", cache.intervals.configs_s, started_at, len(names))


async def read_sizes(cache: ClusterCache) -> None:
    started_at = cache.clock()
    codes = await asyncio.gather(*(_read_node_sizes(cache, node) for node in cache.client.addresses))
    cache.missing_permissions.pop("sizes", None)
    if any(code in DENIED for code in codes if code is not None) and "cluster" not in cache.missing_permissions:
        cache.missing_permissions["sizes"] = "DESCRIBE on the cluster: topic sizes are missing"
    cache.last_read["sizes"] = started_at
    cache.record_call("DescribeLogDirs", cache.intervals.sizes_s, started_at, len(cache.partitions.topics))


async def _read_node_sizes(cache: ClusterCache, node: int) -> int | None:
    """Read one broker's sizes; return its error code, None without a response."""
    try:
        answer = await cache.client.call(node, cluster_api.log_dirs_request(), Purpose.SLOW)
    except NO_RESPONSE:
        return None
    cache.log_dir_faults[node] = [
        Fault(resource=f"log directory {path} of broker {node}", why=why_unknown(error), detail=error_name(error))
        for path, error in answer.failed.items()
    ]
    if not answer.error:
        cache.partitions.update_sizes(node, answer.sizes)
    return answer.error


def build_cluster(cache: ClusterCache, responding: set[int], *, took_s: float) -> Cluster:
    """Return the cluster's health; `responding` are the brokers that responded in this sweep, which took `took_s`."""
    leadership = cache.partitions.leadership()
    fenced = cache.description.fenced if cache.description else ()
    quorum_leader = [cache.quorum.leader] if cache.quorum else []
    ids = sorted({*cache.client.addresses, *fenced, *quorum_leader, *leadership.replica_nodes})
    return Cluster(
        read_at=cache.clock(),
        product="Apache Kafka",
        version=_version(cache, responding),
        nodes=tuple(_build_node(cache, node, leadership.led.get(node, 0), responding) for node in ids),
        under_replicated=leadership.under_replicated,
        offline=leadership.led.get(-1, 0),
        missing_permissions=tuple(cache.missing_permissions.values()),
        notes=tuple(_notes(cache, took_s)),
    )


def _notes(cache: ClusterCache, took_s: float) -> Iterator[str]:
    if took_s > cache.intervals.sweep_s:
        yield (
            f"Reading everything took {duration(took_s)}, longer than the interval of {duration(cache.intervals.sweep_s)}: "
            f"Signalbox reads every {duration(cache.interval_s)} now."
        )
    if throttled_s := cache.client.take_throttled_s():
        yield (
            f"A quota of the cluster delayed answers to Signalbox by up to {duration(throttled_s)}. "
            f"Raise request_percentage for client ID {cache.settings.client_id} or its user."
        )


def _build_node(cache: ClusterCache, node: int, led: int, responding: set[int]) -> Node:
    # Without ZooKeeper, the metadata names a random broker as controller.
    uses_kraft = any(cluster_api.DESCRIBE_QUORUM.key in cache.client.api_versions(n) for n in cache.client.addresses)
    controller = cache.quorum.leader if cache.quorum else None if uses_kraft else cache.controller
    is_fenced = cache.description is not None and bool(cache.description.fenced.get(node))
    note = f"leads {led} partition{'' if led == 1 else 's'}"
    address = cache.client.address_of(node)
    running: bool | None = node in responding
    if not address:
        is_broker = is_fenced or cache.quorum is None or node != cache.quorum.leader
        address = cache.quorum.addresses.get(node, "") if cache.quorum else ""
        note = "fenced: the controller does not hear from it" if is_fenced else "not in the cluster now"
        running = False if is_broker else None
        note = note if is_broker else "controller only: Signalbox connects to brokers only"
    return Node(id=str(node), address=address, running=running, controller=node == controller, note=note)


def _version(cache: ClusterCache, responding: set[int]) -> str | None:
    """Return the minimum release of all responding brokers; brokers do not report their version."""
    brokers = [versions for node in responding if (versions := cache.client.api_versions(node))]
    for key, version, release in RELEASES:
        if brokers and all(versions.get(key, (0, -1))[1] >= version for versions in brokers):
            return f"{release} or later"
    return None

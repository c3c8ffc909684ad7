"""The page of one consumer group: is it keeping up, why not, when is it too late?"""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import GroupView, PartitionView
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.group_facts import group_facts
from signalbox.web.monitoring.members import Members, members
from signalbox.web.monitoring.partition_rows import PartitionTable, partition_table
from signalbox.web.monitoring.parts import Fact, Notice, Pair, link_notices
from signalbox.web.monitoring.rows import Sign, plural, sign
from signalbox.web.monitoring.tracks import Tracks, tracks
from signalbox.web.monitoring.windows import Chart, group_charts

DESTINATIONS_NAMED = 6


@dataclass(frozen=True, slots=True)
class LinkState:
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHead:
    """Name, verdict, reason and facts: one live fragment."""

    key: str
    name: str
    sign: Sign
    reads: tuple[LinkState, ...]
    reads_more: int
    connection: LinkState
    kind: str
    read_at: float
    interval_s: float
    sentence: Sequence[Span]
    why: Sequence[Span]
    facts: tuple[Fact, ...]
    stale: bool
    notices: tuple[Notice, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The picture of the partitions: one live fragment."""

    key: str
    tracks: Tracks | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage:
    head: GroupHead
    track: Track
    charts: Chart
    partitions: PartitionTable
    members: Members
    reading: tuple[Pair, ...]


def group_page(glance: Glance, view: GroupView, *, window: str) -> GroupPage:
    rows = glance.partitions(view)
    return GroupPage(
        head=group_head(glance, view),
        track=track(glance, view, rows),
        charts=group_charts(glance, view, window),
        partitions=partition_table(glance, view),
        members=members(view, rows),
        reading=_reading(glance, view),
    )


def group_head(glance: Glance, view: GroupView) -> GroupHead:
    unseen = glance.unseen(view.connection)
    sentence = words.group_sentence(view, glance.now)
    stale = unseen or glance.stale_group(view)
    status = glance.status_of(view)
    told = status.value if unseen else words.status_text(view.verdict, glance.now)
    names = view.group.destinations
    return GroupHead(
        key=keys.group(view.connection, view.name),
        name=view.name,
        sign=sign(status, f"{told}, then" if stale and not unseen else told),
        reads=tuple(LinkState(n, urls.destination(view.connection, n)) for n in names[:DESTINATIONS_NAMED]),
        reads_more=max(0, len(names) - DESTINATIONS_NAMED),
        connection=LinkState(view.connection, urls.connection(view.connection)),
        kind=view.group.kind,
        read_at=view.read_at,
        interval_s=view.interval_s,
        sentence=words.as_of(sentence, view.read_at, glance.now, unknown=unseen) if stale else sentence,
        why=words.group_reason(view, glance.now),
        facts=group_facts(glance, view),
        stale=stale,
        notices=link_notices(glance, glance.links.get(view.connection), view.read_at),
        notes=view.group.notes,
    )


def track(glance: Glance, view: GroupView, rows: Sequence[PartitionView]) -> Track:
    notes = {}
    for name in dict.fromkeys(row.destination for row in rows):
        found = glance.monitor.destination(view.connection, name)
        notes[name] = "" if found is None or found.rate_in is None else figures.rate(found.rate_in)
    return Track(key=keys.group(view.connection, view.name), tracks=tracks(view.name, rows, notes))


def _reading(glance: Glance, view: GroupView) -> tuple[Pair, ...]:
    group = view.group
    asked = [
        _every(glance, view),
        Pair(label="Last", text=figures.utc_time(view.read_at, glance.now), note="UTC"),
        Pair(label="Broker says", text=group.state_text or group.state.value, mono=bool(group.state_text)),
    ]
    if group.members_at is not None:
        asked.append(Pair(label="Members read", text=figures.utc_time(group.members_at, glance.now)))
    if group.coordinator is not None:
        asked.append(Pair(label="Coordinator", text=group.coordinator, mono=True))
    if view.kind is BrokerKind.KAFKA:
        asked.append(Pair(label="Order", text="commits are read before end offsets, so lag is never below zero"))
    if group.approximate:
        asked.append(Pair(label="Counts", text="approximate: the broker's own guess, marked \u2248"))
    asked.append(Pair(label="Rows", text=plural(len(group.positions), "partition") if group.positions else "none"))
    return tuple(asked)


def _every(glance: Glance, view: GroupView) -> Pair:
    """Say how often it is read, and how much oftener because this page shows it."""
    link = glance.links.get(view.connection)
    usual = view.interval_s if link is None else link.interval_s
    watched = None if link is None else link.watch_interval_s
    oftener = watched is not None and watched < usual
    note = f"; every {figures.duration(watched)} while this page is open" if oftener else ""
    return Pair(label="Every", text=f"{figures.duration(usual)}{note}")

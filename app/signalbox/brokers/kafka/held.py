"""What is kept of each group between two readings, and how it becomes a `Group`. An unchanged group stays the same object."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt, sub

from signalbox.brokers.kafka.errors import why_of
from signalbox.brokers.kafka.layout import Layout, Topic
from signalbox.brokers.kafka.protocol.groups import (
    CLASSIC,
    CONSUMER,
    SHARE,
    STREAMS,
    Described,
    DescribedMember,
    Listed,
    ShareOffsets,
)
from signalbox.brokers.kafka.protocol.offsets import Commits
from signalbox.brokers.model import UNKNOWN, Group, GroupState, Member, Positions, Why

KINDS = {CLASSIC: "classic", CONSUMER: "new protocol", SHARE: "share", STREAMS: "streams"}
STATES = {
    "Stable": GroupState.ACTIVE,
    "Empty": GroupState.EMPTY,
    "Dead": GroupState.EMPTY,
    "PreparingRebalance": GroupState.REBALANCING,
    "CompletingRebalance": GroupState.REBALANCING,
    "Assigning": GroupState.REBALANCING,
    "Reconciling": GroupState.REBALANCING,
    "NotReady": GroupState.REBALANCING,
}
NOTE_COMPACTED = "a compacted topic keeps fewer messages than its positions say: the lag is at most this"
NOTE_SHARE = "a share group: its lag counts what was handed out and not yet acknowledged"
NOTE_SHARE_OLD = "a share group on a broker that tells no lag: counted from its first position not yet acknowledged"
NOTE_MEMBERS_DENIED = "the broker does not let this user see its members: it may read topics that are hidden from us"

Shows = Callable[[str], bool]


@dataclass(slots=True, kw_only=True, eq=False)
class Rows:
    """A group's rows in columns, as far as they do not depend on ends. `told` is the broker's own lag, for share groups."""

    names: tuple[str, ...] = ()
    topics: Sequence[Topic] = ()  # those of `names` that the metadata knows
    destination: "array[int]" = field(default_factory=lambda: array("i"))
    partition: "array[int]" = field(default_factory=lambda: array("i"))
    settled: "array[int]" = field(default_factory=lambda: array("q"))
    slots: "array[int]" = field(default_factory=lambda: array("i"))
    odd: dict[int, Why] = field(default_factory=dict)  # row -> why its settled position is not known
    told: "array[int] | None" = None


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """One group."""

    listed: Listed
    node: int
    requested_at: float = 0.0
    commits: Commits | None = None
    share: ShareOffsets | None = None
    error: int = 0
    state: str = ""
    described_state: str = ""  # the state in which its members were read last
    members: tuple[Member, ...] | None = None
    members_denied: bool = False
    described_at: float | None = None
    members_at: float | None = None
    assigned: Mapping[str, frozenset[int]] = field(default_factory=dict)
    group: Group | None = None
    changed: bool = True  # something else than ends
    _rows: Rows | None = None
    _rows_of: int = -1  # the layout's generation whose slots they name
    _versions: tuple[int, ...] = ()
    _topics: list[int] = field(default_factory=list)  # the versions of its topics

    @property
    def raw(self) -> bytes:
        return self.commits.raw if self.commits and not self.error else b""

    def relist(self, listed: Listed, node: int) -> None:
        """Take what ListGroups says of it now."""
        if (listed.state and listed.state != self.state) or listed.type != self.listed.type or node != self.node:
            self.changed = True
            self.state = listed.state or self.state
        self.listed, self.node = listed, node

    def take(self, answer: Commits | ShareOffsets, requested_at: float) -> None:
        """Take where it stands, asked for at that time."""
        self.requested_at = requested_at
        self.error = answer.error
        self.changed = True
        self._rows = None
        if isinstance(answer, Commits):
            self.commits = answer
        else:
            self.share = answer

    def fell(self, answer: Commits) -> bool:
        """Say whether any position of this answer is below the one held: told by a broker that slept, or a real rewind."""
        old = self.commits
        if old is None or answer.error or self.error:
            return False
        if old.topics == answer.topics and old.partition == answer.partition:
            if not any(map(lt, answer.offset, old.offset)):
                return False
            return any(new < before for new, before in zip(answer.offset, old.offset, strict=True) if new >= 0)
        before = dict(zip(_keys(old), old.offset, strict=True))
        return any(0 <= new < before.get(key, 0) for key, new in zip(_keys(answer), answer.offset, strict=True))

    def describe(self, described: Described, at: float) -> None:
        """Take its members."""
        self.described_state, self.members_denied, self.described_at = self.state, False, at
        members = tuple(_member(member) for member in described.members)
        if described.state not in ("", "Dead", self.state):  # newer than the list
            self.state = self.described_state = described.state
            self.changed = True
        if members != self.members or self.members_at is None:
            self.changed = True
        self.members, self.members_at = members, at
        assigned = _assigned(described.members)
        if (assigned or STATES.get(self.state) is not GroupState.REBALANCING) and assigned != self.assigned:
            self.assigned, self._rows, self.changed = assigned, None, True

    def hide_members(self, at: float) -> None:
        """We may not see its members: for the new protocol one subscribed topic that is denied suffices."""
        self.described_state, self.described_at = self.state, at
        if not self.members_denied:
            self.members, self.members_at, self.members_denied, self.changed = None, None, True, True

    def prepare(self, layout: Layout, shows: Shows) -> Rows:
        """Return its rows; ends are not needed for them, so that this can be done while ends are on their way."""
        if self._rows is None or self._rows_of != layout.generation:
            self._rows, self._rows_of = _combine(self, layout, shows), layout.generation
            self.changed = True
        return self._rows

    def build(self, layout: Layout, shows: Shows) -> Group:
        """Return the group as it is now: the same object when nothing changed."""
        versions = (layout.generation, *layout.versions)
        if versions == self._versions and not self.changed and self.group is not None:
            return self.group
        rows, ends = self.prepare(layout, shows), layout.ends
        same = not self.changed and versions[:-1] == self._versions[:-1]  # but for ends, which are compared
        topics = [topic.version for topic in rows.topics]
        if same and topics == self._topics and self.group is not None:
            return self.group
        arrived = array("q", [ends[slot] for slot in rows.slots])
        self._versions, self._topics, self.changed = versions, topics, False
        if same and self.group is not None and arrived == self.group.positions.arrived:
            return self.group
        self.group = _group(self, rows, _positions(rows, arrived, layout), layout)
        return self.group


def _keys(commits: Commits) -> Iterable[tuple[str, int]]:
    row = 0
    for name, count in commits.topics:
        for partition in commits.partition[row : row + count]:
            yield name, partition
        row += count


def _member(member: DescribedMember) -> Member:
    note = ""
    if member.target is not None:
        extra = {t: sorted(set(ps) - set(member.target.get(t, ()))) for t, ps in member.held.items()}
        owed = [f"{topic} {', '.join(map(str, ps))}" for topic, ps in extra.items() if ps]
        note = f"must still give up {'; '.join(owed)}" if owed else ""
    host = member.host.removeprefix("/")
    return Member(id=member.id, client=member.client, host=host, assigned=dict(member.held), note=note)


def _assigned(members: Iterable[DescribedMember]) -> Mapping[str, frozenset[int]]:
    assigned: dict[str, set[int]] = {}
    for member in members:
        for topic, partitions in member.held.items():
            assigned.setdefault(topic, set()).update(partitions)
    return {topic: frozenset(partitions) for topic, partitions in assigned.items()}


def _combine(held: Held, layout: Layout, shows: Shows) -> Rows:
    """Join what is committed with what is assigned and never committed; leave out topics that the patterns hide."""
    topics: list[tuple[str, Sequence[int], Sequence[int], Mapping[int, Why]]] = []
    if held.share is not None:
        return _share_rows(held.share, layout, shows)
    commits, row = held.commits, 0
    missing = dict(held.assigned)
    for name, count in commits.topics if commits else ():
        assert commits is not None  # noqa: S101 - the loop is over its topics
        partitions, offsets = commits.partition[row : row + count], commits.offset[row : row + count]
        odd = {i - row: why_of(code) for i, code in commits.errors.items() if row <= i < row + count}
        if min(offsets, default=0) < 0:
            odd |= {i: Why.NEVER_COMMITTED for i, at in enumerate(offsets) if at < 0 and i not in odd}
        topics.append((name, partitions, offsets, odd))
        if name in missing:
            missing[name] -= set(partitions)
        row += count
    for name, left in missing.items():
        if left:
            # A topic that is read and not in the metadata is hidden from us, and its commits with it.
            why = Why.NEVER_COMMITTED if name in layout.topics else Why.NOT_PERMITTED
            topics.append((name, sorted(left), [UNKNOWN] * len(left), dict.fromkeys(range(len(left)), why)))
    return _rows([topic for topic in topics if shows(topic[0])], layout)


def _rows(topics: Iterable[tuple[str, Sequence[int], Sequence[int], Mapping[int, Why]]], layout: Layout) -> Rows:
    rows, index = Rows(), dict[str, int]()
    for name, partitions, offsets, odd in topics:
        first = len(rows.partition)
        place = index.setdefault(name, len(index))
        rows.destination.extend(array("i", [place]) * len(partitions))
        rows.partition.extend(partitions)
        rows.settled.extend(
            [offset if i not in odd else UNKNOWN for i, offset in enumerate(offsets)] if odd else offsets
        )
        rows.slots.extend(layout.slots([(name, len(partitions))], partitions))
        rows.odd |= {first + i: why for i, why in odd.items()}
    rows.names = tuple(index)
    rows.topics = [layout.topics[name] for name in index if name in layout.topics]
    return rows


def _share_rows(share: ShareOffsets, layout: Layout, shows: Shows) -> Rows:
    topics: dict[str, tuple[list[int], list[int], dict[int, Why]]] = {}
    lags: dict[str, list[int]] = {}
    for row in share.rows:
        if not shows(row.topic):
            continue
        partitions, starts, odd = topics.setdefault(row.topic, ([], [], {}))
        if row.error:
            odd[len(starts)] = why_of(row.error)
        elif row.start < 0:
            odd[len(starts)] = Why.NEVER_COMMITTED
        elif share.told_lag and row.lag < 0:
            odd[len(starts)] = Why.NOT_REPORTED
        partitions.append(row.partition)
        starts.append(row.start)
        lags.setdefault(row.topic, []).append(row.lag)
    rows = _rows([(name, *columns) for name, columns in topics.items()], layout)
    if share.told_lag:
        rows.told = array("q", [lag for name in topics for lag in lags[name]])
    return rows


def _positions(rows: Rows, arrived: "array[int]", layout: Layout) -> Positions:
    starts = layout.starts
    start = array("q", [starts[slot] for slot in rows.slots])
    lag = array("q", map(sub, arrived, rows.settled))
    why: tuple[Why, ...] | None = None
    if rows.odd or rows.told is not None or (len(lag) and (min(lag) < 0 or min(map(sub, rows.settled, start)) < 0)):
        lag, why = _odd_lags(rows, arrived, start, layout)
    if layout.markers:
        _leave_out_markers(lag, rows, layout)
    stables = layout.stables
    return Positions(
        names=rows.names,
        destination=rows.destination,
        partition=rows.partition,
        settled=rows.settled,
        arrived=arrived,
        lag=lag,
        why=why,
        start=start,
        stable=array("q", [stables[slot] for slot in rows.slots]) if layout.open_transactions else None,
    )


def _odd_lags(
    rows: Rows, arrived: "array[int]", start: "array[int]", layout: Layout
) -> tuple["array[int]", tuple[Why, ...] | None]:
    lags, whys = array("q"), []
    for row, (end, settled, begin) in enumerate(zip(arrived, rows.settled, start, strict=True)):
        lag, why = UNKNOWN, Why.KNOWN
        if row in rows.odd:
            why = rows.odd[row]
        elif rows.told is not None:
            lag = rows.told[row]
        elif end < 0:
            why = layout.whys.get(rows.slots[row], Why.NO_ANSWER)
        elif settled > end:
            why = Why.BEYOND_END  # a topic made anew, or a log cut off: the distance says nothing
        else:
            lag = end - max(settled, begin)  # what was deleted unread cannot be read any more
        lags.append(lag)
        whys.append(why)
    return lags, tuple(whys) if any(why is not Why.KNOWN for why in whys) else None


def _leave_out_markers(lag: "array[int]", rows: Rows, layout: Layout) -> None:
    """A consumer that commits the message after its last stops before the marker of a transaction: nothing waits there."""
    for row, slot in enumerate(rows.slots):
        if lag[row] > 0 and rows.settled[row] >= layout.markers.get(slot, rows.settled[row] + 1):
            lag[row] = 0


def _group(held: Held, rows: Rows, positions: Positions, layout: Layout) -> Group:
    known = [lag for lag in positions.lag if lag >= 0] if positions.why else positions.lag
    old_share = held.share is not None and not held.share.told_lag
    notes = []
    if held.share is not None:
        notes.append(NOTE_SHARE_OLD if old_share else NOTE_SHARE)
    if held.members_denied:
        notes.append(NOTE_MEMBERS_DENIED)
    if any(topic.compacted for name in rows.names if (topic := layout.topics.get(name))):
        notes.append(NOTE_COMPACTED)
    return Group(
        name=held.listed.group,
        kind=KINDS.get(held.listed.type, held.listed.type),
        state=STATES.get(held.state, GroupState.UNKNOWN),
        positions=positions,
        lag=sum(known) if len(known) else None,
        lag_partial=len(known) < len(positions) or held.members_denied,
        approximate=old_share,
        state_text=held.state,
        members=held.members,
        member_count=None if held.members is None else len(held.members),
        members_at=held.members_at,
        coordinator=str(held.node),
        why=why_of(held.error) if held.error else Why.KNOWN,
        notes=tuple(notes),
    )

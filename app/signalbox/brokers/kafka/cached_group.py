"""Cache one group between readings, and build a `Group` from it. An unchanged group stays the same object."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt

from signalbox.brokers.kafka.errors import NONE, why_unknown
from signalbox.brokers.kafka.group_positions import GroupRows, build_positions
from signalbox.brokers.kafka.offset_table import ENDS, OffsetTable
from signalbox.brokers.kafka.protocol.groups import (
    CONSUMER_PROTOCOLS,
    GroupDescription,
    GroupListing,
    MemberDescription,
    ShareOffsets,
    SharePartition,
)
from signalbox.brokers.kafka.protocol.offsets import CommittedOffsets
from signalbox.brokers.model import UNKNOWN, Group, GroupState, Member, Positions, Why

KINDS = {"consumer": "new protocol"}  # the other types are displayed as brokers spell them
REBALANCING_STATES = ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "NotReady")
STATES = {"Stable": GroupState.ACTIVE, "Empty": GroupState.EMPTY, "Dead": GroupState.EMPTY}
STATES |= dict.fromkeys(REBALANCING_STATES, GroupState.REBALANCING)
NOTE_COMPACTED = "This group reads a compacted topic, which keeps fewer messages than offsets: the lag is at most this."
NOTE_MARKERS = (
    "Transaction markers and messages of aborted transactions count as offsets in a topic of this group: "
    "the lag is at most this."
)
NOTE_SHARE = "Share group: the lag includes messages that are in flight (delivered, not acknowledged)."
NOTE_SHARE_OLD = (
    "Share group: this broker reports no lag. The lag shown counts from the first offset that is not acknowledged."
)
NOTE_UNDECODED = (
    "The assignment of a member cannot be decoded. Partitions without a committed offset may be missing from the lag."
)
NOTE_MEMBERS_DENIED = (
    "The broker does not show the members of this group to our user. The group may read topics that we cannot see."
)

NameFilter = Callable[[str], bool]


# name, partitions, offsets, row -> why its offset is unknown
TopicRows = tuple[str, Sequence[int], Sequence[int], Mapping[int, Why]]


@dataclass(slots=True, kw_only=True, eq=False)
class CachedGroup:
    """One group: its last listing, offsets, members and the `Group` built from them."""

    listing: GroupListing
    node: int
    requested_at: float = 0.0
    committed: CommittedOffsets | None = None
    share: ShareOffsets | None = None
    error: int = 0
    state: str = ""
    described_state: str = ""  # the state at the last reading of the members
    members: tuple[Member, ...] | None = None
    members_denied: bool = False
    members_error: int = 0  # of the last description
    has_undecoded_member: bool = False
    described_at: float | None = None
    members_at: float | None = None
    assigned: Mapping[str, frozenset[int]] = field(default_factory=dict)
    group: Group | None = None
    changed: bool = True  # anything except end offsets
    _rows: GroupRows | None = None
    _rows_generation: int = -1  # the generation of the partition table whose slots `_rows` uses
    _versions: tuple[int, ...] = ()
    _reads_topics: bool = False
    _topic_versions: list[int] = field(default_factory=list)
    _contents_versions: list[int] = field(default_factory=list)

    @property
    def reads_topics(self) -> bool:
        """Whether this is a consumer group: Connect workers and schema registries are groups without offsets."""
        if not self._reads_topics:
            committed = self.committed is not None and bool(self.committed.topics)
            self._reads_topics = self.has_consumer_protocol or committed
        return self._reads_topics

    @property
    def has_consumer_protocol(self) -> bool:
        return self.listing.protocol in CONSUMER_PROTOCOLS

    @property
    def raw(self) -> bytes:
        return self.committed.raw if self.committed and not self.error else b""

    def update_listing(self, listing: GroupListing, node: int) -> None:
        if (listing.state and listing.state != self.state) or listing.type != self.listing.type or node != self.node:
            self.changed = True
            self.state = listing.state or self.state
        self.listing, self.node = listing, node

    def accept_offsets(self, offsets: CommittedOffsets | ShareOffsets | None, requested_at: float) -> bool:
        """Store the offsets (None = unchanged), unless newer ones are stored. Return False if they are rewound: read them again."""
        if offsets is not None and requested_at >= self.requested_at:
            if isinstance(offsets, CommittedOffsets) and self.is_rewound(offsets):
                return False
            self.update_offsets(offsets, requested_at)
        self.requested_at = max(self.requested_at, requested_at)
        return True

    def update_offsets(self, offsets: CommittedOffsets | ShareOffsets, requested_at: float) -> None:
        self.requested_at = requested_at
        self.error = offsets.error
        self.changed = True
        self._rows = None
        if isinstance(offsets, CommittedOffsets):
            self.committed = offsets
        else:
            self.share = offsets

    def is_rewound(self, offsets: CommittedOffsets) -> bool:
        """Return whether any offset is lower than the stored one: a real rewind, or an old value of a paused broker."""
        old = self.committed
        if old is None or offsets.error or self.error:
            return False
        same_rows = old.topics == offsets.topics and old.partition == offsets.partition
        if same_rows and not any(map(lt, offsets.offset, old.offset)):  # nearly always
            return False
        before = dict(zip(_partition_keys(old), old.offset, strict=True))
        keys = _partition_keys(offsets)
        return any(0 <= new < before.get(key, 0) for key, new in zip(keys, offsets.offset, strict=True))

    def update_members(self, description: GroupDescription, at: float) -> None:
        self.described_state, self.members_denied, self.described_at = self.state, False, at
        members = tuple(_member(member) for member in description.members)
        if description.state not in ("", "Dead", self.state):  # newer than the list
            self.state = self.described_state = description.state
            self.changed = True
        if members != self.members or self.members_at is None:
            self.changed = True
        self.members, self.members_at = members, at
        self.has_undecoded_member = any(member.assigned is None for member in members)
        assigned = _assigned_partitions(description.members)
        if (assigned or STATES.get(self.state) is not GroupState.REBALANCING) and assigned != self.assigned:
            self.assigned, self._rows, self.changed = assigned, None, True

    def deny_members(self, at: float) -> None:
        """Record that we may not see the members. In the new protocol, one denied subscribed topic is enough for that."""
        self.described_state, self.described_at = self.state, at
        if not self.members_denied:
            self.members, self.members_at, self.members_denied, self.changed = None, None, True, True
            self.has_undecoded_member = False

    def prepare_rows(self, table: OffsetTable, is_shown: NameFilter) -> GroupRows:
        """Return the group's rows. Needs no end offsets, so it can run while these are being read."""
        if self._rows is None or self._rows_generation != table.generation:
            self._rows, self._rows_generation = _build_rows(self, table, is_shown), table.generation
            self.changed = True
        return self._rows

    def build(self, table: OffsetTable, is_shown: NameFilter) -> Group:
        """Return the group as it is now; the same object if nothing changed."""
        versions = (table.generation, *table.versions)
        if versions == self._versions and not self.changed and self.group is not None:
            return self.group
        rows, ends = self.prepare_rows(table, is_shown), table.ends
        same_except_ends = not self.changed and versions[: ENDS + 1] == self._versions[: ENDS + 1]
        topic_versions = [topic.version for topic in rows.topics]
        contents_versions = [topic.contents_version for topic in rows.topics]
        same_contents = contents_versions == self._contents_versions
        if same_except_ends and same_contents and topic_versions == self._topic_versions and self.group is not None:
            return self.group
        arrived = array("q", [ends[slot] for slot in rows.slots])
        self._versions, self._topic_versions, self._contents_versions = versions, topic_versions, contents_versions
        self.changed = False
        if same_except_ends and same_contents and self.group and arrived == self.group.positions.arrived:
            return self.group
        self.group = _build_group(self, rows, build_positions(rows, arrived, table))
        return self.group


def _partition_keys(committed: CommittedOffsets) -> Iterable[tuple[str, int]]:
    row = 0
    for name, count in committed.topics:
        for partition in committed.partition[row : row + count]:
            yield name, partition
        row += count


def _member(member: MemberDescription) -> Member:
    host, assigned = member.host.removeprefix("/"), member.assigned
    if assigned is None:
        note = "its assignment, which a client of the group writes, cannot be decoded"
        return Member(id=member.id, client=member.client, host=host, assigned=None, note=note)
    note = ""
    if member.target is not None:
        extra = {t: sorted(set(ps) - set(member.target.get(t, ()))) for t, ps in assigned.items()}
        to_revoke = [f"{topic} {', '.join(map(str, ps))}" for topic, ps in extra.items() if ps]
        note = f"still has to give up {'; '.join(to_revoke)}" if to_revoke else ""
    return Member(id=member.id, client=member.client, host=host, assigned=dict(assigned), note=note)


def _assigned_partitions(members: Iterable[MemberDescription]) -> Mapping[str, frozenset[int]]:
    assigned: dict[str, set[int]] = {}
    for member in members:
        for topic, partitions in (member.assigned or {}).items():
            assigned.setdefault(topic, set()).update(partitions)
    return {topic: frozenset(partitions) for topic, partitions in assigned.items()}


def _build_rows(cached: CachedGroup, table: OffsetTable, is_shown: NameFilter) -> GroupRows:
    """Join committed partitions with assigned ones that were never committed; leave out topics that the filter excludes."""
    if cached.share is not None:
        return _share_rows(cached.share, cached.assigned, table, is_shown)
    topics: list[TopicRows] = []
    committed, row = cached.committed, 0
    never_committed = dict(cached.assigned)
    for name, count in committed.topics if committed else ():
        assert committed is not None  # noqa: S101 - the loop iterates over its topics
        partitions, offsets = committed.partition[row : row + count], committed.offset[row : row + count]
        unknown = {i - row: why_unknown(code) for i, code in committed.errors.items() if row <= i < row + count}
        if min(offsets, default=0) < 0:
            unknown |= {i: Why.NEVER_COMMITTED for i, offset in enumerate(offsets) if offset < 0 and i not in unknown}
        topics.append((name, partitions, offsets, unknown))
        if name in never_committed:
            never_committed[name] -= set(partitions)
        row += count
    for name, left in never_committed.items():
        if left:
            # An assigned topic that the metadata does not contain is hidden from us, and so are its committed offsets.
            why = Why.NEVER_COMMITTED if name in table.topics else Why.NOT_PERMITTED
            topics.append((name, sorted(left), [UNKNOWN] * len(left), dict.fromkeys(range(len(left)), why)))
    return _join_rows([topic for topic in topics if is_shown(topic[0])], table)


def _join_rows(topics: Iterable[TopicRows], table: OffsetTable) -> GroupRows:
    rows, index = GroupRows(), dict[str, int]()
    for name, partitions, offsets, unknown in topics:
        first = len(rows.partition)
        destination = index.setdefault(name, len(index))
        rows.destination.extend(array("i", [destination]) * len(partitions))
        rows.partition.extend(partitions)
        rows.settled.extend(
            [offset if i not in unknown else UNKNOWN for i, offset in enumerate(offsets)] if unknown else offsets
        )
        rows.slots.extend(table.slots(name, partitions))
        rows.unknown |= {first + i: why for i, why in unknown.items()}
    rows.names = tuple(index)
    rows.topics = [table.topics[name] for name in index if name in table.topics]
    return rows


def _share_rows(
    share: ShareOffsets, assigned: Mapping[str, frozenset[int]], table: OffsetTable, is_shown: NameFilter
) -> GroupRows:
    """Return the broker's rows, and the assigned partitions that it does not report before the first read."""
    topics: dict[str, tuple[list[int], list[int], dict[int, Why]]] = {}
    lags: dict[str, list[int]] = {}
    reported = {(row.topic, row.partition) for row in share.partitions}
    unread = [
        SharePartition(topic, partition, UNKNOWN, UNKNOWN, NONE)
        for topic, partitions in assigned.items()
        for partition in sorted(partitions)
        if (topic, partition) not in reported
    ]
    for row in (*share.partitions, *unread):
        if not is_shown(row.topic):
            continue
        partitions, starts, unknown = topics.setdefault(row.topic, ([], [], {}))
        if row.error:
            unknown[len(starts)] = why_unknown(row.error)
        elif row.start_offset < 0:
            unknown[len(starts)] = Why.NEVER_COMMITTED
        elif share.has_lag and row.lag < 0:
            unknown[len(starts)] = Why.NOT_REPORTED
        partitions.append(row.partition)
        starts.append(row.start_offset)
        lags.setdefault(row.topic, []).append(row.lag)
    rows = _join_rows([(name, *columns) for name, columns in topics.items()], table)
    if share.has_lag:
        rows.reported_lag = array("q", [lag for name in topics for lag in lags[name]])
    return rows


def _build_group(cached: CachedGroup, rows: GroupRows, positions: Positions) -> Group:
    known = [lag for lag in positions.lag if lag >= 0] if positions.why else positions.lag
    is_old_share = cached.share is not None and not cached.share.has_lag
    at_most = any(topic.has_gaps for topic in rows.topics) and _counts_gaps(rows, positions)
    notes = {
        NOTE_SHARE_OLD if is_old_share else NOTE_SHARE: cached.share is not None,
        NOTE_UNDECODED: cached.has_undecoded_member,
        NOTE_MEMBERS_DENIED: cached.members_denied,
        NOTE_COMPACTED: any(topic.is_compacted for topic in rows.topics),
        NOTE_MARKERS: at_most and any(topic.may_hold_markers for topic in rows.topics),
    }
    return Group(
        name=cached.listing.group,
        kind=KINDS.get(cached.listing.type, cached.listing.type),
        state=STATES.get(cached.state, GroupState.UNKNOWN),
        positions=positions,
        lag=sum(known) if len(known) else None,
        lag_partial=len(known) < len(positions) or cached.members_denied or cached.has_undecoded_member,
        lag_at_most=at_most,
        approximate=is_old_share,
        state_text=cached.state,
        members=cached.members,
        member_count=None if cached.members is None else len(cached.members),
        members_at=cached.members_at,
        coordinator=str(cached.node),
        why=why_unknown(cached.error) if cached.error else Why.KNOWN,
        notes=tuple(note for note, applies in notes.items() if applies),
    )


def _counts_gaps(rows: GroupRows, positions: Positions) -> bool:
    """Return whether messages wait on a topic some of whose offsets hold no message."""
    gaps = {topic.meta.name for topic in rows.topics if topic.has_gaps}
    indexes = {index for index, name in enumerate(rows.names) if name in gaps}
    return any(lag > 0 and index in indexes for lag, index in zip(positions.lag, rows.destination, strict=True))

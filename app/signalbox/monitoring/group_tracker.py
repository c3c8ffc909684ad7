"""Follows one consumer group over time: its recent readings, its confirmed verdict and its view."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest

from signalbox.brokers.model import (
    UNKNOWN,
    BrokerKind,
    Destination,
    Group,
    GroupState,
    Member,
    OldestUnread,
    RetentionLimits,
    Why,
)
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring import columns
from signalbox.monitoring.assignment import Assignment
from signalbox.monitoring.count_history import CountHistory
from signalbox.monitoring.judge import (
    REWOUND_SHOWN_S,
    GroupFacts,
    PartitionFacts,
    Thresholds,
    data_loss_at,
    has_consumers,
    judge_group,
    judge_partition,
    still_limit,
)
from signalbox.monitoring.losses import Losses
from signalbox.monitoring.model import SEVERITY, Flow, GroupView, PartitionView, Status, TimeLag, TimeLagMethod, Verdict
from signalbox.monitoring.presence import Presence
from signalbox.monitoring.rate_integral import RateIntegral
from signalbox.monitoring.row_facts import end_of_lag, lost_rows, open_transactions, owners_of, retention_that_loses
from signalbox.monitoring.steadiness import SteadyVerdict
from signalbox.monitoring.time_lags import OldestMessage, group_time_lag, row_time_lag
from signalbox.monitoring.window import PushResult, ReadingWindow

OLDEST_ROWS_MAX = 8
SHARE = "share"  # Kafka's share groups acknowledge in any order, so their start offset is no position
JUDGED_ROWS_MAX = 500  # each reading, losses first, then the largest lag: more would block the event loop for 10 ms
PartitionKey = tuple[str, int]  # destination, partition


class GroupTracker:
    """Takes readings; `view` is the same object until something in it changes."""

    def __init__(self, connection: str, kind: BrokerKind, *, positional: bool, batch: bool, limits: Thresholds) -> None:
        self.view: GroupView | None = None
        self.window = ReadingWindow(positional=positional)
        self._connection, self._kind, self._batch, self._limits = connection, kind, batch, limits
        self._steady = SteadyVerdict(limits.ok_below_s)
        self._verdict: Verdict | None = None  # as shown with the last reading
        self._presence = Presence()
        self._present: bool | None = None
        self._oldest: dict[PartitionKey, OldestMessage] = {}
        self._requested_at_position: dict[PartitionKey, int] = {}
        self._new_oldest: dict[PartitionKey, OldestMessage] = {}  # they count from the next reading on
        self._assignment = Assignment(kind)
        # row -> the stable end below the end, and since when
        self._open_transactions: dict[int, tuple[int, float]] = {}
        self._rebalancing_since: float | None = None
        self._retention: dict[str, RetentionLimits] = {}
        self._losses = Losses()
        self._counts = CountHistory()
        self._idle = False
        self._read_at = 0.0
        self._integral = RateIntegral()
        self._partitions: tuple[PartitionView, ...] | None = None  # by the last reading, judged on demand

    def take(
        self,
        group: Group,
        *,
        requested_at: float,
        read_at: float,
        interval_s: float,
        destinations: Mapping[str, Destination],
    ) -> bool:
        """Take one reading; return whether there is a new view. A late or unconfirmed reading changes nothing."""
        result = self.window.push(requested_at, read_at, group.positions, lag=group.lag, interval_s=interval_s)
        if result not in (PushResult.ACCEPTED, PushResult.REPEATED):
            return False
        self._read_at = read_at
        self._partitions = None
        self._counts.take(group)
        self._losses.take(self._rows_by_partition(), group.positions.lost, requested_at)
        self._follow(group, requested_at, interval_s)
        self._retention = retention_that_loses(group.destinations, destinations)
        if not self._unchanged(group):
            self._judge(group, interval_s, read_at)
        assert self._verdict is not None  # noqa: S101 - judged now or before
        before = self.view
        self.view = GroupView(
            connection=self._connection,
            kind=self._kind,
            group=group,
            read_at=read_at,
            interval_s=interval_s,
            verdict=self._verdict,
            flow=before.flow if before is not None and self._idle else self._flow,
        )
        return True

    def note_oldest_requested(self) -> None:
        """Remember the positions of now: the timestamps that are requested now belong to them."""
        self._requested_at_position = {key: self.window.position[row] for key, row in self._rows_by_partition().items()}

    def add_oldest_unread(self, answers: Sequence[OldestUnread], now: float) -> None:
        """Take the timestamps of oldest unread messages; one from a clock ahead of ours is ignored."""
        rows = self._rows_by_partition()
        for answer in answers:
            key = answer.destination, answer.partition
            row = rows.get(key)
            if row is not None and answer.at <= now:
                position = self._requested_at_position.get(key, self.window.position[row])
                self._new_oldest[key] = OldestMessage(
                    position if answer.position is None else answer.position,
                    answer.at,
                    answer.exact,
                    now,
                    answer.not_after,
                    answer.at_least,
                )

    def partitions(self) -> tuple[PartitionView, ...]:
        """Return every partition by the last reading, most severe first; judged once a reading."""
        if self._partitions is None:
            self._partitions = self._judge_partitions()
        return self._partitions

    def _judge_partitions(self) -> tuple[PartitionView, ...]:
        view = self.view
        if view is None or not self.window.readings:
            return ()
        facts = self._facts(view.group, view.interval_s, view.read_at)
        owners = owners_of(view.group)
        views = [self._partition(row, view, facts, owners) for row in range(len(self.window))]
        views.sort(key=_severity_key)
        return tuple(views)

    def worst_partition(self) -> tuple[PartitionKey, int | None, int | None, int | None] | None:
        """Return the key, lag, arrived and settled of the worst partition, for its history; None for groups of one partition."""
        view = self.view
        if view is None or view.verdict.partition is None or len(self.window) < 2:
            return None
        key = (view.verdict.destination or "", view.verdict.partition)
        row = self._rows_by_partition().get(key)
        if row is None:
            return None
        newest, lag = self.window.newest, view.group.positions.lag
        return key, columns.known(lag[row]), columns.known(newest.arrived[row]), columns.known(newest.settled[row])

    def history_totals(self) -> tuple[int | None, int | None]:
        """Return counters of arrived and settled messages, as of the last reading of the lag."""
        view = self.view
        if view is None or view.group.positions.counted_at is None:
            return self.window.whole_totals()
        return self._integral.add(view.read_at, view.flow.rate_in, view.flow.rate_out)

    @property
    def confirmed(self) -> Verdict | None:
        """The verdict that two readings agree on."""
        return self._steady.confirmed

    def _follow(self, group: Group, at: float, interval_s: float) -> None:
        moved = self._presence.unlisted_commit_at(group, self.window.last_moved_at(), at, interval_s)
        still_s = still_limit(interval_s, self._limits)
        self._present = has_consumers(group.state, group.member_count, moved, at, still_s)
        self._presence.follow(group, at, present=self._present)
        if group.state is not GroupState.REBALANCING:
            self._rebalancing_since = None
        elif self._rebalancing_since is None:
            self._rebalancing_since = at
        self._assignment.take(group, still_s)
        self._open_transactions = open_transactions(group, self._open_transactions, at)
        if self._oldest or self._new_oldest:
            self._oldest, self._new_oldest = self._oldest | self._new_oldest, {}
            self._oldest = {key: self._oldest[key] for key in self._rows_by_partition() if key in self._oldest}
        self.window.rewound = {row: t for row, t in self.window.rewound.items() if at - t < REWOUND_SHOWN_S}

    def _unchanged(self, group: Group) -> bool:
        """Return whether judging again would change nothing: an idle group without lag, read as before."""
        view, verdict = self.view, self._verdict
        idle = group.lag == 0 and self.window.is_idle() and not self.window.rewound
        if view is None or verdict is None or not idle or group.why is not Why.KNOWN:
            self._idle = False
            return False
        calm = self._steady.is_settled and verdict.before is None and verdict.status in (Status.OK, Status.NO_MEMBERS)
        old = view.group
        same = (group.state, group.member_count, group.lag) == (old.state, old.member_count, old.lag)
        same = same and group.positions.lost == old.positions.lost
        if calm and same and self._idle:
            return True
        self._idle = calm and same  # judged once more now, then skipped
        return False

    def _judge(self, group: Group, interval_s: float, now: float) -> None:
        facts = self._facts(group, interval_s, now)
        counted = self._is_count_only(group)
        if counted:
            over_s = columns.rate_window_s(interval_s)
            if facts.absent_since is not None:  # a fall before that proves no consumer
                over_s = min(over_s, now - facts.absent_since)
            raw = self._counts.judge(group, self.window.lags(over_s), facts, now)
            rows: list[PartitionFacts] = []
        else:
            owners = owners_of(group) if self._presence.members_joined else {}
            indices, all_judged = self._rows_to_judge(group, facts)
            rows = [self._row(index, group, owners) for index in indices]
            falls = self.window.lag_falls()
            raw = judge_group(rows, facts, self._limits, now, lag_falls=falls, all_judged=all_judged)
        rate_in, rate_out = self.window.total_rates()
        flow = Flow(
            lag=group.lag,
            lag_partial=group.lag_partial,
            lag_at_most=group.lag_at_most,
            approximate=group.approximate,
            time_lag=None if counted or group.lag is None else self._time_lag(rows, group),
            rate_in=None if group.arrived_at_least and not rate_in else rate_in,
            rate_in_at_least=group.arrived_at_least and bool(rate_in),
            rate_out=rate_out,
            rates_partial=rate_in is not None and self.window.rates_are_partial(),
        )
        self._verdict = self._steady.take(raw, now, flow)
        self._flow = replace(flow, caught_up_at=end_of_lag(raw, rows, now))

    def _is_count_only(self, group: Group) -> bool:
        """Return whether only a count is known: a queue without counters, or a share group, which has no position."""
        if group.kind == SHARE:
            return True
        explained = group.positions.why is not None and len(group.positions) > 0 and group.lag is None
        return not explained and all(end == UNKNOWN for end in self.window.newest.arrived)

    def _facts(self, group: Group, interval_s: float, now: float) -> GroupFacts:
        return GroupFacts(
            has_consumers=self._present,
            batch=self._batch,
            interval_s=max(interval_s, self.window.counted_every_s),
            first_read_at=self.window.first_at or now,
            paused=group.state is GroupState.PAUSED,
            all_listed=group.kind == SHARE,
            absent_since=self._presence.absent_since,
            rebalancing_since=self._rebalancing_since,
            why=group.why,
            detail=" ".join(group.notes).removesuffix(".") if group.why is not Why.KNOWN else "",
        )

    def _rows_to_judge(self, group: Group, facts: GroupFacts) -> tuple[list[int], bool]:
        """Return the rows that may be other than ok, and whether these are all: the columns prove the others to be young."""
        positions = group.positions
        kept = [limits.age_s / 2 for limits in self._retention.values() if limits.age_s is not None]
        late = self.window.older_than(min(self._limits.ok_below_s, self._limits.stalled_after_s, *kept))
        first = len(self.window.readings) == 1  # without a comparison all rows have the same verdict
        special = lost_rows(positions).union(self._losses.rows(), self._open_transactions, self.window.rewound)
        special |= self._oldest_rows()
        if positions.why is not None:
            special.update(row for row, why in enumerate(positions.why) if why is not Why.KNOWN)
        rows = special.union(late[:1] if first else late)
        rows.update(row for row in self._assignment.unassigned if positions.lag[row] > 0)
        if facts.has_consumers is False or self._may_push_out(group):
            rows.update(row for row, lag in enumerate(positions.lag) if lag > 0)
        if len(rows) <= JUDGED_ROWS_MAX:
            return sorted(rows), not first or len(late) < 2
        return sorted(rows, key=lambda row: (row not in special, -positions.lag[row]))[:JUDGED_ROWS_MAX], False

    def _oldest_rows(self) -> set[int]:
        """Return the rows with the oldest messages by their timestamps: a small lag does not hide them."""
        oldest = nsmallest(OLDEST_ROWS_MAX, self._oldest.items(), key=lambda item: item[1].at)
        rows = self._rows_by_partition() if oldest else {}
        return {rows[key] for key, _ in oldest if key in rows}

    def _may_push_out(self, group: Group) -> bool:
        """Return whether new messages may delete unread ones within seconds: no age shows that. A stream has one row."""
        limits = self._retention.values()
        return len(group.positions) == 1 and any(limit.messages or limit.size_bytes for limit in limits)

    def _row(self, row: int, group: Group, owners: Mapping[PartitionKey, Member]) -> PartitionFacts:
        positions, window = group.positions, self.window
        name = positions.names[positions.destination[row]]
        rate_in, rate_out = window.rates(row)
        hidden = self._open_transactions.get(row)
        owner = owners.get((name, positions.partition[row]))
        loss = self._losses.recent(row, window.moved_at(row), window.newest.requested_at)
        return PartitionFacts(
            destination=name,
            partition=positions.partition[row],
            why=positions.row_why(row),
            lag=positions.lag[row],
            settled=positions.settled[row],
            arrived=positions.arrived[row],
            start=positions.start[row] if positions.start is not None else UNKNOWN,
            stable=positions.stable[row] if positions.stable is not None else UNKNOWN,
            time_lag=self._row_time_lag(row, (name, positions.partition[row]), positions.lag[row]),
            rate_in=rate_in,
            rate_out=rate_out,
            start_rate=window.start_rate(row),
            moved_at=window.moved_at(row),
            still_since=window.still_since(row),
            consumer_since=self._presence.consumer_since(() if owner is None else (owner.id,)),
            lag_falls=window.lag_falls(row),
            rewound_at=window.rewound.get(row),
            behind_open_transaction_since=hidden[1] if hidden is not None else None,
            retention=self._retention.get(name),
            unassigned=self._assignment.is_unassigned(row, window, has_lag=positions.lag[row] > 0),
            deleted=positions.deleted[row] if positions.deleted is not None else UNKNOWN,
            deleted_unread=loss.messages if loss is not None else 0,
            lost_at=loss.at if loss is not None else None,
        )

    def _row_time_lag(self, row: int, key: PartitionKey, lag: int) -> TimeLag | None:
        if lag == UNKNOWN:
            return None
        if lag == 0:  # even below the end: transaction markers are no messages
            return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)
        own = self.window.time_lag(row, now=self._read_at)
        oldest = self._oldest.get(key)
        if oldest is None or own is None:
            return own
        now = self.window.newest.read_at
        before, after = self.window.readings_around_position(row)
        return row_time_lag(
            own,
            oldest,
            position=self.window.position[row],
            now=now,
            ages=(now - after.read_at, now - before.read_at if before is not None else float("inf")),
            stale_s=STALE_INTERVALS * max(5.0, self.view.interval_s if self.view else 5.0),
        )

    def _time_lag(self, rows: Sequence[PartitionFacts], group: Group) -> TimeLag | None:
        positions = group.positions
        if all(end == UNKNOWN for end in self.window.newest.arrived):
            return None
        ages = [row.time_lag for row in rows if row.time_lag is not None and row.lag > 0]
        lagging = [row for row, lag in enumerate(positions.lag) if lag > 0]
        if not lagging and not group.lag_partial:
            return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)
        oldest = self.window.oldest_rows(lagging) if positions.counted_at is None else lagging
        by_partition = self._rows_by_partition()
        measured = [by_partition[key] for key in self._oldest if key in by_partition]
        for row in (*oldest[:OLDEST_ROWS_MAX], *measured):
            age = self._row_time_lag(row, self._key(row), positions.lag[row])
            if age is not None and positions.lag[row] > 0:
                ages.append(age)
        unproven = any(self._key(row) not in self._oldest for row in self.window.unproven(lagging))
        return group_time_lag(ages, complete=not unproven and not group.lag_partial)

    def _key(self, row: int) -> PartitionKey:
        window = self.window
        return window.names[window.destination[row]], window.partition[row]

    def _partition(
        self, index: int, view: GroupView, facts: GroupFacts, owners: Mapping[PartitionKey, Member]
    ) -> PartitionView:
        row = self._row(index, view.group, owners)
        owner = owners.get((row.destination, row.partition))
        counted = self._is_count_only(view.group)  # then all partitions share the verdict of the group
        if counted:
            verdict = replace(view.verdict, destination=row.destination, partition=row.partition, partitions_affected=1)
        else:
            verdict = judge_partition(row, facts, self._limits, view.read_at)
            if verdict.status is Status.STOPPED and view.verdict.status is Status.NO_MEMBERS:
                verdict = replace(verdict, status=Status.NO_MEMBERS)  # seen once, like the group's
        return PartitionView(
            destination=row.destination,
            partition=row.partition,
            verdict=verdict,
            flow=Flow(
                lag=columns.known(row.lag),
                lag_at_most=view.group.lag_at_most and row.lag > 0,
                approximate=view.group.approximate,
                time_lag=None if counted else row.time_lag,
                rate_in=row.rate_in,
                rate_out=row.rate_out,
                caught_up_at=end_of_lag(verdict, [row], view.read_at),
            ),
            settled=columns.known(row.settled) if self.window.positional else None,
            end=columns.known(row.arrived) if self.window.positional else None,
            start=columns.known(row.start),
            moved_at=row.moved_at,
            member=None if owner is None else owner.client or owner.id,
        )

    def _rows_by_partition(self) -> dict[PartitionKey, int]:
        window = self.window
        pairs = zip(window.destination, window.partition, strict=True)
        return {(window.names[index], partition): row for row, (index, partition) in enumerate(pairs)}


def _severity_key(view: PartitionView) -> tuple[int, float, int, str, int]:
    verdict, lag = view.verdict, view.flow.lag or 0
    return SEVERITY[verdict.status], data_loss_at(verdict), -lag, view.destination, view.partition

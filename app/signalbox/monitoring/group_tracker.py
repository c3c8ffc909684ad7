"""Follows one consumer group over time: its recent readings, its confirmed verdict and its view."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from signalbox.brokers.model import (
    UNKNOWN,
    BrokerKind,
    Destination,
    Group,
    GroupState,
    OldestUnread,
    RetentionLimits,
    Why,
)
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring import columns
from signalbox.monitoring.confirmation import VerdictState, choose_time_lag, confirm
from signalbox.monitoring.judge import (
    REWOUND_SHOWN_S,
    GroupFacts,
    PartitionFacts,
    Thresholds,
    has_consumers,
    judge_group,
    judge_partition,
    still_limit,
)
from signalbox.monitoring.judge_count import judge_count
from signalbox.monitoring.model import SEVERITY, Flow, GroupView, PartitionView, Status, TimeLag, TimeLagMethod
from signalbox.monitoring.rate_integral import RateIntegral
from signalbox.monitoring.removals import Removals
from signalbox.monitoring.window import PushResult, ReadingWindow

CLOCKS_DIFFER_S = 5.0  # how far a message's timestamp may lie outside of what our readings prove
CLOCK_AHEAD_S = 2.0
OLDEST_ROWS_MAX = 8
SHARE = "share"  # Kafka's share groups acknowledge in any order, so their start offset is no position
JUDGED_ROWS_MAX = 500  # each reading, largest lag first: more would block the event loop for over 10 ms


PartitionKey = tuple[str, int]  # destination, partition


@dataclass(frozen=True, slots=True)
class OldestMessage:
    """The timestamp of the oldest unread message of one row, and the position it belongs to."""

    position: int
    at: float
    exact: bool
    requested_at: float


class GroupTracker:
    """Takes readings; `view` is the same object until something in it changes."""

    def __init__(self, connection: str, kind: BrokerKind, *, positional: bool, batch: bool, limits: Thresholds) -> None:
        self.view: GroupView | None = None
        self.window = ReadingWindow(positional=positional)
        self._connection, self._kind, self._batch, self._limits = connection, kind, batch, limits
        self._state: VerdictState | None = None
        self._oldest: dict[PartitionKey, OldestMessage] = {}
        # row -> the stable end below the end, and since when
        self._open_transactions: dict[int, tuple[int, float]] = {}
        self._rebalancing_since: float | None = None
        self._retention: dict[str, RetentionLimits] = {}
        self._idle = False
        self._read_at = 0.0
        self._removals = Removals()
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
        self._partitions = None
        self._read_at = read_at
        self._follow(group, requested_at)
        self._removals.follow(group, read_at)
        self._retention = _retention_that_loses(group.destinations, destinations)
        if not self._unchanged(group):
            self._judge(group, interval_s, read_at)
        assert self._state is not None  # noqa: S101 - judged now or before
        before = self.view
        self.view = GroupView(
            connection=self._connection,
            kind=self._kind,
            group=group,
            read_at=read_at,
            interval_s=interval_s,
            verdict=self._state.verdict,
            flow=before.flow if before is not None and self._idle else self._flow,
        )
        return True

    def add_oldest_unread(self, answers: Sequence[OldestUnread], now: float) -> None:
        """Take the timestamps of oldest unread messages; one from a clock ahead of ours is ignored."""
        rows = self._rows_by_partition()
        for answer in answers:
            row = rows.get((answer.destination, answer.partition))
            if row is not None and answer.at <= now + CLOCK_AHEAD_S:
                self._oldest[answer.destination, answer.partition] = OldestMessage(
                    self.window.newest.settled[row], answer.at, answer.exact, now
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
        owners = {
            (name, index): member.client or member.id
            for member in view.group.members or ()
            for name, indices in member.assigned.items()
            for index in indices
        }
        views = [self._partition(row, view, facts, owners) for row in range(len(self.window))]
        views.sort(key=lambda v: (SEVERITY[v.verdict.status], -(v.flow.lag or 0), v.destination, v.partition))
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
            return self.window.totals()
        return self._integral.add(view.read_at, view.flow.rate_in, view.flow.rate_out)

    def _follow(self, group: Group, at: float) -> None:
        if group.state is not GroupState.REBALANCING:
            self._rebalancing_since = None
        elif self._rebalancing_since is None:
            self._rebalancing_since = at
        self._open_transactions = _open_transactions(group, self._open_transactions, at)
        if self._oldest:
            self._oldest = {key: self._oldest[key] for key in self._rows_by_partition() if key in self._oldest}
        self.window.rewound = {row: t for row, t in self.window.rewound.items() if at - t < REWOUND_SHOWN_S}

    def _unchanged(self, group: Group) -> bool:
        """Return whether judging again would change nothing: an idle group without lag, read as before."""
        view, state = self.view, self._state
        idle = group.lag == 0 and self.window.is_idle() and not (self.window.rewound or self._removals.since)
        if view is None or state is None or not idle or group.why is not Why.KNOWN:
            self._idle = False
            return False
        calm = state.candidate is None and state.verdict.status in (Status.OK, Status.NO_MEMBERS)
        old = view.group
        same = (group.state, group.member_count, group.lag) == (old.state, old.member_count, old.lag)
        if calm and same and self._idle:
            return True
        self._idle = calm and same  # judged once more now, then skipped
        return False

    def _judge(self, group: Group, interval_s: float, now: float) -> None:
        facts = self._facts(group, interval_s, now)
        lags = self.window.lags(columns.rate_window_s(interval_s))
        counted = self._is_count_only(group)
        if counted:
            raw = judge_count(lags, facts, now, approximate=group.approximate, in_flight=group.in_flight)
            rows: list[PartitionFacts] = []
        else:
            rows = [self._row(index, group) for index in self._rows_to_judge(group, facts)]
            raw = judge_group(rows, facts, self._limits, now, waiting=group.lag != 0)
        self._state = confirm(self._state, self._removals.judge(raw, group, now), now)
        rate_in, rate_out = self.window.total_rates()
        self._flow = Flow(
            lag=group.lag,
            lag_partial=group.lag_partial,
            approximate=group.approximate,
            time_lag=None if counted or group.lag is None else self._time_lag(rows, group),
            rate_in=None if group.arrived_at_least and not rate_in else rate_in,
            rate_in_at_least=group.arrived_at_least and bool(rate_in),
            rate_out=rate_out,
            caught_up_at=_caught_up_at(rows, now),
        )

    def _is_count_only(self, group: Group) -> bool:
        """Return whether only a count is known: a queue without counters, or a share group, which has no position."""
        if group.kind == SHARE:
            return True
        explained = group.positions.why is not None and len(group.positions) > 0 and group.lag is None
        return not explained and all(end == UNKNOWN for end in self.window.newest.arrived)

    def _facts(self, group: Group, interval_s: float, now: float) -> GroupFacts:
        moved = self.window.last_moved_at()
        still_s = still_limit(interval_s, self._limits)
        return GroupFacts(
            has_consumers=has_consumers(group.state, group.member_count, moved, now, still_s),
            batch=self._batch,
            interval_s=max(interval_s, self.window.counted_every_s),
            first_read_at=self.window.first_at or now,
            paused=group.state is GroupState.PAUSED,
            rebalancing_since=self._rebalancing_since,
            why=group.why,
            detail=" ".join(group.notes).removesuffix(".") if group.why is not Why.KNOWN else "",
        )

    def _rows_to_judge(self, group: Group, facts: GroupFacts) -> list[int]:
        """Return the rows that may be other than ok; the columns prove all others to be young."""
        positions = group.positions
        late = self.window.older_than(min(self._limits.ok_below_s, self._limits.stalled_after_s))
        first = len(self.window.readings) == 1  # without a comparison all rows have the same verdict
        rows = set(late[:1] if first else late)
        rows.update(self._open_transactions, self.window.rewound)
        if positions.why is not None:
            rows.update(row for row, why in enumerate(positions.why) if why is not Why.KNOWN)
        if facts.has_consumers is False:
            rows.update(row for row, lag in enumerate(positions.lag) if lag > 0)
        if positions.start is not None:
            offsets = zip(positions.start, positions.settled, positions.arrived, strict=True)
            rows.update(row for row, (start, settled, end) in enumerate(offsets) if UNKNOWN < settled < start < end)
        if len(rows) <= JUDGED_ROWS_MAX:
            return sorted(rows)
        return sorted(rows, key=lambda row: -positions.lag[row])[:JUDGED_ROWS_MAX]

    def _row(self, row: int, group: Group) -> PartitionFacts:
        positions, window = group.positions, self.window
        name = positions.names[positions.destination[row]]
        rate_in, rate_out = window.rates(row)
        hidden = self._open_transactions.get(row)
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
            rewound_at=window.rewound.get(row),
            behind_open_transaction_since=hidden[1] if hidden is not None else None,
            retention=self._retention.get(name),
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
        moved = oldest.position != self.window.newest.settled[row]
        if moved and now - oldest.requested_at > STALE_INTERVALS * max(5.0, self.view.interval_s if self.view else 5.0):
            return own
        seconds = max(0.0, (oldest.requested_at if moved else now) - oldest.at)
        before, after = self.window.readings_around_position(row)
        most = now - before.read_at + CLOCKS_DIFFER_S if before is not None else float("inf")
        bounds = (now - after.read_at - CLOCKS_DIFFER_S, most)
        method = TimeLagMethod.MEASURED if oldest.exact else TimeLagMethod.AT_MOST
        return choose_time_lag(own, TimeLag(seconds=seconds, method=method), None if moved else bounds)

    def _time_lag(self, rows: Sequence[PartitionFacts], group: Group) -> TimeLag | None:
        ages = [row.time_lag for row in rows if row.time_lag is not None]
        positions = group.positions
        oldest = self.window.oldest_rows(row for row, lag in enumerate(positions.lag) if lag > 0)
        for row in oldest[:OLDEST_ROWS_MAX]:
            key = positions.names[positions.destination[row]], positions.partition[row]
            age = self._row_time_lag(row, key, positions.lag[row])
            if age is not None:
                ages.append(age)
        if ages:
            return max(ages, key=lambda age: age.seconds)
        known = any(end != UNKNOWN for end in self.window.newest.arrived)
        return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED) if known and group.lag == 0 else None

    def _partition(
        self, index: int, view: GroupView, facts: GroupFacts, owners: Mapping[PartitionKey, str]
    ) -> PartitionView:
        row = self._row(index, view.group)
        counted = self._is_count_only(view.group)  # then all partitions share the verdict of the group
        if counted:
            verdict = replace(view.verdict, destination=row.destination, partition=row.partition, partitions_affected=1)
        else:
            verdict = judge_partition(row, facts, self._limits, view.read_at)
        return PartitionView(
            destination=row.destination,
            partition=row.partition,
            verdict=verdict,
            flow=Flow(
                lag=columns.known(row.lag),
                approximate=view.group.approximate,
                time_lag=None if counted else row.time_lag,
                rate_in=row.rate_in,
                rate_out=row.rate_out,
                caught_up_at=_caught_up_at([row], view.read_at),
            ),
            settled=columns.known(row.settled) if self.window.positional else None,
            end=columns.known(row.arrived) if self.window.positional else None,
            start=columns.known(row.start),
            moved_at=row.moved_at,
            member=owners.get((row.destination, row.partition)),
        )

    def _rows_by_partition(self) -> dict[PartitionKey, int]:
        window = self.window
        pairs = zip(window.destination, window.partition, strict=True)
        return {(window.names[index], partition): row for row, (index, partition) in enumerate(pairs)}


def _open_transactions(
    group: Group, before: Mapping[int, tuple[int, float]], at: float
) -> dict[int, tuple[int, float]]:
    """Return the rows whose stable end lies below the end because of an open transaction, and since when."""
    positions = group.positions
    if positions.stable is None:
        return {}
    return {
        row: before[row] if row in before and before[row][0] == stable else (stable, at)
        for row, (stable, end) in enumerate(zip(positions.stable, positions.arrived, strict=True))
        if UNKNOWN < stable < end
    }


def _retention_that_loses(names: Iterable[str], destinations: Mapping[str, Destination]) -> dict[str, RetentionLimits]:
    """Return the retention of the destinations where it loses unread messages: not where they are dead-lettered."""
    retention = {}
    for name in names:
        destination = destinations.get(name)
        if destination is None or destination.retention is None or destination.dead_letters_to is not None:
            continue
        if destination.retention.policy != "compact":
            retention[name] = destination.retention
    return retention


def _caught_up_at(rows: Sequence[PartitionFacts], now: float) -> float | None:
    ends = []
    for row in rows:
        if row.lag <= 0:
            continue
        if row.rate_in is None or row.rate_out is None or row.rate_out <= row.rate_in:
            return None
        ends.append(now + row.lag / (row.rate_out - row.rate_in))
    return max(ends, default=None)

"""One consumer group over time: its window of readings, what was said of it, and the view that pages draw."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from signalbox.brokers.model import UNKNOWN, BrokerKind, Destination, Group, GroupState, OldestUnread, Retention, Why
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
from signalbox.monitoring.window import PushResult, ReadingWindow

CLOCKS_DIFFER_S = 5.0  # how far a message's own time may lie outside of what our readings prove
CLOCK_AHEAD_S = 2.0
WORST_ROWS_ASKED = 8
SHARE = "share"  # Kafka's share groups acknowledge in any order: their start offset is not where they stand
SUSPECTS_MAX = 500  # partitions judged each reading, worst first: more would hold the event loop for over 10 ms


@dataclass(frozen=True, slots=True)
class Measured:
    """The time of the oldest unread message of one row, and the position that it was asked for."""

    position: int
    at: float
    exact: bool
    requested_at: float


class GroupTracker:
    """Takes readings in; `view` is the same object until something in it changes."""

    def __init__(self, connection: str, kind: BrokerKind, *, positional: bool, batch: bool, limits: Thresholds) -> None:
        self.view: GroupView | None = None
        self.window = ReadingWindow(positional=positional)
        self._connection, self._kind, self._batch, self._limits = connection, kind, batch, limits
        self._memory: VerdictState | None = None
        self._measured: dict[tuple[str, int], Measured] = {}
        self._hidden: dict[int, tuple[int, float]] = {}  # row -> the stable end that does not move, and since when
        self._rebalancing_since: float | None = None
        self._retention: dict[str, Retention] = {}
        self._settled_flat = False
        self._judged: tuple[PartitionView, ...] | None = (
            None  # every partition by the last reading, once it was asked for
        )

    def take(
        self,
        group: Group,
        *,
        requested_at: float,
        read_at: float,
        interval_s: float,
        destinations: Mapping[str, Destination],
    ) -> bool:
        """Take one reading; return whether there is a new view. One that is late or doubted changes nothing."""
        pushed = self.window.push(requested_at, read_at, group.positions, lag=group.lag, interval_s=interval_s)
        if pushed is not PushResult.TAKEN:
            return False
        self._judged = None
        self._note(group, requested_at)
        self._retention = _lossy(group.destinations, destinations)
        if not self._unmoved(group):
            self._judge(group, interval_s, read_at)
        assert self._memory is not None  # noqa: S101 - it was judged now or before
        before = self.view
        flow = before.flow if before is not None and self._settled_flat else self._flow
        self.view = GroupView(
            connection=self._connection,
            kind=self._kind,
            group=group,
            read_at=read_at,
            interval_s=interval_s,
            verdict=self._memory.verdict,
            flow=flow,
        )
        return True

    def measure(self, answers: Sequence[OldestUnread], now: float) -> None:
        """Note the times of oldest unread messages. One from a clock that is ahead of ours is not believed."""
        rows = self._rows_by_place()
        for answer in answers:
            row = rows.get((answer.destination, answer.partition))
            if row is not None and answer.at <= now + CLOCK_AHEAD_S:
                place = (answer.destination, answer.partition)
                self._measured[place] = Measured(self.window.newest.settled[row], answer.at, answer.exact, now)

    def partitions(self) -> tuple[PartitionView, ...]:
        """Return every partition by the last reading, dearest first: judged once, however many look."""
        if self._judged is None:
            self._judged = self._judge_partitions()
        return self._judged

    def _judge_partitions(self) -> tuple[PartitionView, ...]:
        view = self.view
        if view is None or not self.window.readings:
            return ()
        reader = self._reader(view.group, view.interval_s, view.read_at)
        owners = {
            (name, index): member.client or member.id
            for member in view.group.members or ()
            for name, indices in member.assigned.items()
            for index in indices
        }
        views = [self._partition(row, view, reader, owners) for row in range(len(self.window))]
        return tuple(
            sorted(views, key=lambda v: (SEVERITY[v.verdict.status], -(v.flow.lag or 0), v.destination, v.partition))
        )

    def blamed(self) -> list[tuple[tuple[str, int], int | None, int | None, int | None]]:
        """Return (place, lag, arrived, settled) of the partition to blame, for its history; nothing for one-row groups."""
        view = self.view
        if view is None or view.verdict.partition is None or len(self.window) < 2:
            return []
        place = (view.verdict.destination or "", view.verdict.partition)
        row = self._rows_by_place().get(place)
        if row is None:
            return []
        newest, lag = self.window.newest, view.group.positions.lag
        return [(place, _known(lag[row]), _known(newest.arrived[row]), _known(newest.settled[row]))]

    def _note(self, group: Group, at: float) -> None:
        if group.state is not GroupState.REBALANCING:
            self._rebalancing_since = None
        elif self._rebalancing_since is None:
            self._rebalancing_since = at
        self._hidden = _hidden(group, self._hidden, at)
        if self._measured:
            last = {place: self._measured[place] for place in self._rows_by_place() if place in self._measured}
            self._measured = last
        self.window.rewound = {row: t for row, t in self.window.rewound.items() if at - t < REWOUND_SHOWN_S}

    def _unmoved(self, group: Group) -> bool:
        """Say whether judging again cannot tell anything new: idle, caught up, and nothing about the group changed."""
        view, memory = self.view, self._memory
        idle = group.lag == 0 and self.window.flat() and not self.window.rewound
        if view is None or memory is None or not idle or group.why is not Why.KNOWN:
            self._settled_flat = False
            return False
        calm = memory.candidate is None and memory.verdict.status in (Status.OK, Status.NO_MEMBERS)
        same = (group.state, group.member_count, group.lag) == (
            view.group.state,
            view.group.member_count,
            view.group.lag,
        )
        if calm and same and self._settled_flat:
            return True
        self._settled_flat = calm and same  # judged once more now, and from then on the same
        return False

    def _judge(self, group: Group, interval_s: float, now: float) -> None:
        reader = self._reader(group, interval_s, now)
        lags = self.window.lags(columns.rate_window_s(interval_s))
        counted = self._only_counted(group)
        if counted:
            raw = judge_count(lags, reader, now, approximate=group.approximate, taken=group.in_flight)
            rows: list[PartitionFacts] = []
        else:
            rows = [self._row(index, group) for index in self._suspects(group, reader)]
            raw = judge_group(rows, reader, self._limits, now, waiting=group.lag != 0)
        self._memory = confirm(self._memory, raw, now)
        rate_in, rate_out = self.window.total_rates()
        self._flow = Flow(
            lag=group.lag,
            lag_partial=group.lag_partial,
            approximate=group.approximate,
            time_lag=None if counted else self._time_lag(rows, group),
            rate_in=rate_in,
            rate_out=rate_out,
            drained_at=_drained(rows, now),
        )

    def _only_counted(self, group: Group) -> bool:
        """Say whether only a count is known of it: a queue without counters, or a share group, which has no position."""
        if group.kind == SHARE:
            return True
        told_why = group.positions.why is not None and len(group.positions) > 0 and group.lag is None
        return not told_why and all(end == UNKNOWN for end in self.window.newest.arrived)

    def _reader(self, group: Group, interval_s: float, now: float) -> GroupFacts:
        moved = self.window.last_moved_at()
        still_s = still_limit(interval_s, self._limits)
        return GroupFacts(
            somebody=has_consumers(group.state, group.member_count, moved, now, still_s),
            batch=self._batch,
            interval_s=interval_s,
            first_at=self.window.first_at or now,
            paused=group.state is GroupState.PAUSED,
            rebalancing_since=self._rebalancing_since,
            why=group.why,
            detail="; ".join(group.notes) if group.why is not Why.KNOWN else "",
        )

    def _suspects(self, group: Group, reader: GroupFacts) -> list[int]:
        """Return the rows that may be other than ok: all others are proven to be young, by columns alone."""
        positions = group.positions
        late = self.window.older_than(min(self._limits.ok_below_s, self._limits.stalled_after_s))
        first = len(self.window.readings) == 1  # nothing to compare with: one row says what all would
        rows = set(late[:1] if first else late)
        rows.update(self._hidden, self.window.rewound)
        if positions.why is not None:
            rows.update(row for row, why in enumerate(positions.why) if why is not Why.KNOWN)
        if reader.somebody is False:
            rows.update(row for row, lag in enumerate(positions.lag) if lag > 0)
        if positions.start is not None:
            columns = zip(positions.start, positions.settled, positions.arrived, strict=True)
            rows.update(row for row, (start, settled, end) in enumerate(columns) if UNKNOWN < settled < start < end)
        if len(rows) <= SUSPECTS_MAX:
            return sorted(rows)
        return sorted(rows, key=lambda row: -positions.lag[row])[:SUSPECTS_MAX]

    def _row(self, row: int, group: Group) -> PartitionFacts:
        positions, window = group.positions, self.window
        name = positions.names[positions.destination[row]]
        rate_in, rate_out = window.rates(row)
        hidden = self._hidden.get(row)
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
            hidden_since=hidden[1] if hidden is not None else None,
            retention=self._retention.get(name),
        )

    def _row_time_lag(self, row: int, place: tuple[str, int], lag: int) -> TimeLag | None:
        if lag == 0:  # also where the end lies further on: markers of transactions are no messages
            return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)
        own = self.window.time_lag(row)
        measured = self._measured.get(place)
        if measured is None or own is None:
            return own
        now = self.window.newest.read_at
        moved = measured.position != self.window.newest.settled[row]
        if moved and now - measured.requested_at > STALE_INTERVALS * max(
            5.0, self.view.interval_s if self.view else 5.0
        ):
            return own
        seconds = max(0.0, (measured.requested_at if moved else now) - measured.at)
        before, after = self.window.written(row)
        most = now - before.read_at + CLOCKS_DIFFER_S if before is not None else float("inf")
        bounds = (now - after.read_at - CLOCKS_DIFFER_S, most)
        method = TimeLagMethod.MEASURED if measured.exact else TimeLagMethod.AT_MOST
        return choose_time_lag(own, TimeLag(seconds=seconds, method=method), None if moved else bounds)

    def _time_lag(self, rows: Sequence[PartitionFacts], group: Group) -> TimeLag | None:
        """Return the age of the group's oldest unread message."""
        ages = [row.time_lag for row in rows if row.time_lag is not None]
        positions = group.positions
        oldest = self.window.oldest_rows(row for row, lag in enumerate(positions.lag) if lag)
        for row in oldest[:WORST_ROWS_ASKED]:
            place = positions.names[positions.destination[row]], positions.partition[row]
            age = self._row_time_lag(row, place, positions.lag[row])
            if age is not None:
                ages.append(age)
        if ages:
            return max(ages, key=lambda age: age.seconds)
        known = any(end != UNKNOWN for end in self.window.newest.arrived)
        return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED) if known and group.lag == 0 else None

    def _partition(
        self, index: int, view: GroupView, reader: GroupFacts, owners: Mapping[tuple[str, int], str]
    ) -> PartitionView:
        row = self._row(index, view.group)
        counted = self._only_counted(view.group)  # then its rows are as it is itself: nothing tells them apart
        if counted:
            verdict = replace(view.verdict, destination=row.destination, partition=row.partition, partitions_affected=1)
        else:
            verdict = judge_partition(row, reader, self._limits, view.read_at)
        return PartitionView(
            destination=row.destination,
            partition=row.partition,
            verdict=verdict,
            flow=Flow(
                lag=_known(row.lag),
                approximate=view.group.approximate,
                time_lag=None if counted else row.time_lag,
                rate_in=row.rate_in,
                rate_out=row.rate_out,
                drained_at=_drained([row], view.read_at),
            ),
            settled=_known(row.settled),
            end=_known(row.arrived),
            start=_known(row.start),
            moved_at=row.moved_at,
            member=owners.get((row.destination, row.partition)),
        )

    def _rows_by_place(self) -> dict[tuple[str, int], int]:
        window = self.window
        pairs = zip(window.destination, window.partition, strict=True)
        return {(window.names[index], partition): row for row, (index, partition) in enumerate(pairs)}


def _known(value: int) -> int | None:
    return None if value == UNKNOWN else value


def _hidden(group: Group, before: Mapping[int, tuple[int, float]], at: float) -> dict[int, tuple[int, float]]:
    """Follow the rows whose stable end lies before the end: an open transaction hides what came since."""
    positions = group.positions
    if positions.stable is None:
        return {}
    return {
        row: before[row] if row in before and before[row][0] == stable else (stable, at)
        for row, (stable, end) in enumerate(zip(positions.stable, positions.arrived, strict=True))
        if UNKNOWN < stable < end
    }


def _lossy(names: Iterable[str], destinations: Mapping[str, Destination]) -> dict[str, Retention]:
    """Return how long those destinations keep where unread messages are lost by it: not where they are dead-lettered."""
    kept = {}
    for name in names:
        destination = destinations.get(name)
        if destination is None or destination.retention is None or destination.dead_letters_to is not None:
            continue
        if destination.retention.policy != "compact":
            kept[name] = destination.retention
    return kept


def _drained(rows: Sequence[PartitionFacts], now: float) -> float | None:
    """Return when the slowest of the rows that are late is done, at its net rate; None if one of them never is."""
    late = [row for row in rows if row.lag > 0]
    ends = []
    for row in late:
        if row.rate_in is None or row.rate_out is None or row.rate_out <= row.rate_in:
            return None
        ends.append(now + row.lag / (row.rate_out - row.rate_in))
    return max(ends, default=None)

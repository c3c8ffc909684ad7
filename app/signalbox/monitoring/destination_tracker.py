"""Follows one destination over time: its arrivals, its confirmed verdict and its view."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

from signalbox.brokers.model import UNKNOWN, BrokerKind, Destination
from signalbox.monitoring.arrivals import Arrivals
from signalbox.monitoring.judge_destination import judge_consumers, judge_destination, most_severe, needs_attention
from signalbox.monitoring.model import DestinationView, GroupView, Status, Verdict
from signalbox.monitoring.rate_integral import RateIntegral
from signalbox.monitoring.steadiness import SteadyVerdict
from signalbox.monitoring.window import COUNTED_EVERY_MAX_S

RATE_DIGITS = 1  # what a page shows


class DestinationTracker:
    """Takes readings; `view` is the same object until something in it changes."""

    def __init__(self, connection: str, kind: BrokerKind) -> None:
        self.view: DestinationView | None = None
        self.arrivals = Arrivals()
        self._connection, self._kind = connection, kind
        self._steady = SteadyVerdict()
        self._integral = RateIntegral()
        self._counted_at: float | None = None
        self._counted_every_s = 0.0
        self._own: Verdict  # without its groups; set with `view`

    def take(self, destination: Destination, *, read_at: float, interval_s: float, groups: Sequence[GroupView]) -> bool:
        """Take one reading; return False if it is older than the last one."""
        before = self.view
        if before is not None and read_at <= before.read_at:
            return False
        if before is not None and before.destination.identity != destination.identity:
            self.arrivals.restart()
            self._steady.restart()
        self.arrivals.push(*self._arrivals_of(destination, read_at, interval_s))
        raw = judge_destination(destination, self.arrivals.rates(), read_at)
        self._own = self._steady.take(raw, read_at)
        rate, is_minimum = self.arrivals.rate(), destination.arrived_at_least
        self.view = DestinationView(
            connection=self._connection,
            kind=self._kind,
            destination=destination,
            read_at=read_at,
            interval_s=interval_s,
            verdict=self._own,
            rate_in=None if rate is None or (is_minimum and not rate) else round(rate, RATE_DIGITS),
            rate_in_at_least=bool(rate) and (is_minimum or self.arrivals.is_partial()),
            consumer_groups=(),
        )
        self.take_groups(groups)
        return True

    def take_groups(self, groups: Sequence[GroupView]) -> bool:
        """Take the newest verdicts of its consumer groups; return whether its own verdict is another one now."""
        view = self.view
        if view is None:
            return False
        consumers = judge_consumers(view.name, groups)
        verdict = most_severe(self._own, consumers)
        losing = consumers is not None and consumers.status is Status.WILL_LOSE_DATA
        self.view = replace(
            view,
            verdict=verdict,
            consumer_groups=tuple(sorted(group.name for group in groups)),
            loses_at=consumers.until if losing and consumers is not None else None,
        )
        return verdict != view.verdict

    @property
    def needs_attention(self) -> bool:
        """Whether it has a problem of its own."""
        return self.view is not None and needs_attention(self._own)

    def history_total(self) -> int | None:
        """Return a counter of all arrivals, as of the last reading."""
        view = self.view
        if view is None or view.destination.counted_at is None:
            return None if self.arrivals.is_partial() else self.arrivals.total
        return self._integral.add(view.read_at, view.rate_in, None)[0]

    def _arrivals_of(
        self, destination: Destination, read_at: float, interval_s: float
    ) -> tuple[float, "array[int]", float]:
        """Return when the counter of arrivals was read, the counter, and its interval."""
        counted_at = destination.counted_at
        if counted_at is None:
            return read_at, _ends(destination), interval_s
        if self._counted_at is not None and counted_at > self._counted_at:
            self._counted_every_s = min(counted_at - self._counted_at, COUNTED_EVERY_MAX_S)
        self._counted_at = counted_at
        return counted_at, _ends(destination), max(interval_s, self._counted_every_s)

    def rates_by_partition(self) -> Mapping[int, float | None]:
        partitions = self.view.destination.partitions if self.view is not None else None
        rates = self.arrivals.rates()
        if partitions is None or len(rates) != len(partitions):
            return {}
        return dict(zip(partitions.index, rates, strict=True))


def _ends(destination: Destination) -> "array[int]":
    if destination.partitions is not None and not destination.origins:  # the positions of a copy have gaps
        return destination.partitions.end
    return array("q", [UNKNOWN if destination.arrived is None else destination.arrived])

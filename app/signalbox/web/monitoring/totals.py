"""Totals over groups, and their order by severity. Totals leave out unknown values and say so. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.judge import data_loss_at
from signalbox.monitoring.model import SEVERITY, DestinationView, GroupView
from signalbox.monitoring.service import Monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of some groups. None: every value is unknown; a sum that is partial leaves some out."""

    lag: int | None = None
    lag_partial: bool = False
    lag_at_most: bool = False
    approximate: bool = False
    rate_in: float | None = None
    rate_in_partial: bool = False
    rate_out: float | None = None
    rate_out_partial: bool = False
    oldest_read_at: float | None

    @property
    def lag_bound(self) -> str:
        """As `Flow.lag_bound`."""
        return figures.bound(at_least=self.lag_partial, at_most=self.lag_at_most) if self.lag is not None else ""

    @property
    def rate_in_at_least(self) -> bool:
        return self.rate_in_partial and self.rate_in is not None

    @property
    def rate_out_at_least(self) -> bool:
        return self.rate_out_partial and self.rate_out is not None


def sum_if_known(values: Sequence[float | None]) -> float | None:
    """Return the sum; None if there are no values or one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def totals_of(groups: Sequence[GroupView], destinations: Sequence[DestinationView | None]) -> Totals:
    """Return the totals. What arrives is summed over the destinations, as several groups may read the same one."""
    lags = [g.flow.lag for g in groups if g.flow.lag is not None]
    rates_in = [d.rate_in for d in destinations if d is not None and d.rate_in is not None]
    rates_out = [g.flow.rate_out for g in groups if g.flow.rate_out is not None]
    in_partial = len(rates_in) < len(destinations) or any(d is None or d.rate_in_at_least for d in destinations)
    out_partial = len(rates_out) < len(groups) or any(g.flow.rates_partial for g in groups)
    return Totals(
        lag=sum(lags) if lags else None,
        lag_partial=len(lags) < len(groups) or any(g.flow.lag_partial for g in groups),
        lag_at_most=any(g.flow.lag_at_most for g in groups),
        approximate=any(g.flow.approximate for g in groups),
        rate_in=sum(rates_in) if rates_in else None,
        rate_in_partial=in_partial,
        rate_out=sum(rates_out) if rates_out else None,
        rate_out_partial=out_partial,
        oldest_read_at=min((g.read_at for g in groups), default=None),
    )


def destinations_of(monitor: Monitor, groups: Iterable[GroupView]) -> list[DestinationView | None]:
    """Return each destination that one of these groups reads, once; None for one that is not known."""
    names = {(group.connection, name) for group in groups for name in group.group.destinations}
    return [monitor.destination(*place) for place in sorted(names)]


def most_severe_first(groups: Iterable[GroupView]) -> list[GroupView]:
    return sorted(groups, key=severity_key)


def severity_key(group: GroupView) -> tuple[int, float, float, str]:
    """Return the sort key, most severe first: status, time to data loss, lag, name."""
    verdict, lag = group.verdict, group.flow.lag or 0
    return SEVERITY[verdict.status], data_loss_at(verdict), -lag, group.name

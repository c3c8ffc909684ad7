"""Totals over groups, and their order by severity. Totals leave out unknown values and say so. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.judge import data_loss_at
from signalbox.monitoring.model import SEVERITY, GroupView


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of some groups. None: every value is unknown; `lag_partial`: some values are."""

    lag: int | None = None
    lag_partial: bool = False
    lag_at_most: bool = False
    approximate: bool = False
    rate_in: float | None = None
    rate_out: float | None = None
    oldest_read_at: float | None

    @property
    def lag_bound(self) -> str:
        """As `Flow.lag_bound`."""
        return figures.bound(at_least=self.lag_partial, at_most=self.lag_at_most) if self.lag is not None else ""


def sum_if_known(values: Sequence[float | None]) -> float | None:
    """Return the sum; None if there are no values or one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def totals_of(groups: Sequence[GroupView]) -> Totals:
    lags = [g.flow.lag for g in groups if g.flow.lag is not None]
    rates_in = [g.flow.rate_in for g in groups if g.flow.rate_in is not None]
    rates_out = [g.flow.rate_out for g in groups if g.flow.rate_out is not None]
    return Totals(
        lag=sum(lags) if lags else None,
        lag_partial=len(lags) < len(groups) or any(g.flow.lag_partial for g in groups),
        lag_at_most=any(g.flow.lag_at_most for g in groups),
        approximate=any(g.flow.approximate for g in groups),
        rate_in=sum(rates_in) if rates_in else None,
        rate_out=sum(rates_out) if rates_out else None,
        oldest_read_at=min((g.read_at for g in groups), default=None),
    )


def most_severe_first(groups: Iterable[GroupView]) -> list[GroupView]:
    return sorted(groups, key=severity_key)


def severity_key(group: GroupView) -> tuple[int, float, float, str]:
    """Return the sort key, most severe first: status, time to data loss, lag, name."""
    verdict, lag = group.verdict, group.flow.lag or 0
    return SEVERITY[verdict.status], data_loss_at(verdict), -lag, group.name

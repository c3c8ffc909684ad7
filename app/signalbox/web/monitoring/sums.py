"""Sums over groups, for the rows that stand for many. What is unknown is left out and said. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signalbox.monitoring.model import SEVERITY, GroupView, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Totals of some groups. A total is None when nothing of it is known, and `partial` when something is not."""

    count: int
    lag: int | None
    lag_partial: bool
    approximate: bool
    rate_in: float | None
    rate_out: float | None
    oldest_read_at: float | None
    newest_read_at: float | None


def sums(groups: Sequence[GroupView]) -> Sums:
    lags = [g.flow.lag for g in groups if g.flow.lag is not None]
    ins = [g.flow.rate_in for g in groups if g.flow.rate_in is not None]
    outs = [g.flow.rate_out for g in groups if g.flow.rate_out is not None]
    reads = [g.read_at for g in groups]
    return Sums(
        count=len(groups),
        lag=sum(lags) if lags else None,
        lag_partial=len(lags) < len(groups) or any(g.flow.lag_partial for g in groups),
        approximate=any(g.flow.approximate for g in groups),
        rate_in=sum(ins) if ins else None,
        rate_out=sum(outs) if outs else None,
        oldest_read_at=min(reads, default=None),
        newest_read_at=max(reads, default=None),
    )


def by_cost(groups: Iterable[GroupView]) -> list[GroupView]:
    """Dearest first: by status, then what waits longest, then the name."""
    return sorted(groups, key=cost)


def cost(group: GroupView) -> tuple[int, float, float, str]:
    """Return what orders lists of trouble: the smaller, the dearer."""
    until = group.verdict.until if group.verdict.status is Status.WILL_LOSE_DATA else None
    lag = group.flow.lag
    return (
        SEVERITY[group.verdict.status],
        until if until is not None else float("inf"),
        -lag if lag is not None else 0,
        group.name,
    )


def counted(groups: Iterable[GroupView]) -> Counter[Status]:
    return Counter(g.verdict.status for g in groups)

"""The partitions of a group, what is not ok first, then by number: rows move only when a status changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import SEVERITY, GroupView, PartitionView, Status
from signalbox.monitoring.words import Span
from signalbox.web import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.rows import Sign, method, plural, sign

ROWS_MAX = 100  # of the live table; the rest is one row, and /partitions of the API has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRow:
    destination: str  # "" where the group reads one only
    partition: int
    sign: Sign
    why: Sequence[Span]
    lag: str
    strong: bool
    time_lag: str
    method: str
    rate_in: str
    rate_out: str
    settled: str
    end: str
    moved_at: float | None
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTable:
    """One live fragment. `now` is in the texts already."""

    key: str
    total: int
    not_ok: int
    rows: tuple[PartitionRow, ...]
    rest: str  # "" or what the rows left out are
    rest_lag: str
    all_href: str
    several: bool
    stale: bool


def partition_table(glance: Glance, view: GroupView) -> PartitionTable:
    partitions = glance.partitions(view)
    nobody = "not told" if view.group.members is None else "nobody"
    stale = glance.unseen(view.connection) or glance.stale_group(view)
    ordered = sorted(partitions, key=lambda p: (SEVERITY[p.verdict.status], p.destination, p.partition))
    shown, rest = ordered[:ROWS_MAX], ordered[ROWS_MAX:]
    several = len({p.destination for p in partitions}) > 1
    return PartitionTable(
        key=keys.group(view.connection, view.name),
        total=len(ordered),
        not_ok=sum(p.verdict.status is not Status.OK for p in ordered),
        rows=tuple(_row(p, view.kind, glance.now, several=several, stale=stale, nobody=nobody) for p in shown),
        rest=_rest(rest),
        rest_lag=_lag_of(rest),
        all_href=urls.api("groups", view.connection, view.name, "partitions"),
        several=several,
        stale=stale,
    )


def _row(
    found: PartitionView, kind: BrokerKind, now: float, *, several: bool, stale: bool, nobody: str
) -> PartitionRow:
    flow, status = found.flow, found.verdict.status
    return PartitionRow(
        destination=found.destination if several else "",
        partition=found.partition,
        sign=sign(status, words.status_text(found.verdict, now) + (", then" if stale else "")),
        why=words.partition_reason(found, kind, now),
        lag=figures.count(flow.lag, approximate=flow.approximate),
        strong=status is not Status.OK,
        time_lag=figures.UNKNOWN_WORD if flow.time_lag is None else figures.duration(flow.time_lag.seconds),
        method=method(flow),
        rate_in=figures.rate_number(flow.rate_in, decimal=True),
        rate_out=figures.rate_number(flow.rate_out, decimal=True),
        settled="none" if status is Status.NEVER_COMMITTED else figures.count(found.settled),
        end=figures.count(found.end),
        moved_at=found.moved_at,
        member=found.member or nobody,
    )


def _rest(rest: Sequence[PartitionView]) -> str:
    if not rest:
        return ""
    bad = sum(p.verdict.status is not Status.OK for p in rest)
    return f"{plural(len(rest), 'more partition')}, " + ("all ok" if not bad else f"{bad:,} of them not ok")


def _lag_of(rest: Sequence[PartitionView]) -> str:
    lags = [p.flow.lag for p in rest if p.flow.lag is not None]
    return figures.count(sum(lags)) if lags else figures.UNKNOWN_WORD

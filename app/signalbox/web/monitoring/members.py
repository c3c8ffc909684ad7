"""Who reads for a group, and how much lies on each."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import Member
from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView, PartitionView
from signalbox.web.monitoring.rows import plural

ROWS_MAX = 100
PARTITIONS_NAMED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    client: str
    id: str
    host: str
    partitions: str
    lag: str
    rate_out: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """One live fragment. `rows` is empty and `words` says why when there are none or nothing is told."""

    key: str
    head: str
    rows: tuple[MemberRow, ...]
    words: str
    more: int
    read_at: float | None


def members(view: GroupView, partitions: Sequence[PartitionView]) -> Members:
    group = view.group
    told = group.members
    owned: dict[str, list[PartitionView]] = {}
    for row in partitions:
        if row.member is not None:
            owned.setdefault(row.member, []).append(row)
    shown = sorted(told or (), key=lambda m: (m.client, m.id))
    return Members(
        key=keys.group(view.connection, view.name),
        head=_head(view),
        rows=tuple(_row(member, owned.get(member.client, [])) for member in shown[:ROWS_MAX]),
        words=_words(view) if not shown else "",
        more=max(0, len(shown) - ROWS_MAX),
        read_at=group.members_at if group.members_at is not None else view.read_at,
    )


def _head(view: GroupView) -> str:
    count = view.group.member_count
    number = "how many is unknown" if count is None else f"{count:,}"
    return f"{number}, {view.group.kind}"


def _words(view: GroupView) -> str:
    if view.group.member_count == 0:
        return "Nobody reads just now."
    if view.group.member_count is None:
        return "This broker does not tell who reads."
    return f"{plural(view.group.member_count, 'member')}; who they are has not been read."


def _row(member: Member, owned: Sequence[PartitionView]) -> MemberRow:
    lags = [p.flow.lag for p in owned]
    outs = [p.flow.rate_out for p in owned]
    known = [lag for lag in lags if lag is not None]
    rates = [rate for rate in outs if rate is not None]
    return MemberRow(
        client=member.client or member.id,
        id=member.id,
        host=member.host,
        partitions=_assigned(member),
        lag=figures.count(sum(known)) if known and len(known) == len(lags) else figures.UNKNOWN_WORD,
        rate_out=figures.rate_number(sum(rates), decimal=True)
        if rates and len(rates) == len(outs)
        else figures.UNKNOWN_WORD,
        note=member.note,
    )


def _assigned(member: Member) -> str:
    if not member.assigned:
        return "none"
    if len(member.assigned) == 1:
        numbers = sorted(next(iter(member.assigned.values())))
        told = ", ".join(str(n) for n in numbers[:PARTITIONS_NAMED])
        more = len(numbers) - PARTITIONS_NAMED
        return told + (f" and {more:,} more" if more > 0 else "")
    count = sum(len(numbers) for numbers in member.assigned.values())
    return f"{plural(count, 'partition')} of {plural(len(member.assigned), 'destination')}"

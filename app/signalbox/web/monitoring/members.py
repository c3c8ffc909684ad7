"""The members of a group, with the lag of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import Member
from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView, PartitionView
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.totals import sum_if_known

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
    """One live fragment. `empty_text` says why `rows` is empty."""

    key: str
    summary: str
    rows: tuple[MemberRow, ...]
    empty_text: str
    more: int
    read_at: float | None


def members(view: GroupView, partitions: Sequence[PartitionView]) -> Members:
    group = view.group
    owned: dict[str, list[PartitionView]] = {}
    for partition in partitions:
        if partition.member is not None:
            owned.setdefault(partition.member, []).append(partition)
    ordered = sorted(group.members or (), key=lambda m: (m.client, m.id))
    return Members(
        key=keys.group(view.connection, view.name),
        summary=_summary(view),
        rows=tuple(_row(member, owned.get(member.client, [])) for member in ordered[:ROWS_MAX]),
        empty_text="" if ordered else _empty_text(view),
        more=max(0, len(ordered) - ROWS_MAX),
        read_at=group.members_at if group.members_at is not None else view.read_at,
    )


def _summary(view: GroupView) -> str:
    count = view.group.member_count
    return f"{'number unknown' if count is None else f'{count:,}'}, {view.group.kind}"


def _empty_text(view: GroupView) -> str:
    count = view.group.member_count
    if count == 0:
        return "No members are connected."
    if count is None:
        return "This broker does not report members."
    return f"{plural(count, 'member')}. Their details have not been read yet."


def _row(member: Member, owned: Sequence[PartitionView]) -> MemberRow:
    return MemberRow(
        client=member.client or member.id,
        id=member.id,
        host=member.host,
        partitions=_assigned(member),
        lag=figures.number(sum_if_known([p.flow.lag for p in owned])),
        rate_out=figures.rate_number(sum_if_known([p.flow.rate_out for p in owned]), decimal=True),
        note=member.note,
    )


def _assigned(member: Member) -> str:
    if member.assigned is None:
        return "unknown"
    if not member.assigned:
        return "none"
    if len(member.assigned) == 1:
        numbers = sorted(next(iter(member.assigned.values())))
        named = ", ".join(str(n) for n in numbers[:PARTITIONS_NAMED])
        more = len(numbers) - PARTITIONS_NAMED
        return named + (f" and {more:,} more" if more > 0 else "")
    count = sum(len(numbers) for numbers in member.assigned.values())
    return f"{plural(count, 'partition')} of {plural(len(member.assigned), 'destination')}"

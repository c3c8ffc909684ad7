"""The list of groups: what its address asks for, as rows, filters and links."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.asked import TEXT_SORTS, Asked, nearest
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.paging import Place, Slice, cut
from signalbox.web.monitoring.rows import GroupRow, group_row, plural
from signalbox.web.monitoring.sums import sums
from signalbox.web.monitoring.tools import ListFrame, dropdowns, frame, query_of
from signalbox.web.monitoring.unseen import UnseenRow, unseen_apart

HEADS: tuple[tuple[str, str, str], ...] = (
    ("name", "Group and destination", ""),
    ("connection", "Connection", ""),
    ("", "Status", ""),
    ("", "Last hour", "drop-1"),
    ("lag", "Lag", "num"),
    ("time-lag", "Time lag", "num"),
    ("in", "In /s", "num drop-2"),
    ("out", "Out /s", "num drop-2"),
    ("read", "Read", "num"),
)
VALUES: Mapping[str, Callable[[GroupView], int | float | str | None]] = {
    "lag": lambda g: g.flow.lag,
    "time-lag": lambda g: None if g.flow.time_lag is None else g.flow.time_lag.seconds,
    "in": lambda g: g.flow.rate_in,
    "out": lambda g: g.flow.rate_out,
    "read": lambda g: g.read_at,
    "name": lambda g: g.name,
    "connection": lambda g: g.connection,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRow:
    """What follows on later pages, all ok, in one row."""

    words: str
    href: str
    lag: str
    rate_in: str
    rate_out: str
    read_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupList:
    """The filters, the table and its pager: the part that a change of the filter replaces.

    `rows` come first, then `unseen`, then `ok`: where a connection is down, what is not ok stands before its one row.
    """

    frame: ListFrame
    rows: tuple[GroupRow, ...]
    unseen: tuple[UnseenRow, ...]
    ok: tuple[GroupRow, ...]
    rest: RestRow | None


def matching(glance: Glance, groups: Sequence[GroupView], asked: Asked) -> list[GroupView]:
    """Return the groups that the filters let through."""
    text = asked.text.casefold()
    return [
        g
        for g in groups
        if asked.accepts(glance.status_of(g))
        and (not asked.connection or g.connection == asked.connection)
        and (not asked.kind or g.group.kind == asked.kind)
        and (not text or any(text in name.casefold() for name in _searched(g)))
    ]


def page_of(glance: Glance, groups: Sequence[GroupView], asked: Asked) -> Slice[GroupView]:
    """Return the rows of one page: not ok first, then by the sorted column; sorted by a text, by that alone."""
    value = VALUES[asked.sort]

    def place_of(view: GroupView) -> Place:
        rank = 0 if asked.sort in TEXT_SORTS else int(glance.status_of(view) is Status.OK)
        return Place(rank, value(view), view.connection, view.name)

    return cut(groups, place_of, down=asked.down, size=asked.rows, after=asked.after, before=asked.before)


def group_list(glance: Glance, asked: Asked) -> GroupList:
    everything = glance.monitor.groups()
    found = matching(glance, everything, asked)
    listed, unseen = unseen_apart(glance, found, asked, urls.groups, "group")
    part = page_of(glance, listed, asked)
    bad = sum(glance.status_of(g) is not Status.OK for g in part.rows) if unseen else len(part.rows)
    near = nearest(asked.text, list({g.name for g in everything})) if asked.text and not part.rows else []
    return GroupList(
        frame=frame(
            asked,
            part,
            address=urls.groups,
            key=keys.GROUPS,
            things="groups",
            placeholder="Group, destination or member",
            heads=HEADS,
            total=len(everything),
            not_ok=sum(glance.status_of(g) is not Status.OK for g in everything),
            dropdowns=dropdowns(
                asked,
                statuses=Counter(glance.status_of(g) for g in everything),
                connections=glance.links,
                kinds=Counter(g.group.kind for g in everything),
            ),
            near=near,
        ),
        rows=tuple(group_row(glance, g) for g in part.rows[:bad]),
        unseen=unseen if part.first == 1 else (),
        ok=tuple(group_row(glance, g) for g in part.rows[bad:]),
        rest=_rest(glance, listed, part, asked),
    )


def _searched(group: GroupView) -> Iterator[str]:
    yield group.name
    yield from group.group.destinations
    for member in group.group.members or ():
        yield member.client


def _rest(glance: Glance, found: Sequence[GroupView], part: Slice[GroupView], asked: Asked) -> RestRow | None:
    """Sum what follows, if this page is the first, something follows, and all of that is ok."""
    if part.after is None or part.first != 1 or asked.sort in TEXT_SORTS:
        return None
    shown = {(g.connection, g.name) for g in part.rows}
    rest = [g for g in found if (g.connection, g.name) not in shown]
    if any(glance.status_of(g) is not Status.OK for g in rest):
        return None
    total = sums(rest)
    return RestRow(
        words=f"{plural(len(rest), 'more group')}, all ok",
        href=urls.groups(**query_of(asked) | {"after": part.after}),
        lag=figures.count(total.lag, approximate=total.approximate),
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        read_at=total.oldest_read_at,
    )

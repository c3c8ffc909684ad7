"""The list of destinations: what its address asks for, as rows, filters and links."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from signalbox.monitoring import keys
from signalbox.monitoring.model import DestinationView, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.asked import TEXT_SORTS, Asked, nearest
from signalbox.web.monitoring.destination_rows import DestinationRow, destination_row
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.paging import Place, Slice, cut
from signalbox.web.monitoring.tools import ListFrame, dropdowns, frame
from signalbox.web.monitoring.unseen import UnseenRow, unseen_apart

HEADS: tuple[tuple[str, str, str], ...] = (
    ("name", "Destination", ""),
    ("connection", "Connection", ""),
    ("", "Status", ""),
    ("in", "In /s", "num"),
    ("messages", "Messages and size", "num drop-2"),
    ("kept", "Kept", "num"),
    ("", "Read by", "num drop-1"),
    ("read", "Read", "num"),
)
VALUES: Mapping[str, Callable[[DestinationView], int | float | str | None]] = {
    "in": lambda d: d.rate_in,
    "messages": lambda d: d.destination.messages,
    "size": lambda d: d.destination.size_bytes,
    "kept": lambda d: None if d.destination.retention is None else d.destination.retention.age_s,
    "read": lambda d: d.read_at,
    "name": lambda d: d.name,
    "connection": lambda d: d.connection,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationList:
    frame: ListFrame
    rows: tuple[DestinationRow, ...]
    unseen: tuple[UnseenRow, ...]
    ok: tuple[DestinationRow, ...]


def matching(glance: Glance, views: Sequence[DestinationView], asked: Asked) -> list[DestinationView]:
    """Return the destinations that the filters let through."""
    text = asked.text.casefold()
    return [
        d
        for d in views
        if asked.accepts(glance.status_of(d))
        and (not asked.connection or d.connection == asked.connection)
        and (not asked.kind or d.destination.kind == asked.kind)
        and (not text or text in d.name.casefold())
    ]


def page_of(glance: Glance, views: Sequence[DestinationView], asked: Asked) -> Slice[DestinationView]:
    """Return the rows of one page: not ok first, then by the sorted column; sorted by a text, by that alone."""
    value = VALUES[asked.sort]

    def place_of(view: DestinationView) -> Place:
        rank = 0 if asked.sort in TEXT_SORTS else int(glance.status_of(view) is Status.OK)
        return Place(rank, value(view), view.connection, view.name)

    return cut(views, place_of, down=asked.down, size=asked.rows, after=asked.after, before=asked.before)


def destination_list(glance: Glance, asked: Asked) -> DestinationList:
    everything = glance.monitor.destinations()
    listed, unseen = unseen_apart(glance, matching(glance, everything, asked), asked, urls.destinations, "destination")
    part = page_of(glance, listed, asked)
    bad = sum(glance.status_of(d) is not Status.OK for d in part.rows) if unseen else len(part.rows)
    near = nearest(asked.text, list({d.name for d in everything})) if asked.text and not part.rows else []
    return DestinationList(
        frame=frame(
            asked,
            part,
            address=urls.destinations,
            key=keys.DESTINATIONS,
            things="destinations",
            placeholder="Topic, queue or stream",
            heads=HEADS,
            total=len(everything),
            not_ok=sum(glance.status_of(d) is not Status.OK for d in everything),
            dropdowns=dropdowns(
                asked,
                statuses=Counter(glance.status_of(d) for d in everything),
                connections=glance.links,
                kinds=Counter(d.destination.kind for d in everything),
            ),
            near=near,
        ),
        rows=tuple(destination_row(glance, d) for d in part.rows[:bad]),
        unseen=unseen if part.first == 1 else (),
        ok=tuple(destination_row(glance, d) for d in part.rows[bad:]),
    )

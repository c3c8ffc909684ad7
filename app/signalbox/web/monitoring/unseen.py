"""What is on a connection that does not answer is alike, all unknown: one row of a list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from signalbox.monitoring.model import DestinationView, GroupView
from signalbox.web.monitoring.asked import TEXT_SORTS, Asked
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.rows import plural
from signalbox.web.monitoring.tools import Address, query_of

View = TypeVar("View", GroupView, DestinationView)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenRow:
    """The groups or destinations of one connection that does not answer."""

    words: str
    href: str
    connection: str
    read_at: float | None


def unseen_apart(
    glance: Glance, found: Sequence[View], asked: Asked, address: Address, thing: str
) -> tuple[Sequence[View], tuple[UnseenRow, ...]]:
    """Take out what is on connections that do not answer, where the list is not about them alone."""
    seen = [view for view in found if not glance.unseen(view.connection)]
    if asked.text or asked.connection or asked.sort in TEXT_SORTS or not seen:
        return found, ()
    counts = Counter(view.connection for view in found if glance.unseen(view.connection))
    rows = tuple(
        UnseenRow(
            words=f"{plural(count, thing)} of {name}, {'all ' if count > 1 else ''}unknown",
            href=address(**query_of(asked) | {"connection": name}),
            connection=name,
            read_at=glance.links[name].answered_at,
        )
        for name, count in sorted(counts.items())
    )
    return seen, rows

"""The rows of "Recent changes"."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.monitoring import words
from signalbox.monitoring.model import Change
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    at: float
    mark: str
    tone: str
    text: tuple[Span, ...]
    href: str
    connection: str


def change_rows(changes: Iterable[Change], *, show_connection: bool) -> tuple[ChangeRow, ...]:
    """Return the rows; `show_connection` adds the connection of each group."""
    return tuple(
        ChangeRow(
            at=change.at,
            mark=words.mark(change.after),
            tone=words.tone(change.after),
            text=words.change_text(change),
            href=_href(change),
            connection=change.connection if show_connection and change.group is not None else "",
        )
        for change in changes
    )


def _href(change: Change) -> str:
    if change.group is None:
        return urls.connection(change.connection)
    return urls.group(change.connection, change.group)

"""The rows of "Recent changes"."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.monitoring import keys, words
from signalbox.monitoring.model import Change, ConnectionView
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.context import MonitoringContext

CHANGES_SHOWN = 10
CONNECTION_CHANGES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    at: float
    mark: str
    tone: str
    text: tuple[Span, ...]
    href: str
    connection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentChanges:
    """The newest changes: one live fragment."""

    key: str
    fragment: str
    rows: tuple[ChangeRow, ...]


def overview_changes(context: MonitoringContext) -> RecentChanges:
    rows = change_rows(context.monitor.changes(CHANGES_SHOWN), show_connection=len(context.connections) > 1)
    return RecentChanges(key=keys.OVERVIEW, fragment="overview/changes", rows=rows)


def connection_changes(context: MonitoringContext, view: ConnectionView) -> RecentChanges:
    changes = [change for change in context.monitor.changes() if change.connection == view.name]
    rows = change_rows(changes[:CONNECTION_CHANGES_SHOWN], show_connection=False)
    return RecentChanges(key=keys.connection(view.name), fragment="connections/changes", rows=rows)


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

"""The flow diagram of the overview: one mark per group. Above 150 groups, the ok groups share one mark with a count. Pure."""

from dataclasses import dataclass

from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.totals import most_severe_first

MARKS_MAX = 150  # over all connections
NOT_OK_MARKS_MAX = 60  # per connection, if the ok groups share one mark


@dataclass(frozen=True, slots=True)
class GroupMark:
    href: str
    label: StatusLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDiagram:
    label: str
    stale: bool
    ok_count: int | None  # None: every ok group has its own mark
    ok_href: str
    marks: tuple[GroupMark, ...]
    more: int
    more_href: str


def flow_diagrams(context: MonitoringContext) -> tuple[FlowDiagram, ...]:
    count_ok = len(context.monitor.groups()) > MARKS_MAX
    return tuple(_diagram(context, connection, count_ok=count_ok) for connection in context.connections.values())


def _diagram(context: MonitoringContext, connection: ConnectionView, *, count_ok: bool) -> FlowDiagram:
    groups = context.monitor.groups(connection.name)
    not_ok = [view for view in groups if context.status_of(view) is not Status.OK]
    ok = len(groups) - len(not_ok)
    marked = most_severe_first(not_ok)[:NOT_OK_MARKS_MAX] if count_ok else sorted(groups, key=lambda view: view.name)
    return FlowDiagram(
        label=_label(connection, ok, len(groups)),
        stale=connection.link is LinkState.STALE,
        ok_count=ok if count_ok and ok else None,
        ok_href=urls.groups(connection=connection.name, status="ok"),
        marks=tuple(_mark(context, view) for view in marked),
        more=len(not_ok) - len(marked) if count_ok else 0,
        more_href=urls.groups(connection=connection.name, status="not-ok"),
    )


def _mark(context: MonitoringContext, group: GroupView) -> GroupMark:
    status = context.status_of(group)
    return GroupMark(urls.group(group.connection, group.name), status_label(status, f"{group.name}: {status}"))


def _label(connection: ConnectionView, ok: int, total: int) -> str:
    if connection.link is not LinkState.CONNECTED:
        return f"{connection.name}, {connection.link}"
    return f"{connection.name}, {ok:,} of {total:,} ok" if total else f"{connection.name}, no groups"

"""The list of consumer groups."""

from collections.abc import Iterator, Sequence

from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_rows import GroupRow, SummaryRow, group_row, summary_row
from signalbox.web.monitoring.list_frame import ColumnSpec, ListType
from signalbox.web.monitoring.totals import destinations_of, totals_of


def _searched_names(view: GroupView) -> Iterator[str]:
    yield view.name
    yield from view.group.destinations
    for member in view.group.members or ():
        yield member.client


def _summarize(context: MonitoringContext, views: Sequence[GroupView], href: str) -> SummaryRow:
    total = totals_of(views, destinations_of(context.monitor, views))
    return summary_row(f"{plural(len(views), 'more group')}, all ok", href, total)


GROUP_LIST: ListType[GroupView, GroupRow] = ListType(
    noun="group",
    key=keys.GROUPS,
    url=urls.groups,
    placeholder="Group, destination or member",
    columns=(
        ColumnSpec("name", "Group and destination", ""),
        ColumnSpec("connection", "Connection", ""),
        ColumnSpec("", "Status", ""),
        ColumnSpec("", "Last hour", "drop-1"),
        ColumnSpec("lag", "Lag", "num"),
        ColumnSpec("time-lag", "Time lag", "num"),
        ColumnSpec("in", "In/s", "num drop-2"),
        ColumnSpec("out", "Out/s", "num drop-2"),
        ColumnSpec("updated", "Updated", "num"),
    ),
    sort_values={
        "lag": lambda g: g.flow.lag,
        "time-lag": lambda g: None if g.flow.time_lag is None else g.flow.time_lag.seconds,
        "in": lambda g: g.flow.rate_in,
        "out": lambda g: g.flow.rate_out,
        "updated": lambda g: g.read_at,
        "name": lambda g: g.name,
        "connection": lambda g: g.connection,
    },
    kind_of=lambda g: g.group.kind,
    searched_names=_searched_names,
    row=group_row,
    summarize=_summarize,
)

"""The list of connections, most severe first. It is short: no filters, no paging."""

from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import Headline, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.headlines import connections_headline
from signalbox.web.monitoring.overview import product
from signalbox.web.monitoring.totals import totals_of

ORDER = (LinkState.DOWN, LinkState.STALE, LinkState.CONNECTING, LinkState.CONNECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    key: str
    name: str
    href: str
    product: str
    status: StatusLabel
    error: str
    groups: str
    groups_detail: str
    destinations: str
    lag: str
    at_least: bool
    rate_in: str
    rate_out: str
    stale: bool
    read_at: float | None
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsPage:
    headline: Headline
    rows: tuple[ConnectionRow, ...]
    key: str


def connections_page(context: MonitoringContext) -> ConnectionsPage:
    ordered = sorted(context.connections.values(), key=lambda view: (ORDER.index(view.link), view.name))
    return ConnectionsPage(
        headline=connections_headline(context),
        rows=tuple(connection_row(context, view) for view in ordered),
        key=keys.CONNECTIONS,
    )


def connection_row(context: MonitoringContext, view: ConnectionView) -> ConnectionRow:
    unreachable = context.is_unreachable(view.name)
    total = totals_of(() if unreachable else context.monitor.groups(view.name))
    return ConnectionRow(
        key=keys.connection(view.name),
        name=view.name,
        href=urls.connection(view.name),
        product=product(view),
        status=status_label(view.link, words.link_text(view, context.now)),
        error=view.error,
        groups=figures.number(None if view.never_read else view.groups),
        groups_detail=_groups_detail(view, unreachable=unreachable),
        destinations=figures.number(None if view.never_read else view.destinations),
        lag=figures.number(total.lag, approximate=total.approximate),
        at_least=total.lag_partial and total.lag is not None,
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        stale=view.link is LinkState.STALE,
        read_at=view.answered_at,
        interval_s=view.interval_s,
    )


def _groups_detail(view: ConnectionView, *, unreachable: bool) -> str:
    if not view.groups:
        return ""
    if unreachable:
        return "status unknown"
    not_ok = view.groups - view.groups_ok
    return f"{not_ok:,} not ok" if not_ok else "all ok"

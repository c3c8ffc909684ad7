"""The list of connections, trouble first. There are few: no filter, no paging."""

from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.overview import product
from signalbox.web.monitoring.parts import Verdict
from signalbox.web.monitoring.rows import Sign, sign
from signalbox.web.monitoring.sums import sums

ORDER = (LinkState.DOWN, LinkState.STALE, LinkState.CONNECTING, LinkState.CONNECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    key: str
    name: str
    href: str
    product: str
    sign: Sign
    why: str
    groups: str
    groups_more: str
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
    head: Verdict
    rows: tuple[ConnectionRow, ...]
    key: str


def connections_page(glance: Glance) -> ConnectionsPage:
    ordered = sorted(glance.links.values(), key=lambda view: (ORDER.index(view.link), view.name))
    return ConnectionsPage(
        head=connections_head(glance),
        rows=tuple(connection_row(glance, view) for view in ordered),
        key=keys.CONNECTIONS,
    )


def connections_head(glance: Glance) -> Verdict:
    views = list(glance.links.values())
    return Verdict(
        key=keys.OVERVIEW,
        fragment="connections/sentence",
        sentence=words.connections_sentence(views),
        why=words.overview_reason(views, glance.monitor.groups()),
    )


def connection_row(glance: Glance, view: ConnectionView) -> ConnectionRow:
    unseen = glance.unseen(view.name)
    total = sums(() if unseen else glance.monitor.groups(view.name))
    bad = view.groups - view.groups_ok
    return ConnectionRow(
        key=keys.connection(view.name),
        name=view.name,
        href=urls.connection(view.name),
        product=product(view),
        sign=sign(view.link, words.link_text(view, glance.now)),
        why=view.error,
        groups=figures.count(None if view.answered_at is None else view.groups),
        groups_more="unknown how"
        if unseen and view.groups
        else f"{bad:,} not ok"
        if bad
        else "all ok"
        if view.groups
        else "",
        destinations=figures.count(None if view.answered_at is None else view.destinations),
        lag=figures.count(total.lag, approximate=total.approximate),
        at_least=total.lag_partial and total.lag is not None,
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        stale=view.link is LinkState.STALE,
        read_at=view.answered_at,
        interval_s=view.interval_s,
    )

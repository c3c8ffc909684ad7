"""The overview: is everything moving, what needs a person, how each connection does, what changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.arms import Bank, banks
from signalbox.web.monitoring.changes import ChangeRow, change_rows
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.needs import Needs, needs
from signalbox.web.monitoring.rows import GroupRow, Sign, group_row, plural, sign
from signalbox.web.monitoring.sums import Sums, by_cost, sums

ROWS_MAX = 5  # of each connection that are not ok; above, they are one row
ROWS_IN_ALL_MAX = 120  # a page may watch 200 fragments
ALL_SHOWN_MAX = 12  # groups in all, up to which the ok ones have rows too
CHANGES_SHOWN = 10
PRODUCTS = {
    BrokerKind.KAFKA: "Apache Kafka",
    BrokerKind.RABBITMQ: "RabbitMQ",
    BrokerKind.NATS: "NATS JetStream",
    BrokerKind.SQS: "Amazon SQS",
}
GROUPS_CALLED = {
    BrokerKind.KAFKA: "group",
    BrokerKind.RABBITMQ: "queue",
    BrokerKind.NATS: "consumer",
    BrokerKind.SQS: "queue",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The sentence and the frame: one live fragment."""

    key: str
    sentence: tuple[Span, ...]
    why: tuple[Span, ...]
    banks: tuple[Bank, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHead:
    """The first row of a connection: what it is, how the link is, and the sums of its groups."""

    key: str
    name: str
    href: str
    product: str
    sign: Sign
    stale: bool
    lag: str
    at_least: bool
    rate_in: str
    rate_out: str
    read_at: float | None
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One row for groups that are alike: the ok ones, the unknown ones, the rest of what is not ok."""

    words: str
    more: str
    href: str
    lag: str
    rate_in: str
    rate_out: str
    read_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The closing rows of a connection: one live fragment."""

    key: str
    name: str
    rows: tuple[Closing, ...]
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBank:
    head: ConnectionHead
    rows: tuple[GroupRow, ...]
    tail: Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    head: Head
    needs: Needs
    banks: tuple[ConnectionBank, ...]
    groups: int
    not_ok: int
    changes: tuple[ChangeRow, ...]


def by_connection(glance: Glance) -> dict[str, list[GroupView]]:
    found: dict[str, list[GroupView]] = {name: [] for name in glance.links}
    for view in glance.monitor.groups():
        found.setdefault(view.connection, []).append(view)
    return found


def overview(glance: Glance) -> OverviewPage:
    groups = by_connection(glance)
    everything = [view for own in groups.values() for view in own]
    return OverviewPage(
        head=head(glance),
        needs=needs(glance),
        banks=tuple(_bank(glance, view, groups[view.name]) for view in glance.links.values()),
        groups=len(everything),
        not_ok=sum(glance.status_of(view) is not Status.OK for view in everything),
        changes=change_rows(glance.monitor.changes(CHANGES_SHOWN), placed=len(glance.links) > 1),
    )


def head(glance: Glance) -> Head:
    connections, groups = list(glance.links.values()), by_connection(glance)
    everything = [view for own in groups.values() for view in own]
    return Head(
        key=keys.OVERVIEW,
        sentence=words.overview_sentence(connections, everything, glance.now),
        why=words.overview_reason(connections, everything),
        banks=banks(glance, groups),
    )


def _bank(glance: Glance, view: ConnectionView, groups: list[GroupView]) -> ConnectionBank:
    return ConnectionBank(
        head=bank_head(glance, view),
        rows=tuple(group_row(glance, group) for group in _shown(glance, view, groups)),
        tail=bank_tail(glance, view),
    )


def _shown(glance: Glance, view: ConnectionView, groups: Sequence[GroupView]) -> list[GroupView]:
    """Return the groups that have a row of their own: what is not ok and known, dearest first; all where there are few."""
    if glance.unseen(view.name):
        return []
    if sum(each.groups for each in glance.links.values()) <= ALL_SHOWN_MAX:
        return by_cost(groups)
    return by_cost(g for g in groups if g.verdict.status not in {Status.OK, Status.UNKNOWN})[
        : min(ROWS_MAX, ROWS_IN_ALL_MAX // len(glance.links))
    ]


def bank_head(glance: Glance, view: ConnectionView) -> ConnectionHead:
    """Return the first row of a connection."""
    groups = glance.monitor.groups(view.name)
    total = _sums(glance, view, groups)
    return ConnectionHead(
        key=keys.connection(view.name),
        name=view.name,
        href=urls.connection(view.name),
        product=product(view),
        sign=sign(view.link, words.link_text(view, glance.now)),
        stale=view.link is LinkState.STALE,
        lag=_count(glance, view, total),
        at_least=total.lag_partial and total.lag is not None,
        rate_in=figures.rate_number(_rate(glance, view, total.rate_in, groups)),
        rate_out=figures.rate_number(_rate(glance, view, total.rate_out, groups)),
        read_at=view.answered_at,
        interval_s=view.interval_s,
    )


def _count(glance: Glance, view: ConnectionView, total: Sums) -> str:
    """Write what waits on a connection: nothing where nobody reads, unknown where it does not answer."""
    none = not total.count and not glance.unseen(view.name)
    return figures.count(0 if none else total.lag, approximate=total.approximate)


def _rate(glance: Glance, view: ConnectionView, per_s: float | None, groups: Sequence[GroupView]) -> float | None:
    return per_s if groups or glance.unseen(view.name) else 0.0


def bank_tail(glance: Glance, view: ConnectionView) -> Tail:
    """Return the closing rows of a connection: what has no row of its own."""
    groups = glance.monitor.groups(view.name)
    shown = {group.name for group in _shown(glance, view, groups)}
    rest = [group for group in groups if group.name not in shown]
    if glance.unseen(view.name):
        parts = [("unknown", "", rest)]
    else:
        ok = [g for g in rest if g.verdict.status is Status.OK]
        unknown = [g for g in rest if g.verdict.status is Status.UNKNOWN]
        bad = [g for g in rest if g.verdict.status not in {Status.OK, Status.UNKNOWN}]
        parts = [("not ok", "not-ok", bad), ("unknown", "unknown", unknown), ("ok", "ok", ok)]
    rows = tuple(
        _closing(glance, view, how, part, urls.groups(connection=view.name, status=status), more=bool(shown))
        for how, status, part in parts
        if part
    )
    return Tail(key=keys.connection(view.name), name=view.name, rows=rows, stale=view.link is LinkState.STALE)


def _closing(
    glance: Glance, view: ConnectionView, how: str, groups: Sequence[GroupView], href: str, *, more: bool
) -> Closing:
    total = _sums(glance, view, groups)
    thing = GROUPS_CALLED[view.kind]
    count = plural(len(groups), f"more {thing}" if more else thing)
    told = f"{count}, {'all ' if len(groups) > 1 and how != 'not ok' else ''}{how}"
    if how == "ok" and view.link is LinkState.STALE:
        told = f"{count}, ok when last read"
    held = sums(groups)
    return Closing(
        words=told,
        more=_held(held, view, glance.now) if glance.unseen(view.name) else "",
        href=href,
        lag=figures.count(total.lag, approximate=total.approximate),
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        read_at=total.oldest_read_at,
    )


def _held(held: Sums, view: ConnectionView, now: float) -> str:
    if held.lag is None or view.answered_at is None:
        return ""
    messages = figures.count(held.lag, approximate=held.approximate)
    return f"When last seen, at {figures.utc_time(view.answered_at, now)}, they held {messages} messages."


def _sums(glance: Glance, view: ConnectionView, groups: Sequence[GroupView]) -> Sums:
    total = sums(groups)
    if not glance.unseen(view.name):
        return total
    return Sums(
        count=total.count,
        lag=None,
        lag_partial=False,
        approximate=False,
        rate_in=None,
        rate_out=None,
        oldest_read_at=view.answered_at,
        newest_read_at=view.answered_at,
    )


def product(view: ConnectionView) -> str:
    """Say what a connection leads to: "Apache Kafka 4.3, 3 brokers, 46 groups"."""
    cluster = view.cluster
    told = [PRODUCTS[view.kind] if cluster is None else f"{cluster.product} {cluster.version or ''}".strip()]
    if cluster is not None and cluster.nodes:
        told.append(plural(len(cluster.nodes), "broker" if view.kind is BrokerKind.KAFKA else "node"))
    if view.answered_at is not None:
        told.append(plural(view.groups, GROUPS_CALLED[view.kind]))
    return ", ".join(told)

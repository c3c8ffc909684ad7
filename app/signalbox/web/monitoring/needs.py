"""What needs a person, dearest first: data that will be lost, what stands still, then what is not known."""

from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.rows import Sign, plural, sign
from signalbox.web.monitoring.sums import cost

SHOWN_MAX = 7
SHOWN_OF_MANY = 5  # when there are more than SHOWN_MAX
ASKS = frozenset(
    {
        Status.WILL_LOSE_DATA,
        Status.STOPPED,
        Status.STALLED,
        Status.HELD_BACK,
        Status.PAST_END,
        Status.REWOUND,
        Status.BEHIND,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    sign: Sign
    href: str
    name: str
    where: str
    why: tuple[Span, ...]
    cost: str
    cost_more: str
    since: float
    since_exact: bool
    lost_at: float | None
    lost: str  # "" where nothing is lost by waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The section "Needs you": one live fragment."""

    key: str
    rows: tuple[Need, ...]
    total: int
    more_href: str


def needs(glance: Glance) -> Needs:
    groups = sorted(
        (g for g in glance.monitor.groups() if g.verdict.status in ASKS and not glance.unseen(g.connection)), key=cost
    )
    losing = [g for g in groups if g.verdict.status is Status.WILL_LOSE_DATA]
    rest = groups[len(losing) :]
    links = sorted(
        (view for view in glance.links.values() if view.link in {LinkState.DOWN, LinkState.STALE}),
        key=lambda view: view.link is not LinkState.DOWN,
    )
    still = [g for g in rest if g.verdict.status in {Status.STOPPED, Status.STALLED}]
    behind = rest[len(still) :]
    total = len(groups) + len(links)
    most = SHOWN_MAX if total <= SHOWN_MAX else SHOWN_OF_MANY
    dearest: list[GroupView | ConnectionView] = [*losing, *still, *links, *behind]
    rows = [
        _group(glance, view) if isinstance(view, GroupView) else _connection(glance, view) for view in dearest[:most]
    ]
    return Needs(key=keys.OVERVIEW, rows=tuple(rows), total=total, more_href=urls.groups(status="not-ok"))


def _group(glance: Glance, view: GroupView) -> Need:
    verdict, flow = view.verdict, view.flow
    lost_at = verdict.until if verdict.status is Status.WILL_LOSE_DATA else None
    waiting = figures.count(flow.lag, approximate=flow.approximate)
    late = "" if flow.time_lag is None else f"{figures.duration(flow.time_lag.seconds)} behind"
    return Need(
        sign=sign(verdict.status),
        href=urls.group(view.connection, view.name),
        name=view.name,
        where=view.connection,
        why=(*words.group_sentence(view, glance.now), Span(" "), *words.group_reason(view, glance.now)),
        cost="unknown" if flow.lag is None else f"{waiting} {'message waits' if flow.lag == 1 else 'messages wait'}",
        cost_more=f"{late}, {flow.time_lag.method}" if flow.time_lag is not None else "",
        since=verdict.since,
        since_exact=verdict.since_exact,
        lost_at=lost_at,
        lost="" if lost_at is None else figures.duration(max(0.0, lost_at - glance.now)),
    )


def _connection(glance: Glance, view: ConnectionView) -> Need:
    return Need(
        sign=sign(view.link),
        href=urls.connection(view.name),
        name=view.name,
        where=view.kind.value,
        why=(*words.connection_sentence(view, glance.now), Span(" "), *words.connection_reason(view, glance.now)),
        cost="unknown",
        cost_more=_what_waits(view),
        since=view.since,
        since_exact=True,
        lost_at=None,
        lost="unknown",
    )


def _what_waits(view: ConnectionView) -> str:
    if view.never_read:
        return "never read"
    return plural(view.groups, "group") + (" unseen" if view.link is LinkState.DOWN else " as they were then")

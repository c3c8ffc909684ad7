"""The frame of the overview: one arm for every group, or above 150 the ok ones as one. Pure."""

from dataclasses import dataclass

from signalbox.monitoring import words
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.sums import by_cost

ARMS_MAX = 150  # of all connections together: above, the ok ones of a connection are one arm
TROUBLED_ARMS_MAX = 60  # drawn singly of one connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    href: str
    mark: str
    tone: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The arms of one connection."""

    label: str
    stale: bool
    ok: int | None  # set when the ok ones are one arm
    ok_href: str
    arms: tuple[Arm, ...]
    more: int
    more_href: str


def banks(glance: Glance, groups: dict[str, list[GroupView]]) -> tuple[Bank, ...]:
    summed = sum(len(own) for own in groups.values()) > ARMS_MAX
    return tuple(_bank(glance, c, groups.get(c.name, []), summed=summed) for c in glance.links.values())


def _bank(glance: Glance, connection: ConnectionView, groups: list[GroupView], *, summed: bool) -> Bank:
    bad = [g for g in groups if glance.status_of(g) is not Status.OK]
    ok = len(groups) - len(bad)
    shown = by_cost(bad)[:TROUBLED_ARMS_MAX] if summed else sorted(groups, key=lambda g: g.name)
    return Bank(
        label=_label(connection, ok, len(groups)),
        stale=connection.link is LinkState.STALE,
        ok=ok if summed and ok else None,
        ok_href=urls.groups(connection=connection.name, status="ok"),
        arms=tuple(_arm(glance, g) for g in shown),
        more=len(bad) - len(shown) if summed else 0,
        more_href=urls.groups(connection=connection.name, status="not-ok"),
    )


def _arm(glance: Glance, group: GroupView) -> Arm:
    status = glance.status_of(group)
    return Arm(
        href=urls.group(group.connection, group.name),
        mark=words.mark(status),
        tone=words.tone(status),
        words=f"{group.name}: {status}",
    )


def _label(connection: ConnectionView, ok: int, of: int) -> str:
    if connection.link is LinkState.CONNECTED:
        return f"{connection.name}, {ok:,} of {of:,} ok" if of else f"{connection.name}, no groups"
    return f"{connection.name}, {connection.link}"

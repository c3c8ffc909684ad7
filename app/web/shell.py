"""What stands around every page: the side line, the top strip and the banners. Facts only; the template marks them up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import version

from app.monitoring.model import ConnectionView, Link
from app.web import urls
from app.web.assets import BUILD_COMMAND, Assets
from app.web.settings import is_loopback

VERSION = version("signalbox")
BANNERS_MAX = 2  # more would push the answer off a phone
NAMES_IN_BANNER = 3


class Section(StrEnum):
    """Where in the side line a page belongs."""

    OVERVIEW = "Overview"
    CONNECTIONS = "Connections"
    GROUPS = "Groups"
    DESTINATIONS = "Destinations"


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way to this page; its text is shown as a broker's name is."""

    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page that htmx may ask for alone: its template and the one variable `it`."""

    template: str
    it: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What holds for every page. It cannot be closed, only ended."""

    tone: str
    mark: str
    strong: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the shell is drawn from."""

    connections: Sequence[ConnectionView]
    host: str  # where Signalbox listens
    banners: tuple[Banner, ...] = ()  # of the whole process: the demo's


@dataclass(frozen=True, slots=True, kw_only=True)
class NavLink:
    section: Section
    href: str
    icon: str
    count: int | None = None
    tone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NavGroup:
    head: str
    links: tuple[NavLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Everything `_layout/base.html` shows besides the page itself."""

    title: str
    section: Section | None
    crumbs: tuple[Crumb, ...]
    nav: tuple[NavGroup, ...]
    banners: tuple[Banner, ...]
    who: str
    connected: bool  # False: no connection is configured
    now: float
    theme: str  # "light", "dark" or "" for the browser's preference
    version: str
    build: str
    nonce: str
    missing: str = field(default="")  # the command that makes what is missing of the front-end files


def shell_of(
    around: Around,
    *,
    title: str,
    section: Section | None,
    crumbs: tuple[Crumb, ...],
    theme: str,
    nonce: str,
    now: float,
    assets: Assets,
) -> Shell:
    return Shell(
        title=title,
        section=section,
        crumbs=crumbs or (Crumb(title),),
        nav=_nav(around.connections),
        banners=_banners(around),
        who="no sign-in, this machine only" if is_loopback(around.host) else "no sign-in",
        connected=bool(around.connections),
        now=now,
        theme=theme if theme in {"light", "dark"} else "",
        version=VERSION,
        build=assets.build,
        nonce=nonce,
        missing=BUILD_COMMAND if assets.missing else "",
    )


def _nav(connections: Sequence[ConnectionView]) -> tuple[NavGroup, ...]:
    down = any(c.link is Link.DOWN for c in connections)
    flow = (
        NavLink(
            section=Section.CONNECTIONS,
            href=urls.connections(),
            icon="i-link",
            count=len(connections),
            tone="danger" if down else None,
        ),
        NavLink(section=Section.GROUPS, href=urls.groups(), icon="i-flow", count=sum(c.groups for c in connections)),
        NavLink(
            section=Section.DESTINATIONS,
            href=urls.destinations(),
            icon="i-saga",
            count=sum(c.destinations for c in connections),
        ),
    )
    overview = NavLink(section=Section.OVERVIEW, href=urls.overview(), icon="i-home")
    return NavGroup(head="Now", links=(overview,)), NavGroup(head="Flow", links=flow)


def _banners(around: Around) -> tuple[Banner, ...]:
    found: list[Banner] = []
    if not is_loopback(around.host):
        found.append(
            Banner(
                tone="caution",
                mark="m-behind",
                strong=f"There is no sign-in, and Signalbox listens on {around.host}:",
                text="whoever reaches it sees everything (allow_unauthenticated = true in signalbox.toml).",
            )
        )
    if unverified := [c.name for c in around.connections if not c.tls_verified]:
        names = ", ".join(unverified[:NAMES_IN_BANNER])
        if len(unverified) > NAMES_IN_BANNER:
            names += f" and {len(unverified) - NAMES_IN_BANNER} more"
        found.append(
            Banner(
                tone="caution",
                mark="m-behind",
                strong=f"TLS is not verified on {names}:",
                text="whoever stands in between can read along and answer instead.",
            )
        )
    return (*around.banners, *found)[:BANNERS_MAX]

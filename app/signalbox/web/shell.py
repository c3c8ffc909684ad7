"""What stands around every page: the side line, the top strip and the banners. Facts only; the template marks them up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from signalbox import __version__
from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.security.model import Actor
from signalbox.web import urls
from signalbox.web.access import DEMO
from signalbox.web.assets import BUILD_COMMAND, Assets
from signalbox.web.settings import ServerSettings

BANNERS_MAX = 2  # more would push the answer off a phone
NAMES_IN_BANNER = 3


class Section(StrEnum):
    """Where in the side line a page belongs."""

    OVERVIEW = "Overview"
    CONNECTIONS = "Connections"
    GROUPS = "Groups"
    DESTINATIONS = "Destinations"
    AUDIT = "Audit"
    USERS = "Users"
    MASKING = "Masking"


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way to this page; its text is shown as a broker's name is."""

    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page that htmx may ask for alone: its template, and the one variable of it by name and value."""

    template: str
    variable: str
    value: object


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

    connections: Sequence[ConnectionView]  # that this actor may see
    actor: Actor
    has_users: bool
    users: int | None  # how many; None: not known
    rules: int | None  # that mask; None: not known
    settings: ServerSettings
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
    more: tuple[NavLink, ...]  # what a phone shows behind "More": the tab bar has no room for it
    banners: tuple[Banner, ...]
    who: str
    who_href: str  # one's profile, or where to sign in
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
        nav=_nav(around),
        more=_house(around),
        banners=_banners(around),
        who=_who(around),
        who_href=_who_href(around),
        connected=bool(around.connections),
        now=now,
        theme=theme if theme in {"light", "dark"} else "",
        version=__version__,
        build=assets.build,
        nonce=nonce,
        missing=BUILD_COMMAND if assets.missing else "",
    )


def _who(around: Around) -> str:
    actor = around.actor
    if actor.is_signed_in:
        return f"{actor.name}, {actor.rights.describe()}"
    if actor.name == DEMO:
        return "demo, operator"
    return "no sign-in, this machine only" if around.settings.only_local else "not signed in"


def _who_href(around: Around) -> str:
    if around.actor.is_signed_in:
        return urls.profile()
    return urls.sign_in() if around.has_users else urls.set_up()


def _nav(around: Around) -> tuple[NavGroup, ...]:
    connections = around.connections
    down = any(c.link is LinkState.DOWN for c in connections)
    flow = (
        NavLink(
            section=Section.CONNECTIONS,
            href=urls.build("connections"),
            icon="i-link",
            count=len(connections),
            tone="danger" if down else None,
        ),
        NavLink(
            section=Section.GROUPS,
            href=urls.build("groups"),
            icon="i-flow",
            count=_known(connections, sum(c.groups for c in connections)),
        ),
        NavLink(
            section=Section.DESTINATIONS,
            href=urls.build("destinations"),
            icon="i-saga",
            count=_known(connections, sum(c.destinations for c in connections)),
        ),
    )
    overview = NavLink(section=Section.OVERVIEW, href=urls.overview(), icon="i-home")
    groups = (NavGroup(head="Now", links=(overview,)), NavGroup(head="Flow", links=flow))
    house = _house(around)
    return (*groups, NavGroup(head="House", links=house)) if house else groups


def _known(connections: Sequence[ConnectionView], count: int) -> int | None:
    """Return a count, but not 0 where some of them have not been read: then it is not known."""
    return count if count or not any(one.never_read for one in connections) else None


def _house(around: Around) -> tuple[NavLink, ...]:
    """Return the pages of admins, and nothing for others."""
    if not around.actor.is_admin:
        return ()
    return (
        NavLink(section=Section.AUDIT, href=urls.build("audit"), icon="i-saga"),
        NavLink(section=Section.USERS, href=urls.build("users"), icon="i-link", count=around.users),
        NavLink(section=Section.MASKING, href=urls.build("masking"), icon="i-flow", count=around.rules),
    )


def _banners(around: Around) -> tuple[Banner, ...]:
    found: list[Banner] = []
    settings = around.settings
    if settings.read_only:
        found.append(
            Banner(tone="motion", mark="m-paused", strong="Read-only:", text="nothing can be changed here now.")
        )
    if settings.insecure_http and not settings.only_local:
        found.append(
            Banner(
                tone="caution",
                mark="m-behind",
                strong="Signalbox is reached by plain http:",
                text="passwords and cookies can be read on their way (insecure_http = true in signalbox.toml).",
            )
        )
    if settings.allow_unauthenticated and not settings.only_local:
        found.append(
            Banner(
                tone="caution",
                mark="m-behind",
                strong="Nobody has to sign in to look:",
                text="whoever reaches Signalbox sees everything (allow_unauthenticated = true in signalbox.toml).",
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

"""The shell around every page: navigation, top bar and banners."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from signalbox import __version__
from signalbox.web import urls
from signalbox.web.access import DEMO_ACTOR
from signalbox.web.assets import BUILD_COMMAND, Assets
from signalbox.web.settings import ServerSettings
from signalbox.web.visibility import Visibility

BANNERS_MAX = 2  # more would push the page's answer off a phone screen


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the breadcrumb; its text is rendered like a name from a broker."""

    text: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page that htmx may request alone: its template, and the name and value of its one variable."""

    template: str
    variable: str
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """A notice on every page, for as long as its cause lasts."""

    tone: str
    mark: str
    strong: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """The number beside a navigation entry; None: unknown."""

    count: int | None
    tone: str | None = None


def no_badge(_: Visibility) -> Badge:
    return Badge(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationEntry:
    """One page of the navigation. Entries of one group appear together, groups in the order of their first entry."""

    label: str
    group: str
    href: str
    icon: str  # of the sprite: "i-home"
    badge: Callable[[Visibility], Badge] = no_badge  # rendered with every page: must not wait
    admins_only: bool = False

    def is_for(self, visibility: Visibility) -> bool:
        return visibility.actor.is_admin or not self.admins_only


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellContext:
    """The facts from which the shell of a page is built."""

    visibility: Visibility
    navigation: Sequence[NavigationEntry]
    banners: Sequence[Banner]  # of the features and of the demo
    settings: ServerSettings
    has_users: bool
    has_connections: bool  # at least one that this actor may see


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationLink:
    label: str
    href: str
    icon: str
    count: int | None
    tone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationGroup:
    heading: str
    links: tuple[NavigationLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The variables of `_layout/base.html`, apart from the page itself."""

    title: str
    section: str | None  # the label of the navigation entry that this page belongs to
    crumbs: tuple[Crumb, ...]
    navigation: tuple[NavigationGroup, ...]
    more: tuple[NavigationLink, ...]  # the menu "More" on a phone: entries without room in the tab bar
    banners: tuple[Banner, ...]
    user: str
    user_href: str  # the profile, or the sign-in page
    has_connections: bool
    now: float
    theme: str  # "light", "dark" or "" for the browser's preference
    version: str
    build: str
    nonce: str
    build_command: str  # builds the missing front-end files; empty: none is missing


def shell_of(
    context: ShellContext,
    *,
    title: str,
    section: str | None,
    crumbs: tuple[Crumb, ...],
    theme: str,
    nonce: str,
    now: float,
    assets: Assets,
) -> Shell:
    entries = [entry for entry in context.navigation if entry.is_for(context.visibility)]
    links = {entry: _link(entry, context.visibility) for entry in entries}
    groups = dict.fromkeys(entry.group for entry in entries)
    return Shell(
        title=title,
        section=section,
        crumbs=crumbs or (Crumb(title),),
        navigation=tuple(
            NavigationGroup(heading=group, links=tuple(links[entry] for entry in entries if entry.group == group))
            for group in groups
        ),
        more=tuple(link for entry, link in links.items() if entry.admins_only),
        banners=(*context.banners, *_server_banners(context.settings))[:BANNERS_MAX],
        user=_user(context),
        user_href=_user_href(context),
        has_connections=context.has_connections,
        now=now,
        theme=theme if theme in {"light", "dark"} else "",
        version=__version__,
        build=assets.build,
        nonce=nonce,
        build_command=BUILD_COMMAND if assets.missing else "",
    )


def _link(entry: NavigationEntry, visibility: Visibility) -> NavigationLink:
    badge = entry.badge(visibility)
    return NavigationLink(label=entry.label, href=entry.href, icon=entry.icon, count=badge.count, tone=badge.tone)


def _user(context: ShellContext) -> str:
    actor = context.visibility.actor
    if actor.is_signed_in:
        return f"{actor.name}, {actor.rights.describe()}"
    if actor.name == DEMO_ACTOR:
        return "demo, operator"
    return "no sign-in, this machine only" if context.settings.only_local else "not signed in"


def _user_href(context: ShellContext) -> str:
    if context.visibility.actor.is_signed_in:
        return urls.profile()
    return urls.sign_in() if context.has_users else urls.set_up()


def _server_banners(settings: ServerSettings) -> Iterator[Banner]:
    if settings.read_only:
        yield Banner(tone="motion", mark="m-paused", strong="Read-only:", text="nothing can be changed.")
    if settings.insecure_http and not settings.only_local:
        yield Banner(
            tone="caution",
            mark="m-behind",
            strong="Signalbox is served over plain HTTP:",
            text="passwords and cookies can be read on the network (insecure_http = true in signalbox.toml).",
        )
    if settings.allow_unauthenticated and not settings.only_local:
        yield Banner(
            tone="caution",
            mark="m-behind",
            strong="Sign-in is off:",
            text="anyone can view everything without signing in (allow_unauthenticated = true in signalbox.toml).",
        )

"""Pages and partials: one escaping template environment, one frozen context per template, whole or part as htmx asks.

A page template gets `page` (its own dataclass) and `shell` (what stands around it); a partial gets one variable, named by its `Part`.
"""

import inspect
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import jinja2
from jinja2.runtime import Context
from litestar import Request, Response
from markupsafe import Markup

from signalbox.kernel import figures
from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed, Version
from signalbox.security.model import Actor
from signalbox.web import markup, urls
from signalbox.web.access import actor_of
from signalbox.web.assets import Assets
from signalbox.web.shell import Crumb, Part, Shell, ShellContext, shell_of

__all__ = ["Crumb", "Part", "Renderer", "page", "part_alone", "partial_asked"]

HTML = "text/html"
VARY = "HX-Request, HX-Request-Type, Cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """What one drawing knows besides its template's variables: the time, how new it is, and the page's nonce."""

    now: float
    seen: Version
    nonce: str = ""  # empty in fragments that all sockets share: they hold no hx-* attributes


class Renderer:
    """Draws templates. One per application."""

    def __init__(
        self,
        *,
        assets: Assets,
        feed: Feed,
        clock: Clock,
        shell_context: Callable[[Actor], ShellContext],
        templates: Sequence[Path],
        url_modules: Sequence[ModuleType],
    ) -> None:
        self.assets = assets
        self.feed = feed
        self.clock = clock
        self._shell_context = shell_context
        self._environment = _environment(templates, assets, url_modules)

    def fragment(self, part: Part, seen: Version) -> str:
        """Draw a partial for every socket that shows it; the partial says that it is of version `seen`."""
        return self.partial(part, seen, nonce="").strip()

    def partial(self, part: Part, seen: Version, nonce: str) -> str:
        drawing = _Drawing(now=self.clock(), seen=seen, nonce=nonce)
        return self._environment.get_template(part.template).render({part.variable: part.value, "drawing": drawing})

    def whole(self, template: str, context: object, shell: Shell, seen: Version) -> str:
        drawing = _Drawing(now=shell.now, seen=seen, nonce=shell.nonce)
        return self._environment.get_template(template).render(page=context, shell=shell, drawing=drawing)

    def shell(
        self, actor: Actor, *, title: str, section: str | None, crumbs: tuple[Crumb, ...], theme: str, nonce: str
    ) -> Shell:
        return shell_of(
            self._shell_context(actor),
            title=title,
            section=section,
            crumbs=crumbs,
            theme=theme,
            nonce=nonce,
            now=self.clock(),
            assets=self.assets,
        )


def renderer_of(request: Request[Any, Any, Any]) -> Renderer:
    return cast("Renderer", request.app.state.renderer)


def partial_asked(request: Request[Any, Any, Any]) -> bool:
    """Say whether htmx asks for a part of the page only."""
    return request.headers.get("HX-Request-Type") == "partial"


def page(
    request: Request[Any, Any, Any],
    template: str,
    context: object,
    *,
    title: str,
    section: str | None,
    crumbs: tuple[Crumb, ...] = (),
    part: Part | None = None,
    status: int = 200,
) -> Response[bytes]:
    """Answer with the whole page, or with `part` of it alone when htmx asks for a part.

    `context` is the template's frozen dataclass. It is drawn at least as new as the moment the request came in.
    """
    renderer = renderer_of(request)
    seen = request.scope["state"].get("seen") or renderer.feed.latest()
    nonce = secrets.token_urlsafe(16)
    if part is not None and partial_asked(request):
        text = renderer.partial(part, seen, nonce)
    else:
        theme = request.cookies.get("theme", "")
        shell = renderer.shell(actor_of(request), title=title, section=section, crumbs=crumbs, theme=theme, nonce=nonce)
        text = renderer.whole(template, context, shell, seen)
    return _answer(text, nonce, status)


def part_alone(request: Request[Any, Any, Any], part: Part) -> Response[bytes]:
    """Answer with a part that belongs to every page, such as what the palette found."""
    renderer = renderer_of(request)
    nonce = secrets.token_urlsafe(16)
    return _answer(renderer.partial(part, renderer.feed.latest(), nonce), nonce, 200)


def _answer(text: str, nonce: str, status: int) -> Response[bytes]:
    return Response(
        text.encode("utf-8", "replace"),
        media_type=HTML,
        status_code=status,
        headers={"Content-Security-Policy": markup.csp(nonce), "Vary": VARY, "Cache-Control": "no-store"},
    )


def _environment(templates: Sequence[Path], assets: Assets, url_modules: Sequence[ModuleType]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters.update(_public_functions(figures))
    environment.filters.update(name=markup.name, visible=markup.visible)
    environment.globals.update(
        urls=_all_urls(url_modules),
        static=lambda path: urls.static(assets.hashed(path)),
        sprite=urls.static(assets.hashed("img/sprite.svg")),
        live=_live,
        hx=_hx,
        age=_age,
        moment=_moment,
    )
    return environment


def _all_urls(modules: Sequence[ModuleType]) -> SimpleNamespace:
    """Return the addresses of all features under the one name `urls`."""
    return SimpleNamespace(**{name: value for module in (urls, *modules) for name, value in vars(module).items()})


def _public_functions(module: object) -> dict[str, Callable[..., Any]]:
    """Return every public function that a module defines, by name."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {name: f for name, f in found if not name.startswith("_") and f.__module__ == figures.__name__}


@jinja2.pass_context
def _live(context: Context, key: str, fragment: str) -> Markup:
    return markup.live(key, fragment, _drawing(context).seen)


@jinja2.pass_context
def _hx(context: Context, **attributes: Any) -> Markup:  # noqa: ANN401 - handed on to markup.hx, which names them
    nonce = _drawing(context).nonce
    if not nonce:
        raise jinja2.TemplateRuntimeError("a live fragment holds no htmx attributes: every socket shares it")
    return markup.hx(nonce, **attributes)


@jinja2.pass_context
def _age(context: Context, at: float | None, interval_s: float | None = None) -> Markup:
    return markup.age(at, _drawing(context).now, interval_s)


@jinja2.pass_context
def _moment(context: Context, at: float) -> Markup:
    return markup.moment(at, _drawing(context).now)


def _drawing(context: Context) -> _Drawing:
    return cast("_Drawing", context["drawing"])

"""Render pages and partials in one escaping environment.

A page template gets `page` (its dataclass) and `shell` (navigation, top bar, banners); a partial gets the variable of its `Part`.
"""

import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
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

__all__ = ["Crumb", "Part", "Renderer", "is_partial_request", "page", "part_response"]

HTML = "text/html"
FILTERS: Mapping[str, Callable[..., object]] = {
    **{name: f for name, f in inspect.getmembers(figures, inspect.isfunction) if not name.startswith("_")},
    "name": markup.name,
    "visible": markup.visible,
}
VARY = "HX-Request, HX-Request-Type, Cookie"


@dataclass(frozen=True, slots=True, kw_only=True)
class _RenderContext:
    """What a template gets besides its own variables: the time, the feed version, and the page's nonce."""

    now: float
    version: Version
    nonce: str = ""  # empty in live fragments, which all sockets share: they have no hx-* attributes


class Renderer:
    """Renders templates. One per application."""

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

    def fragment(self, part: Part, version: Version) -> str:
        """Render a partial for every socket; the partial carries this version."""
        return self.partial(part, version, nonce="").strip()

    def partial(self, part: Part, version: Version, nonce: str) -> str:
        render = _RenderContext(now=self.clock(), version=version, nonce=nonce)
        return self._environment.get_template(part.template).render({part.variable: part.value, "render": render})

    def whole(self, template: str, context: object, shell: Shell, version: Version) -> str:
        render = _RenderContext(now=shell.now, version=version, nonce=shell.nonce)
        return self._environment.get_template(template).render(page=context, shell=shell, render=render)

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


def is_partial_request(request: Request[Any, Any, Any]) -> bool:
    """Say whether htmx requests only a part of the page."""
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
    """Return the whole page, or only `part` when htmx requests a part.

    `context` is the template's frozen dataclass, read after the request came in: so the page carries the version of that moment.
    """
    renderer = renderer_of(request)
    version = request.scope["state"].get("feed_version") or renderer.feed.latest()
    nonce = secrets.token_urlsafe(16)
    if part is not None and is_partial_request(request):
        text = renderer.partial(part, version, nonce)
    else:
        theme = request.cookies.get("theme", "")
        shell = renderer.shell(actor_of(request), title=title, section=section, crumbs=crumbs, theme=theme, nonce=nonce)
        text = renderer.whole(template, context, shell, version)
    return _response(text, nonce, status)


def part_response(request: Request[Any, Any, Any], part: Part) -> Response[bytes]:
    """Return a partial that belongs to no single page, such as the results of the palette."""
    renderer = renderer_of(request)
    nonce = secrets.token_urlsafe(16)
    return _response(renderer.partial(part, renderer.feed.latest(), nonce), nonce, 200)


def _response(text: str, nonce: str, status: int) -> Response[bytes]:
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
    environment.filters.update(FILTERS)
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
    """Return the URL functions of all features under the one name `urls`."""
    return SimpleNamespace(**{name: value for module in (urls, *modules) for name, value in vars(module).items()})


@jinja2.pass_context
def _live(context: Context, key: str, fragment: str) -> Markup:
    return markup.live(key, fragment, _render_context(context).version)


@jinja2.pass_context
def _hx(context: Context, **attributes: Any) -> Markup:  # noqa: ANN401 - handed on to markup.hx, which names them
    nonce = _render_context(context).nonce
    if not nonce:
        raise jinja2.TemplateRuntimeError("a live fragment cannot have htmx attributes: all sockets share it")
    return markup.hx(nonce, **attributes)


@jinja2.pass_context
def _age(context: Context, at: float | None, interval_s: float | None = None) -> Markup:
    return markup.age(at, _render_context(context).now, interval_s)


@jinja2.pass_context
def _moment(context: Context, at: float) -> Markup:
    return markup.moment(at, _render_context(context).now)


def _render_context(context: Context) -> _RenderContext:
    return cast("_RenderContext", context["render"])

"""What a feature brings to the web application: its routes, and what of it stays live. `signalbox.web.app` mounts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litestar.handlers import HTTPRouteHandler

from signalbox.web.live.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature's share of the application."""

    routes: Sequence[HTTPRouteHandler]
    register: Callable[[Registry], None]

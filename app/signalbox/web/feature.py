"""The parts of a built feature. `signalbox.web.app` mounts them; `signalbox.bootstrap` runs the services."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from signalbox.kernel.service import Service
from signalbox.web.errors import ExpectedError
from signalbox.web.live.registry import LiveParts
from signalbox.web.palette import Search
from signalbox.web.shell import Banner, NavigationEntry
from signalbox.web.visibility import Visibility

Metrics = Callable[[Visibility], AsyncIterator[bytes]]
"""Yields the Prometheus metrics that the viewer may see, in pieces that take about a millisecond each."""


@dataclass(frozen=True, slots=True)
class Write:
    """A route with a method other than GET, and the action that the audit log records.

    action None: the route changes nothing; it is a POST because its input is too large for a URL.
    """

    method: str
    path: str
    action: str | None


def no_banners(_: Visibility) -> Iterable[Banner]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureParts:
    """The parts of one feature; a part that the feature does not have stays empty."""

    services: Sequence[Service] = ()  # started in this order, stopped at the same time; /health/ready checks each
    routes: Sequence[HTTPRouteHandler] = ()
    writes: Sequence[Write] = ()  # every write route; Signalbox does not start if one is missing
    dependencies: Mapping[str, Provide] = field(default_factory=dict)  # of handlers, by parameter name
    urls: ModuleType | None = None  # its functions are `urls` in templates
    navigation: Sequence[NavigationEntry] = ()
    banners: Callable[[Visibility], Iterable[Banner]] = no_banners
    searches: Sequence[Search] = ()  # for the command palette
    live: LiveParts[Any] | None = None
    metrics: Metrics | None = None
    expected_errors: Mapping[type[Exception], ExpectedError] = field(default_factory=dict)  # and how to answer them

"""What a feature adds to a running Signalbox. `signalbox.web.app` mounts it, `signalbox.bootstrap` runs its services."""

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
"""Writes what Prometheus reads, in pieces of about a millisecond, of what the viewer may see."""


@dataclass(frozen=True, slots=True)
class Write:
    """A route with a method that may change something, and the action that the audit log records.

    Without an action it changes nothing: a trial that is too large for an address.
    """

    method: str
    path: str
    action: str | None


def no_banners(_: Visibility) -> Iterable[Banner]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureParts:
    """One feature, built. Whatever it does not have stays empty."""

    services: Sequence[Service] = ()  # started in this order, stopped in reverse; /health/ready asks each
    routes: Sequence[HTTPRouteHandler] = ()
    writes: Sequence[Write] = ()  # each route that changes something; one that is not listed is refused at start
    dependencies: Mapping[str, Provide] = field(default_factory=dict)  # of handlers, by parameter name
    urls: ModuleType | None = None  # its functions are `urls` in templates
    navigation: Sequence[NavigationEntry] = ()
    banners: Callable[[Visibility], Iterable[Banner]] = no_banners
    searches: Sequence[Search] = ()  # for the command palette
    live: LiveParts[Any] | None = None
    metrics: Metrics | None = None
    expected_errors: Mapping[type[Exception], ExpectedError] = field(default_factory=dict)  # and how they are answered

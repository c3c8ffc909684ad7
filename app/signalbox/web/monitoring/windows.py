"""The charts of a group's page: which window, which series, and what they show in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.asked import WINDOWS
from signalbox.web.monitoring.glance import Glance

HEADS = {"1h": "Last hour", "6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days"}
SHORT = {"1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d"}


@dataclass(frozen=True, slots=True)
class Tab:
    words: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a chart: the column of the history it shows, its legend, its colour."""

    name: str
    label: str
    tone: str
    fill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The two plots on one time axis."""

    head: str
    tabs: tuple[Tab, ...]
    watch: str
    history: str
    window_s: int
    lag: tuple[Curve, ...]
    rates: tuple[Curve, ...]
    lag_words: str
    rate_words: str


def group_charts(glance: Glance, view: GroupView, window: str) -> Chart:
    """Return the charts. Their points are fetched by the page afterwards: what is older than an hour is in the database."""
    known = glance.monitor.spark(view.connection, view.name) if window == "1h" else None
    return Chart(
        head=HEADS[window],
        tabs=tuple(
            Tab(
                SHORT[word],
                urls.group(view.connection, view.name, window=None if word == "1h" else word),
                word == window,
            )
            for word in WINDOWS
        ),
        watch=keys.group(view.connection, view.name),
        history=urls.history(view.connection, view.name, window=window),
        window_s=WINDOWS[window],
        lag=(Curve("lag", "Lag, messages", "ink", fill=True),),
        rates=(
            Curve("rate_in", "In, messages a second", "quiet", fill=False),
            Curve("rate_out", "Out, messages a second", "accent", fill=True),
        ),
        lag_words=_words("Lag", None if known is None else known.lag, window, " messages"),
        rate_words=f"{_words('In', None if known is None else known.rate_in, window, ' a second')}; {_words('out', None if known is None else known.rate_out, window, ' a second')}",
    )


def _words(what: str, values: Sequence[float | None] | None, window: str, unit: str) -> str:
    if values is None:
        return f"{what} over the {HEADS[window].lower()}"
    known = [value for value in values if value is not None]
    if not known:
        return f"{what} over the {HEADS[window].lower()}: nothing is known"
    first, last, top = (figures.count(v) for v in (known[0], known[-1], max(known)))
    return f"{what} over the {HEADS[window].lower()}: from {first} to {last}{unit}, at most {top}"

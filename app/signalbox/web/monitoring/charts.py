"""The charts of a group's page: time window, series, and a summary in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.list_query import WINDOWS

TITLES = {"1h": "Last hour", "6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days"}
TAB_LABELS = {"1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d"}


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One curve: its column of the history, its legend, its color."""

    name: str
    label: str  # "" without an entry in the legend
    tone: str
    fill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCharts:
    title: str
    tabs: tuple[Tab, ...]
    key: str
    history_href: str
    window_s: int
    lag: tuple[ChartSeries, ...]
    rates: tuple[ChartSeries, ...]
    lag_summary: str
    rate_summary: str


def group_charts(context: MonitoringContext, view: GroupView, window: str) -> GroupCharts:
    """Return the charts without points: the page fetches them, because points older than an hour are in the database."""
    recent = context.monitor.spark(view.connection, view.name) if window == "1h" else None
    lag, rate_in, rate_out = (None, None, None) if recent is None else (recent.lag, recent.rate_in, recent.rate_out)
    return GroupCharts(
        title=TITLES[window],
        tabs=tuple(
            Tab(
                TAB_LABELS[word],
                urls.group(view.connection, view.name, window=None if word == "1h" else word),
                word == window,
            )
            for word in WINDOWS
        ),
        key=keys.group(view.connection, view.name),
        history_href=urls.history(view.connection, view.name, window=window),
        window_s=WINDOWS[window],
        lag=(
            ChartSeries("lag", "Lag, messages", "ink", fill=True),
            ChartSeries("lag_at_least", "", "ink", fill=True),  # dashed, with a note where it occurs
        ),
        rates=(
            ChartSeries("rate_in", "In, messages/s", "quiet", fill=False),
            ChartSeries("rate_out", "Out, messages/s", "accent", fill=True),
        ),
        lag_summary=_summary("Lag", lag, window, " messages"),
        rate_summary=f"{_summary('In', rate_in, window, '/s')}; {_summary('out', rate_out, window, '/s')}",
    )


def _summary(label: str, values: Sequence[float | None] | None, window: str, unit: str) -> str:
    subject = f"{label} over the {TITLES[window].lower()}"
    if values is None:
        return subject
    known = [value for value in values if value is not None]
    if not known:
        return f"{subject}: no data"
    first, last, top = (figures.number(v) for v in (known[0], known[-1], max(known)))
    return f"{subject}: from {first} to {last}{unit}, at most {top}"

"""What monitoring adds to a running Signalbox: its pages, its API, its live fragments and its metrics."""

from collections.abc import AsyncIterator, Iterable, Sequence

from litestar.di import NamedDependency, Provide

from signalbox.kernel.service import Service
from signalbox.monitoring.exposition import exposition
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.web.feature import FeatureParts
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.api import API
from signalbox.web.monitoring.fragments import live_parts
from signalbox.web.monitoring.navigation import navigation, tls_banners, visible_monitor
from signalbox.web.monitoring.pages import PAGES
from signalbox.web.monitoring.search import search_by_name
from signalbox.web.palette import Hits
from signalbox.web.shell import Banner
from signalbox.web.visibility import Visibility


def monitoring_parts(monitor: Monitor, series: Series, services: Sequence[Service]) -> FeatureParts:
    def monitor_at(visibility: NamedDependency[Visibility]) -> Monitor:
        return visible_monitor(monitor, visibility)

    def metrics(visibility: Visibility) -> AsyncIterator[bytes]:
        usage = series.usage() if visibility.is_everything else None  # of the history of all connections together
        return exposition(visible_monitor(monitor, visibility), usage)

    def find(visibility: Visibility, text: str) -> Iterable[Hits]:
        return search_by_name(visible_monitor(monitor, visibility), text)

    def banners(visibility: Visibility) -> Iterable[Banner]:
        return tls_banners(monitor, visibility)

    return FeatureParts(
        services=services,
        routes=(*PAGES, *API),
        dependencies={
            "monitor": Provide(monitor_at, sync_to_thread=False),
            "series": Provide(lambda: series, sync_to_thread=False),
        },
        urls=urls,
        navigation=navigation(monitor),
        banners=banners,
        searches=(find,),
        live=live_parts(monitor),
        metrics=metrics,
    )

"""Monitoring: lag, time lag and throughput of every consumer group, live."""

from typing import TYPE_CHECKING

import click

from signalbox.features.feature import Feature, Verb
from signalbox.kernel.configuration import Section
from signalbox.monitoring.settings import MonitoringSettings

if TYPE_CHECKING:
    from signalbox.core import Core
    from signalbox.web.feature import FeatureParts


def _build(core: "Core") -> "FeatureParts":
    from signalbox.brokers.registry import open_broker
    from signalbox.monitoring.collector import Collector
    from signalbox.monitoring.series import Series
    from signalbox.monitoring.service import Monitor
    from signalbox.web.monitoring.feature import monitoring_parts

    settings = core.configuration.one(MonitoringSettings)
    series = Series(core.database, core.clock, settings.history_bytes)
    monitor = Monitor(feed=core.feed, clock=core.clock, series=series, thresholds=settings.thresholds)
    collectors = [
        Collector(open_broker(connection), connection, monitor, core.feed, core.clock)
        for connection in core.connections
    ]
    return monitoring_parts(monitor, series, services=(series, *collectors))


def _lag() -> click.Command:
    from signalbox.commands.lag import command

    return command


MONITORING = Feature(
    name="monitoring",
    sections=(Section(key="monitoring", model=MonitoringSettings),),
    verbs=(Verb(name="lag", help="Print the lag of every group, without a server", load=_lag),),
    build=_build,
)

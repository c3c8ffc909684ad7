"""The figures at the top of a group's page."""

from dataclasses import replace

import pytest

from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import Status, TimeLag, TimeLagMethod
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.storage.engine import Database
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_facts import group_facts
from tests.support.database import settings
from tests.unit.monitoring.readings import T0
from tests.unit.monitoring.views import LOSING_GROUND, group_view, verdict


@pytest.mark.parametrize(
    ("lag", "note"),
    [
        (TimeLag(seconds=600.0, method=TimeLagMethod.MEASURED), "measured"),
        (TimeLag(seconds=600.0, method=TimeLagMethod.AT_MOST), "at most"),
        (TimeLag(seconds=600.0, method=TimeLagMethod.AT_MOST, at_least=361.0), "at most, and at least 6 min 01 s"),
    ],
)
def test_a_time_lag_has_both_of_its_bounds(lag: TimeLag, note: str) -> None:
    series = Series(Database(settings("sqlite+aiosqlite:///never-opened.db")), lambda: T0, 2**20)
    monitor = Monitor(feed=Feed(epoch=1), clock=lambda: T0, series=series)
    context = MonitoringContext(monitor, T0, {}, frozenset())
    view = group_view(verdict(Status.BEHIND), flow=replace(LOSING_GROUND, time_lag=lag))
    (fact,) = (fact for fact in group_facts(context, view) if fact.label.startswith("Time lag"))
    assert fact.note.replace("\u00a0", " ") == note

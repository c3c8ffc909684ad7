"""What needs attention says when data would be lost: unknown without the retention of every destination."""

import pytest

from signalbox.brokers.model import RetentionLimits
from signalbox.web.monitoring.attention import NO_LOSS, NO_RETENTION_LIMIT, attention
from signalbox.web.monitoring.context import monitoring_context
from tests.unit.monitoring.readings import group, positions, snapshot, topic
from tests.unit.monitoring.test_monitor import NAME, Bench

WEEK = RetentionLimits(age_s=7 * 86_400.0, policy="delete")


@pytest.mark.parametrize(
    ("retention", "is_read", "expected"),
    [
        (WEEK, True, NO_LOSS),
        (RetentionLimits(), True, NO_RETENTION_LIMIT),
        (None, True, "unknown"),
        (WEEK, False, "unknown"),
    ],
)
async def test_no_loss_is_said_only_where_the_retention_is_known(
    *, retention: RetentionLimits | None, is_read: bool, expected: str
) -> None:
    bench = Bench()
    for step in range(30):
        bench.now += 5
        end = 90_000 + 500 * step
        behind = group(positions([1000 + 100 * step], [end]))
        topics = [topic([end], retention=retention)] if is_read else []
        await bench.monitor.apply(NAME, snapshot(bench.now, [behind], topics), interval_s=5.0)
    rows = [row for row in attention(monitoring_context(bench.monitor)).rows if row.name == "billing"]
    assert [row.data_loss_in for row in rows] == [expected]

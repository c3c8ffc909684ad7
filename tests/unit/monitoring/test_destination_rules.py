"""When a destination is nearly full, and when one partition is hot: the limits, one step below and one above."""

import pytest

from signalbox.brokers.model import Destination, RetentionLimits
from signalbox.monitoring.judge_destination import judge_destination
from signalbox.monitoring.model import Reason, Status
from tests.unit.monitoring.readings import T0, topic


def queue(**figures: int | None) -> Destination:
    limits = RetentionLimits(messages=figures.pop("limit", None), size_bytes=figures.pop("limit_bytes", None))
    return Destination(
        name="orders",
        kind="classic queue",
        identity="orders",
        partitions=None,
        messages=figures.get("messages"),
        size_bytes=figures.get("size_bytes"),
        retention=limits,
    )


@pytest.mark.parametrize(
    ("destination", "nearly_full"),
    [
        (queue(messages=89, limit=100), False),
        (queue(messages=90, limit=100), True),
        (queue(size_bytes=899, limit_bytes=1000), False),
        (queue(size_bytes=900, limit_bytes=1000), True),
        (queue(messages=1, limit=100, size_bytes=950, limit_bytes=1000), True),
        (queue(messages=95, limit=100, size_bytes=1, limit_bytes=1000), True),
        (queue(messages=None, limit=100, size_bytes=None, limit_bytes=1000), False),
        (queue(messages=95), False),
        (queue(messages=0, limit=0), False),
    ],
)
def test_a_queue_is_nearly_full_from_nine_tenths_of_either_limit(destination: Destination, nearly_full: bool) -> None:
    verdict = judge_destination(destination, [], T0)
    assert (verdict.status, verdict.reason) == (
        (Status.BEHIND, Reason.NEARLY_FULL) if nearly_full else (Status.OK, None)
    )


@pytest.mark.parametrize(
    ("rates", "hot"),
    [
        ([1.0, 1.0, 10.0], 2),
        ([1.0, 1.0, 3.9], None),
        ([1.0, 4.0, 1.0], 1),
        ([0.1, 0.1, 2.0], None),
        ([1.0, None, 10.0], None),
        ([1.0, 10.0], None),
    ],
)
def test_one_partition_is_hot_from_twice_the_mean(rates: list[float | None], hot: int | None) -> None:
    verdict = judge_destination(topic([100 for _ in rates]), rates, T0)
    assert verdict.partition == hot
    assert (verdict.reason is Reason.HOT) is (hot is not None)

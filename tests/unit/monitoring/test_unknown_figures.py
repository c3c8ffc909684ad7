"""An unknown row is no number: not in a rate, a counter, a sum or a history."""

from array import array

import pytest

from signalbox.brokers.model import UNKNOWN, Group, Why
from signalbox.monitoring.arrivals import Arrivals
from tests.unit.monitoring.readings import Watched, group, positions

LAST = 12


def half_known(unknown_at: int) -> Watched:
    """Return a group with 10 messages/s in and out on partition 0; partition 1 is idle, and unknown in one reading."""

    def reading(step: int) -> Group:
        flowing, idle = 1000 + 50 * step, 5000
        if step != unknown_at:
            return group(positions([flowing, idle], [flowing, idle]))
        return group(positions([flowing, UNKNOWN], [flowing, UNKNOWN], why=[Why.KNOWN, Why.NO_ANSWER]))

    watched = Watched()
    watched.each(LAST + 1, reading)
    return watched


@pytest.mark.parametrize("unknown_at", [0, 5, LAST - 1, LAST])
def test_a_rate_over_an_unknown_row_is_that_of_the_known_ones_or_unknown(unknown_at: int) -> None:
    tracked = half_known(unknown_at).tracked
    assert tracked.view is not None
    for rate in (tracked.view.flow.rate_in, tracked.view.flow.rate_out):
        assert rate is None or rate == pytest.approx(10.0)
    rates = {row.partition: (row.flow.rate_in, row.flow.rate_out) for row in tracked.partitions()}
    assert rates[0] == pytest.approx((10.0, 10.0))
    assert rates[1] in {(0.0, 0.0), (None, None)}
    if unknown_at == LAST:
        assert rates[1] == (None, None)


@pytest.mark.parametrize("unknown_at", [5, LAST - 1, LAST])
def test_a_counter_of_history_does_not_fall_because_of_an_unknown_row(unknown_at: int) -> None:
    arrived, settled = half_known(unknown_at).tracked.window.totals()
    assert (arrived, settled) == (6000 + 50 * LAST, 6000 + 50 * LAST)


@pytest.mark.parametrize("unknown_at", [0, 5, LAST])
def test_a_destination_has_the_rate_of_its_known_partitions(unknown_at: int) -> None:
    arrivals = Arrivals()
    for step in range(LAST + 1):
        idle = UNKNOWN if step == unknown_at else 5000
        arrivals.push(1000.0 + 5 * step, array("q", [1000 + 50 * step, idle]), 5.0)
    rates = arrivals.rates()
    assert rates[0] == pytest.approx(10.0)
    assert rates[1] in {0.0, None}
    rate = arrivals.rate()
    assert rate is None or rate == pytest.approx(10.0)


def test_a_destination_counts_no_arrival_for_a_partition_that_becomes_unknown() -> None:
    arrivals = Arrivals()
    totals = []
    for step, idle in enumerate((5000, UNKNOWN, UNKNOWN, 5000)):
        arrivals.push(1000.0 + 5 * step, array("q", [1000 + 50 * step, idle]), 5.0)
        totals.append(arrivals.total)
    assert totals == [6000, 6050, 6100, 6150]

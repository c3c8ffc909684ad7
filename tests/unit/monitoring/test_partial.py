"""What is unknown of a group stays visible in its rates and its history, and never looks like a fall or a peak."""

from signalbox.brokers.model import UNKNOWN, Positions, Why
from signalbox.monitoring import words
from signalbox.monitoring.series import destination_key
from tests.unit.monitoring.readings import Watched, group, positions, snapshot, topic
from tests.unit.monitoring.test_monitor import NAME, Bench, existing
from tests.unit.monitoring.views import text

ROWS = 10
AWAY = range(1, ROWS)  # the partitions whose leader is away: nine of ten


def reading(step: int, *, away: bool) -> Positions:
    """Each partition is 1,000 messages behind, gets 10 messages/s and is read as fast."""
    end = [2000 + 50 * step if row not in AWAY or not away else UNKNOWN for row in range(ROWS)]
    done = [value - 1000 if value != UNKNOWN else UNKNOWN for value in end]
    why = [Why.NO_LEADER if value == UNKNOWN else Why.KNOWN for value in end]
    return positions(done, end, why=why)


def test_rates_are_at_least_these_while_a_leader_is_away() -> None:
    watched = Watched()
    view = watched.each(12, lambda step: group(reading(step, away=False)))
    assert (view.flow.rate_in, view.flow.rates_partial) == (100.0, False)
    view = watched.each(3, lambda step: group(reading(12 + step, away=True)))
    assert (view.flow.rate_in, view.flow.rates_partial) == (10.0, True)
    assert "Some partitions are unknown, so the lag is a minimum, and the rates are minimums." in text(
        words.group_reason(view, watched.now)
    )


async def test_history_does_not_fall_and_rise_while_a_leader_is_away() -> None:
    bench = Bench()
    for step in range(36):
        await bench.sweep(group(reading(step, away=12 <= step < 24)))
    points = bench.monitor.spark(NAME, "billing")
    known = [lag for lag in points.lag if lag is not None]
    least = [lag for lag in points.lag_at_least if lag is not None]
    assert set(known) == {10_000}
    assert set(least) == {1_000}
    rates = [rate for rate in (*points.rate_in, *points.rate_out) if rate is not None]
    assert rates
    assert all(99 < rate < 101 for rate in rates), "the return of the leader is no peak"


async def test_the_rate_of_a_destination_is_at_least_this_while_a_leader_is_away() -> None:
    bench = Bench()
    for step in range(30):
        away = 12 <= step < 18
        ends = [UNKNOWN if away and row in AWAY else 50 * step for row in range(ROWS)]
        why = [Why.NO_LEADER if end == UNKNOWN else Why.KNOWN for end in ends]
        bench.now += 5
        await bench.monitor.apply(NAME, snapshot(bench.now, [], [topic(ends, why=why)]), interval_s=5.0)
        view = existing(bench.monitor.destination(NAME, "orders"))
        if away:
            assert view.rate_in_at_least
    rates = [rate for rate in bench.monitor.spark(NAME, destination_key("orders")).rate_in if rate is not None]
    assert rates
    assert all(99 < rate < 101 for rate in rates)


async def test_a_partition_that_was_never_known_leaves_history_as_it_is() -> None:
    bench = Bench()
    for step in range(12):
        at = positions([50 * step, UNKNOWN], [50 * step + 7, 90], why=[Why.KNOWN, Why.NEVER_COMMITTED])
        await bench.sweep(group(at))
    points = bench.monitor.spark(NAME, "billing")
    assert points.lag_at_least[-1] == 7
    assert points.rate_out[-1] == 10

"""Queues whose counters are read less often than their depth: 19 s and 5 s apart on a RabbitMQ with 2,000 queues."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from signalbox.brokers.model import UNKNOWN, BrokerKind, Destination, Group
from signalbox.monitoring.destination_tracker import DestinationTracker
from signalbox.monitoring.model import GroupView, Status, TimeLagMethod
from signalbox.monitoring.rate_integral import RateIntegral
from tests.unit.monitoring.readings import T0, Watched, group, positions

Counter = Callable[[float], int]  # by the seconds since the first reading


def queue(at: float, every_s: float, *, arrived: Counter, settled: Counter, lag: Counter) -> Group:
    """Return a queue as read at `at`, with the counters of the last time they were read."""
    counted = at // every_s * every_s
    row = positions([settled(counted)], [arrived(counted)], lag=[lag(at)])
    row = replace(row, counted_at=T0 + counted, counted_lag=array("q", [lag(counted)]))
    return group(row)


def read(seconds: float, every_s: float, **counters: Counter) -> list[GroupView]:
    watched = Watched(positional=False)
    return [watched.read(queue(5.0 * step, every_s, **counters)) for step in range(int(seconds / 5))]


def flow(per_s: float, behind: int) -> dict[str, Counter]:
    return {
        "arrived": lambda at: int(per_s * at) + 100,
        "settled": lambda at: int(per_s * at) + 100 - behind,
        "lag": lambda _: behind,
    }


def growths(totals: Sequence[int | None]) -> set[int]:
    known = [total for total in totals if total is not None]
    assert len(known) == len(totals)
    return {after - before for before, after in pairwise(known)}


@pytest.mark.parametrize("every_s", [5.0, 19.0, 30.0, 60.0])
def test_a_rate_is_that_of_the_counters_over_their_own_interval(every_s: float) -> None:
    views = read(300, every_s, **flow(10, 3))
    counted = views[int(every_s / 5) + 4 :]
    assert {(view.flow.rate_in, view.flow.rate_out) for view in counted} == {(10.0, 10.0)}
    assert {view.verdict.status for view in counted} == {Status.OK}


def test_the_lag_is_that_of_each_reading() -> None:
    views = read(120, 30.0, arrived=lambda at: int(10 * at), settled=lambda _: 0, lag=lambda at: int(10 * at))
    assert [view.flow.lag for view in views] == [50 * step for step in range(24)]


def test_a_queue_is_stalled_only_when_its_counters_show_it() -> None:
    """Counters of a large broker are read once a minute: between two of them nothing seems to move."""
    views = read(900, 60.0, arrived=lambda at: int(at) + 9000, settled=int, lag=lambda _: 9000)
    assert Status.STALLED not in {view.verdict.status for view in views}
    views = read(900, 60.0, arrived=lambda _: 9000, settled=lambda _: 0, lag=lambda _: 9000)
    assert views[-1].verdict.status is Status.STALLED


def test_what_waits_now_arrived_after_the_counters_were_read() -> None:
    """Their own depth was 0 then, so the age is at most the time since."""

    def lag(at: float) -> int:
        return 20 if at == 25.0 else 0

    views = read(35, 30.0, arrived=lambda at: int(10 * at), settled=lambda at: int(10 * at), lag=lag)
    age = views[5].flow.time_lag
    assert age is not None
    assert (age.seconds, age.method) == (25.0, TimeLagMethod.AT_MOST)
    assert views[6].flow.lag == 0


def test_the_history_shows_the_same_rates() -> None:
    watched = Watched(positional=False)
    totals = []
    for step in range(60):
        watched.read(queue(5.0 * step, 19.0, **flow(10, 3)))
        totals.append(watched.tracked.history_totals()[0])
    assert growths(totals[8:]) == {50}


def test_a_queue_has_no_committed_offset_and_no_end() -> None:
    watched = Watched(positional=False)
    watched.read(queue(0.0, 30.0, **flow(10, 3)))
    (row,) = watched.tracked.partitions()
    assert (row.settled, row.end, row.flow.lag) == (None, None, 3)


def test_arrivals_that_are_not_all_counted_are_a_minimum_and_never_zero() -> None:
    for per_s, expected in ((0.0, (None, False)), (10.0, (10.0, True))):
        watched = Watched(positional=False)
        readings = [replace(queue(5.0 * step, 5.0, **flow(per_s, 3)), arrived_at_least=True) for step in range(20)]
        view = watched.each(20, readings.__getitem__)
        assert (view.flow.rate_in, view.flow.rate_in_at_least) == expected


def test_messages_that_a_purge_removed_are_told_although_nothing_else_moves() -> None:
    watched = Watched(positional=False)

    def reading(step: int) -> Group:
        row = positions([100], [20_000], lag=[19_900 if step < 5 else 0])
        lost = array("q", [19_900 if step > 12 else 0])
        return group(replace(row, counted_at=T0 + 5 * step, counted_lag=row.lag, lost=lost))

    view = watched.each(20, reading)
    assert (view.verdict.status, view.verdict.lost) == (Status.WILL_LOSE_DATA, 19_900)


@pytest.mark.parametrize("every_s", [19.0, 60.0])
def test_the_rate_of_a_destination_is_that_of_its_counter(every_s: float) -> None:
    tracker = DestinationTracker("rabbit", BrokerKind.RABBITMQ)
    rates, totals = [], []
    for step in range(60):
        at = 5.0 * step
        counted = at // every_s * every_s
        destination = Destination(
            name="q",
            kind="classic queue",
            identity="q",
            partitions=None,
            arrived=int(10 * counted),
            counted_at=T0 + counted,
        )
        tracker.take(destination, read_at=T0 + at, interval_s=5.0, groups=())
        assert tracker.view is not None
        rates.append(tracker.view.rate_in)
        totals.append(tracker.history_total())
    steady = 2 * int(every_s / 5) + 2
    assert set(rates[steady:]) == {10.0}
    assert growths(totals[steady:]) == {50}


def test_an_unknown_counter_of_acknowledgements_leaves_the_time_lag_known() -> None:
    """MQTT consumers of RabbitMQ 4.0 acknowledge uncounted; arrivals and depth show the age all the same."""
    watched = Watched(positional=False)

    def reading(step: int) -> Group:
        row = positions([UNKNOWN], [10 * step + 5], lag=[5])
        return group(replace(row, counted_at=T0 + 5 * step, counted_lag=row.lag))

    view = watched.each(40, reading)
    assert view.flow.rate_out is None
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.seconds <= 5.0
    assert view.verdict.status is Status.OK


def test_counters_that_are_read_once_in_100_s_have_a_rate() -> None:
    views = read(600, 100.0, **flow(10, 3))
    assert {(view.flow.rate_in, view.flow.rate_out) for view in views[25:]} == {(10.0, 10.0)}


def test_the_counters_of_history_are_unknown_while_a_rate_is_and_go_on_after() -> None:
    integral = RateIntegral()
    rates = [(2.0, 1.0), (2.0, 1.0), (None, 1.0), (2.0, None), (2.0, 1.0)]
    totals = [integral.add(T0 + 10 * step, *both) for step, both in enumerate(rates)]
    assert totals == [(0, 0), (20, 10), (None, 20), (40, None), (60, 30)]
    assert integral.add(T0, 2.0, 1.0) == (60, 30), "the clock was set back"

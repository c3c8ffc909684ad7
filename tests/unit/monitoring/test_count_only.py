"""Groups with a message count only: SQS, Kafka share groups, RabbitMQ without statistics."""

import random
from array import array
from dataclasses import replace

import pytest

from signalbox.brokers.model import UNKNOWN, Group, GroupState
from signalbox.monitoring.model import Reason, Status
from tests.unit.monitoring.readings import T0, Watched, group, positions


def read(lags: list[int], *, in_flight: int | None = 3) -> Watched:
    watched = Watched(positional=False, every_s=30.0)
    for lag in lags:
        reading = positions([UNKNOWN], [UNKNOWN], lag=[lag])
        watched.read(group(reading, state=GroupState.UNKNOWN, members=None, approximate=True, in_flight=in_flight))
    return watched


def verdict(lags: list[int], *, in_flight: int | None = 3) -> tuple[Status, Reason | None]:
    watched = read(lags, in_flight=in_flight)
    view = watched.tracked.view
    assert view is not None
    assert view.flow.time_lag is None
    assert view.flow.rate_in is None
    assert view.flow.caught_up_at is None
    assert view.verdict.until is None
    (row,) = watched.tracked.partitions()
    assert row.verdict.status is view.verdict.status
    assert row.flow.time_lag is None
    return view.verdict.status, view.verdict.reason


def test_too_few_readings_are_unknown() -> None:
    assert verdict([200, 210]) == (Status.UNKNOWN, Reason.HISTORY_TOO_SHORT)


def test_a_steady_count_is_ok() -> None:
    assert verdict([212, 210, 214, 211]) == (Status.OK, Reason.COUNT_ONLY)


def test_a_falling_count_is_ok_and_never_catching_up() -> None:
    assert verdict([9000, 7000, 4000, 1000]) == (Status.OK, Reason.COUNT_ONLY)


def test_a_growing_count_is_behind() -> None:
    assert verdict([200, 300, 400, 500, 600]) == (Status.BEHIND, Reason.COUNT_ONLY)


def test_a_steady_count_with_nothing_in_flight_is_behind() -> None:
    assert verdict([50, 50, 50, 50], in_flight=0) == (Status.BEHIND, Reason.NONE_IN_FLIGHT)


@pytest.mark.parametrize("counts", [(0, 3, 5, 8, 12, 0), (50, 41, 58, 47, 66, 39), (40, 0, 40, 40)])
def test_a_count_that_jitters_does_not_flip_the_status(counts: tuple[int, ...]) -> None:
    jitter = random.Random(4)  # noqa: S311 - no secret
    watched = Watched(positional=False, every_s=10.0)
    statuses = []
    for _ in range(300):
        reading = group(positions([UNKNOWN], [UNKNOWN], lag=[jitter.choice(counts)]), members=None)
        view = watched.read(replace(reading, state=GroupState.UNKNOWN, approximate=True, in_flight=2))
        statuses.append(view.verdict.status)
    assert set(statuses[4:]) == {Status.OK}


def test_a_slow_growth_above_the_jitter_is_behind() -> None:
    assert verdict([100, 112, 125, 137, 150, 162, 175]) == (Status.BEHIND, Reason.COUNT_ONLY)


def test_one_reading_with_nothing_in_flight_says_nothing() -> None:
    watched = Watched(positional=False, every_s=30.0)
    for in_flight in (3, 0, 2, 0, 0, 1, 0, 0):
        reading = group(positions([UNKNOWN], [UNKNOWN], lag=[50]), state=GroupState.UNKNOWN, members=None)
        view = watched.read(replace(reading, approximate=True, in_flight=in_flight))
        assert view.verdict.reason is not Reason.NONE_IN_FLIGHT


def test_delayed_messages_wait_for_their_time_and_not_for_a_consumer() -> None:
    watched = Watched(positional=False, every_s=30.0)
    for waiting in (0, 0, 0, 0, 0, 5, 5):
        reading = group(positions([UNKNOWN], [UNKNOWN], lag=[5]), state=GroupState.UNKNOWN, members=None)
        view = watched.read(replace(reading, approximate=True, in_flight=0, waiting=waiting, delayed=5 - waiting))
        reason = view.verdict.reason
        assert (reason is Reason.NONE_IN_FLIGHT) is (waiting == 5 and watched.now == T0 + 180)


def test_a_share_group_has_the_brokers_lag_and_no_time_lag() -> None:
    """The start offset is the oldest unacknowledged record, while later ones may be acknowledged."""
    watched = Watched()

    def reading(step: int) -> Group:
        return replace(group(positions([100], [5000 + step * 100], lag=[40])), kind="share")

    view = watched.each(30, reading)
    assert (view.verdict.status, view.verdict.reason) == (Status.OK, Reason.COUNT_ONLY)
    assert view.flow.time_lag is None
    assert view.flow.lag == 40


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ([100, 103, 110], Status.OK),
        ([100, 103, 111], Status.BEHIND),
        ([5000, 5100, 5500], Status.OK),
        ([5000, 5100, 5501], Status.BEHIND),
    ],
)
def test_an_exact_count_grows_by_more_than_chance(counts: list[int], status: Status) -> None:
    watched = Watched(positional=False, every_s=10.0)
    view = watched.each(3, lambda step: group(positions([UNKNOWN], [UNKNOWN], lag=[counts[step]])))
    assert (view.verdict.status, view.verdict.reason) == (status, Reason.COUNT_ONLY)


def share(lag: int, *, members: int, deleted: int = 0) -> Group:
    """Return a share group of one partition, as Kafka reports it."""
    state = GroupState.ACTIVE if members else GroupState.EMPTY
    at = replace(positions([5], [50], lag=[lag], start=[5 + deleted]), deleted=array("q", [deleted]))
    return replace(group(at, state=state, members=members), kind="share")


def test_a_share_group_that_has_read_all_is_ok_at_once() -> None:
    assert Watched().read(share(0, members=1)).verdict.status is Status.OK
    assert Watched().read(share(7, members=1)).verdict.status is Status.UNKNOWN


def test_a_count_that_falls_by_retention_proves_no_consumer_of_a_share_group() -> None:
    watched = Watched()
    view = watched.each(8, lambda n: share(40 - 2 * n, members=0))
    assert view.verdict.status is Status.STOPPED


def test_a_share_group_loses_what_is_deleted_before_it_is_acknowledged() -> None:
    watched = Watched()
    view = watched.each(3, lambda _: share(20, members=0, deleted=10))
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.LOST_ALREADY)
    assert (view.verdict.lost, view.verdict.lost_at_most) == (10, True)
    view = watched.each(3, lambda _: share(0, members=0, deleted=30))
    assert (view.verdict.reason, view.verdict.lost) == (Reason.LOST_ALL, 30)

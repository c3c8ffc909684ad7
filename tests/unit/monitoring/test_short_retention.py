"""What is kept for less than a group's limit is never young: no age ever shows that it is being lost."""

import pytest

from signalbox.brokers.model import Destination, Group, GroupState, RetentionLimits
from signalbox.monitoring.model import Reason, Status
from tests.unit.monitoring.readings import Watched, group, positions, topic


def kept_for(age_s: float) -> dict[str, Destination]:
    queue = Destination(
        name="orders",
        kind="classic queue",
        identity="orders",
        partitions=None,
        retention=RetentionLimits(age_s=age_s),
    )
    return {"orders": queue}


def expiring(step: int, *, members: int, read_per_s: int = 0, in_per_s: int = 10, kept_s: int = 15) -> Group:
    """Return a queue whose messages expire: it holds all of the last `kept_s` seconds, as older ones are read or lost first."""
    arrived = 1000 + 5 * in_per_s * step
    waiting = min(kept_s, 5 * step) * in_per_s
    state = GroupState.ACTIVE if members else GroupState.EMPTY
    at = positions([5 * read_per_s * step], [arrived], lag=[waiting])
    return group(at, state=state, members=members)


def test_a_queue_that_loses_all_it_receives_is_not_ok() -> None:
    watched = Watched(positional=False, destinations=kept_for(15))
    view = watched.each(20, lambda step: expiring(step, members=0))
    assert view.verdict.status is Status.WILL_LOSE_DATA
    assert view.verdict.reason is Reason.BY_AGE


def test_a_queue_whose_consumer_reads_half_in_time_is_not_ok() -> None:
    watched = Watched(positional=False, destinations=kept_for(15))
    view = watched.each(20, lambda step: expiring(step, members=1, read_per_s=5))
    assert view.verdict.status is Status.WILL_LOSE_DATA


@pytest.mark.parametrize("kept_s", [2, 15, 29])
def test_a_consumer_that_reads_at_once_loses_nothing_however_short_the_retention(kept_s: float) -> None:
    watched = Watched(positional=False, destinations=kept_for(kept_s))
    view = watched.each(
        20, lambda step: group(positions([50 * step], [1000 + 50 * step], lag=[5]), members=1, state=GroupState.ACTIVE)
    )
    assert view.verdict.status is Status.OK


def test_a_full_stream_that_keeps_a_second_of_messages_loses_what_its_consumer_has_not_read() -> None:
    """100 messages are kept and 100 arrive each second; the consumer reads 10 of them."""
    watched = Watched(destinations={"orders": topic([0], retention=RetentionLimits(messages=100, policy="limits"))})

    def reading(step: int) -> Group:
        end = 10_000 + 500 * step
        return group(positions([end - 95], [end], start=[end - 100]))

    def slow(step: int) -> Group:
        end = 20_000 + 500 * step
        return group(positions([end - 450], [end], lag=[100], start=[end - 100]))

    assert watched.each(10, reading).verdict.status is Status.OK
    view = watched.each(5, slow)
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.LOST_ALREADY)

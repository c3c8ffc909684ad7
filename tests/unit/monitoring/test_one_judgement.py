"""Status, sentence and figures of a group agree at every reading, whatever its broker reports one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.brokers.model import Group, GroupState, OldestUnread, Positions, Why
from signalbox.monitoring import words
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import GroupView, Reason, Status, TimeLagMethod
from signalbox.monitoring.window import TREND_S
from tests.unit.monitoring.readings import T0, Watched, group, positions
from tests.unit.monitoring.views import text

LIMITS = Thresholds()
LONGEST_STEP_S = 20.0
WAITING = frozenset((Status.STOPPED, Status.STALLED, Status.BEHIND, Status.CATCHING_UP))


@dataclass(frozen=True)
class Step:
    """What happened on one partition since the reading before."""

    arrived: int
    read: int
    members: int
    state: GroupState | None = None
    after_s: float = 5.0


steps = st.builds(
    Step,
    arrived=st.sampled_from((0, 0, 1, 30, 500)),
    read=st.sampled_from((0, 0, 10, 60, 600, 5000)),
    members=st.sampled_from((0, 1, 1, 2)),
    state=st.sampled_from((None, None, None, GroupState.REBALANCING, GroupState.PAUSED)),
    after_s=st.sampled_from((1.0, 5.0, 5.0, LONGEST_STEP_S)),
)


def sentence(view: GroupView, now: float) -> str:
    return text(words.group_sentence(view, now))


def unread(at: Positions) -> Group:
    """Return the group without members."""
    return group(at, state=GroupState.EMPTY, members=0)


def headline_and_reason(view: GroupView, now: float) -> str:
    return f"{sentence(view, now)} {text(words.group_reason(view, now))}"


def contradictions(view: GroupView, lags: Sequence[tuple[float, int]], members_since: float, now: float) -> list[str]:
    """Return what a person would call wrong on the page of this view; `lags` are those of all readings with their times."""
    status, flow, said = view.verdict.status, view.flow, sentence(view, now)
    members, newest = view.group.member_count, said.rpartition("Now: ")[2]
    age = flow.time_lag
    young = age is not None and age.method is not TimeLagMethod.AT_LEAST and age.seconds < LIMITS.ok_below_s
    earlier = [lag for at, lag in lags if now - 2 * LONGEST_STEP_S <= at <= now - TREND_S]
    checks = {
        "waiting without lag": flow.lag == 0 and status in WAITING,
        "behind, and every message is young": status is Status.BEHIND and young,
        "ok, while messages wait and nobody reads": status is Status.OK and not members and bool(flow.lag),
        "catching up, and the lag rises": status is Status.CATCHING_UP
        and lags[-1][1] > max(earlier, default=lags[-1][1]),
        "no members, and there are some": bool(members) and "No members" in newest,
        "silent about missing members": not members and bool(flow.lag) and "No members" not in newest,
        "stalled since before its consumer joined": status is Status.STALLED and view.verdict.since < members_since,
        "two ends of catching up": status is Status.CATCHING_UP and view.verdict.until != flow.caught_up_at,
        "keeping up under another status": status is not Status.OK and newest.startswith(("Keeping up", "Up to date")),
    }
    return [what for what, wrong in checks.items() if wrong]


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, min_size=1, max_size=40))
def test_no_reading_shows_a_contradiction(story: list[Step]) -> None:
    watched, end, settled = Watched(), 1000, 900
    lags: list[tuple[float, int]] = []
    members_since = T0
    members = 0
    for number, step in enumerate(story):
        end += step.arrived
        settled = min(end, settled + (step.read if step.members else 0))
        state = (step.state or GroupState.ACTIVE) if step.members else GroupState.EMPTY
        at = watched.now + (step.after_s if number else 0.0)
        members_since = at if step.members and not members else members_since
        members = step.members
        view = watched.read(group(positions([settled], [end]), state=state, members=members), after_s=at - watched.now)
        lags.append((at, end - settled))
        assert contradictions(view, lags, members_since, watched.now) == [], headline_and_reason(view, watched.now)


SHAPES = ("two partitions", "queue", "bare count")


def observed(shape: str, ends: Sequence[int], done: Sequence[int]) -> Positions:
    if shape == "two partitions":
        return positions(done, ends)
    lag = [ends[0] - done[0]]
    return positions([done[0]], [ends[0]], lag=lag) if shape == "queue" else positions([-1], [-1], lag=lag)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=120, deadline=None)
@given(story=st.lists(st.tuples(steps, steps), min_size=1, max_size=30))
def test_no_reading_of_several_partitions_or_a_queue_shows_a_contradiction(
    shape: str, story: list[tuple[Step, Step]]
) -> None:
    watched = Watched(positional=shape == "two partitions")
    ends, done, lags = [1000, 1000], [900, 950], list[tuple[float, int]]()
    members, members_since = 0, T0
    for number, pair in enumerate(story):
        members_since = watched.now + pair[0].after_s if pair[0].members and not members else members_since
        members = pair[0].members
        for row, step in enumerate(pair):
            ends[row] += step.arrived
            done[row] = min(ends[row], done[row] + (step.read if members else 0))
        state = GroupState.ACTIVE if members else GroupState.EMPTY
        reading = group(observed(shape, ends, done), state=state, members=members)
        view = watched.read(reading, after_s=pair[0].after_s if number else 0.0)
        lags.append((watched.now, reading.lag or 0))
        since = members_since if number else T0
        assert contradictions(view, lags, since, watched.now) == [], headline_and_reason(view, watched.now)
        for row_view in watched.tracked.partitions():
            assert not (row_view.flow.lag == 0 and row_view.verdict.status in WAITING)
            assert not (row_view.flow.lag and not members and row_view.verdict.status is Status.OK)


def behind() -> Watched:
    """Return a group that is 40 s behind: 10 messages/s arrive, and none was read for that time."""
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    watched.flow(40, settled=1600, arrived=1600, out=0, into=10)
    assert watched.tracked.view is not None
    assert watched.tracked.view.verdict.status is Status.BEHIND
    return watched


def test_a_group_that_has_caught_up_is_not_behind_at_its_first_reading_without_lag() -> None:
    watched = behind()
    view = watched.read(group(positions([2050], [2050])))
    assert (view.verdict.status, view.flow.lag) == (Status.OK, 0)
    assert headline_and_reason(view, watched.now) == "Up to date. Was 40 s behind until 03:14:15."
    view = watched.read(group(positions([2100], [2100])))
    assert headline_and_reason(view, watched.now) == "Up to date. "
    assert view.verdict.since_exact


def test_a_group_whose_messages_are_young_again_is_not_behind() -> None:
    watched = behind()
    view = watched.read(group(positions([2000], [2050])))
    assert view.verdict.status is Status.OK
    assert sentence(view, watched.now) == "Keeping up, 5 s behind."


def test_a_worse_status_waits_for_its_second_reading_with_a_sentence_that_says_both() -> None:
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    view = watched.flow(30, settled=1600, arrived=1600, out=0, into=10)
    assert view.verdict.status is Status.OK
    assert sentence(view, watched.now) == "Keeping up, 30 s behind."
    view = watched.read(group(positions([1600], [1950])))
    assert view.verdict.status is Status.OK
    assert sentence(view, watched.now).startswith("Was ok until 03:14:05. Now: 35 s behind and losing ground")
    view = watched.read(group(positions([1600], [2000])))
    assert view.verdict.status is Status.BEHIND
    assert sentence(view, watched.now).startswith("40 s behind and losing ground")


def test_a_reading_without_figures_keeps_the_status_and_says_so() -> None:
    watched = behind()
    view = watched.read(group(positions([-1], [-1], why=[Why.NO_ANSWER])))
    assert (view.verdict.status, view.flow.lag) == (Status.BEHIND, None)
    assert sentence(view, watched.now).endswith("Now: Status unknown: the broker did not answer.")


@pytest.mark.parametrize("before_s", [5, 60])
def test_messages_that_wait_without_a_consumer_are_said_at_the_first_reading(before_s: float) -> None:
    """109 messages wait, the youngest for less than a second: they are not old, but nobody reads them."""
    watched = Watched()
    watched.flow(before_s, settled=1000, arrived=1000, out=10, into=10)
    ended = watched.now
    at = positions([1600], [1709])
    view = watched.read(unread(at))
    assert view.verdict.status is Status.NO_MEMBERS
    assert sentence(view, watched.now) == "No members. 109 messages are waiting."
    view = watched.read(unread(at))
    assert view.verdict.status is Status.STOPPED
    assert view.verdict.since == ended + 5
    assert sentence(view, watched.now).startswith("No members, no progress for 5 s")


def test_the_first_reading_of_all_says_that_nobody_reads_and_the_second_that_the_group_is_stopped() -> None:
    watched = Watched()
    at = unread(positions([0], [109]))
    view = watched.read(at)
    assert (view.verdict.status, sentence(view, watched.now)) == (
        Status.NO_MEMBERS,
        "No members. 109 messages are waiting.",
    )
    (row,) = watched.tracked.partitions()
    assert row.verdict.status is Status.NO_MEMBERS
    assert watched.read(at).verdict.status is Status.STOPPED


def test_a_queue_with_a_count_only_says_at_once_that_nobody_reads() -> None:
    watched = Watched(positional=False)
    at = positions([-1], [-1], lag=[109])
    watched.each(4, lambda _: group(at))
    view = watched.read(unread(at))
    left_at = watched.now
    assert (view.verdict.status, sentence(view, watched.now)) == (
        Status.NO_MEMBERS,
        "No members. 109 messages are waiting.",
    )
    view = watched.read(unread(at))
    assert (view.verdict.status, view.verdict.since) == (Status.STOPPED, left_at)


def test_a_count_that_fell_before_its_consumer_left_proves_no_other_consumer() -> None:
    watched = Watched(positional=False)
    watched.each(6, lambda n: group(positions([-1], [-1], lag=[600 - 100 * n])))
    view = watched.each(3, lambda _: unread(positions([-1], [-1], lag=[90])))
    assert view.verdict.status is Status.STOPPED
    view = watched.each(6, lambda n: unread(positions([-1], [-1], lag=[80 - 10 * n])))
    assert view.verdict.status is Status.OK, "somebody takes messages who is not listed"


def test_the_last_commits_of_a_consumer_that_left_prove_no_other_consumer() -> None:
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=20)
    watched.read(unread(positions([1650], [2300])))
    view = watched.read(unread(positions([1660], [2400])))
    assert view.verdict.status is Status.STOPPED


def test_the_stall_clock_starts_when_a_consumer_joins() -> None:
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    view = watched.flow(90, settled=1600, arrived=1600, out=0, into=10, state=GroupState.EMPTY, members=0)
    assert view.verdict.status is Status.STOPPED
    view = watched.flow(55, settled=1600, arrived=2500, out=0, into=10)
    joined = watched.now - 50
    assert view.verdict.status is Status.BEHIND
    assert "Was stopped" not in headline_and_reason(view, watched.now)
    view = watched.flow(15, settled=1600, arrived=3050, out=0, into=10)
    assert (view.verdict.status, view.verdict.since) == (Status.STALLED, joined)


def test_a_consumer_that_came_back_ends_the_status_stopped_at_once() -> None:
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    watched.flow(90, settled=1600, arrived=1600, out=0, into=10, state=GroupState.EMPTY, members=0)
    view = watched.read(group(positions([1600], [2550])))
    assert view.verdict.status is Status.BEHIND
    assert headline_and_reason(view, watched.now).endswith("Was stopped until 03:15:05.")


def test_a_group_that_stops_reading_is_not_catching_up() -> None:
    watched = Watched()
    view = watched.flow(120, settled=0, arrived=50_000, out=300, into=100)
    assert view.verdict.status is Status.CATCHING_UP
    statuses = [
        watched.flow(5, settled=36_000, arrived=62_000 + 500 * step, out=0, into=100).verdict.status
        for step in range(3)
    ]
    assert statuses[-1] is Status.BEHIND
    view = watched.flow(5, settled=36_000, arrived=64_000, out=0, into=100, state=GroupState.EMPTY, members=0)
    assert view.verdict.status is Status.NO_MEMBERS


def test_a_group_is_not_catching_up_while_another_of_its_partitions_gains_more() -> None:
    """Partition 0 is old and shrinks by 20 messages/s; partition 1 is young and grows by 200."""
    watched = Watched()
    view = watched.each(
        20, lambda n: group(positions([150 * n, 10_000 + 4000 * n], [20_000 + 50 * n, 10_000 + 5000 * n]))
    )
    assert view.flow.rate_in is not None
    assert view.flow.rate_out is not None
    assert view.flow.rate_in > view.flow.rate_out
    assert view.verdict.status is Status.BEHIND


def test_figures_of_the_partitions_are_those_of_the_reading_that_the_group_shows() -> None:
    """A time that the broker tells after the reading counts from the next reading on, everywhere."""
    watched = behind()
    view = watched.tracked.view
    assert view is not None
    told = OldestUnread(destination="orders", partition=0, at=watched.now - 44, exact=True)
    watched.tracked.add_oldest_unread([told], watched.now)
    (row,) = watched.tracked.partitions()
    assert row.flow.time_lag == view.flow.time_lag


def test_a_batch_group_stays_without_members() -> None:
    watched = Watched(batch=True)
    view = watched.each(3, lambda n: unread(positions([0], [100 * n])))
    assert (view.verdict.status, view.verdict.reason) == (Status.NO_MEMBERS, Reason.BATCH)


def test_a_client_that_pulls_now_and_then_has_a_consumer_while_messages_are_settled() -> None:
    """JetStream counts no members: between two pulls a consumer that works looks as if nobody read."""
    watched = Watched()
    view = watched.flow(60, settled=0, arrived=500, out=10, into=10, state=GroupState.EMPTY, members=None)
    assert view.verdict.status is not Status.NO_MEMBERS
    view = watched.read(group(positions([600], [1150]), state=GroupState.EMPTY, members=None))
    assert sentence(view, watched.now) == "No members. 550 messages are waiting."

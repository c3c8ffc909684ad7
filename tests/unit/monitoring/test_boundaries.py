"""The limits of a status and of a time lag, one step below and one above."""

import pytest

from signalbox.monitoring.judge import GroupFacts, PartitionFacts, Thresholds, judge_group, judge_partition
from signalbox.monitoring.model import Reason, Status, TimeLag, TimeLagMethod, Verdict
from tests.unit.monitoring.readings import T0, Watched, group, positions

PER_S = 1000  # messages in a second, so that a time lag is a thousandth of the lag


@pytest.mark.parametrize("limit_s", [10, 30, 45])
def test_a_group_is_ok_below_the_limit_of_its_time_lag_and_behind_above_it(limit_s: int) -> None:
    for behind_s, status in ((limit_s - 0.1, Status.OK), (limit_s + 0.1, Status.BEHIND)):
        watched = Watched(limits=Thresholds(ok_below_s=limit_s, stalled_after_s=60))
        lag = int(behind_s * PER_S)
        view = watched.flow(180, settled=500_000 - lag, arrived=500_000, out=PER_S, into=PER_S)
        assert view.flow.time_lag is not None
        assert view.flow.time_lag.seconds == pytest.approx(behind_s, abs=0.01)
        assert view.verdict.status is status
        (row,) = watched.tracked.partitions()
        assert row.verdict.status is status


def test_at_the_limit_a_time_lag_is_behind_for_a_partition_and_its_group() -> None:
    facts = GroupFacts(has_consumers=True, batch=False, interval_s=5.0, first_read_at=T0 - 3600)

    def verdicts(seconds: float) -> list[Verdict]:
        time_lag = TimeLag(seconds=seconds, method=TimeLagMethod.MEASURED)
        row = PartitionFacts("orders", 0, lag=10, settled=10, arrived=20, time_lag=time_lag, rate_in=2.0, rate_out=2.0)
        return [
            judge_partition(row, facts, Thresholds(), T0),
            judge_group([row], facts, Thresholds(), T0),
        ]

    assert [verdict.status for verdict in verdicts(29.999)] == [Status.OK, Status.OK]
    assert [verdict.status for verdict in verdicts(30.0)] == [Status.BEHIND, Status.BEHIND]


def test_a_group_is_stalled_at_the_limit_and_not_one_reading_earlier() -> None:
    watched = Watched(limits=Thresholds(ok_below_s=10, stalled_after_s=100))
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    reached = {}
    for step in range(1, 25):
        end = 1600 + 50 * step
        view = watched.read(group(positions([1600], [end])))
        reached[5 * step] = view.verdict.status
    first = min(seconds for seconds, status in reached.items() if status is Status.STALLED)
    assert first == 110, "100 s after the last progress, and one reading more"


def test_the_time_lag_is_that_of_the_oldest_unread_message_and_of_no_neighbour() -> None:
    """One message each 5 s: that with offset 11 was written between the readings at 5 s and at 10 s."""
    watched = Watched()
    view = watched.each(13, lambda step: group(positions([11], [10 + step], lag=[max(0, step - 1)])))
    assert view.flow.time_lag == TimeLag(seconds=52.5, method=TimeLagMethod.INTERPOLATED)
    (row,) = watched.tracked.partitions()
    assert row.flow.time_lag == view.flow.time_lag


def test_the_time_lag_after_a_quiet_time_is_that_of_the_first_message_since() -> None:
    """Offset 11 was written between the readings at 30 s and at 35 s, after 25 s without a message."""
    ends = [10, 11, 11, 11, 11, 11, 11, 12, 12, 13]
    view = Watched().each(len(ends), lambda step: group(positions([min(11, ends[step])], [ends[step]])))
    assert view.flow.time_lag == TimeLag(seconds=45 - 32.5, method=TimeLagMethod.INTERPOLATED)


def test_a_message_older_than_all_readings_has_at_least_their_age() -> None:
    watched = Watched()
    view = watched.each(13, lambda step: group(positions([9], [10 + step])))
    assert view.flow.time_lag == TimeLag(seconds=60.0, method=TimeLagMethod.AT_LEAST)
    view = watched.read(group(positions([23], [23])))
    assert view.flow.time_lag == TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)


def test_every_stalled_partition_counts() -> None:
    watched = Watched()
    view = watched.each(40, lambda step: group(positions([500] * 40, [1000 + 50 * step] * 40)))
    assert (view.verdict.status, view.verdict.partitions_affected) == (Status.STALLED, 40)


def test_the_lost_messages_of_every_partition_count() -> None:
    watched = Watched()
    view = watched.each(20, lambda step: group(positions([10] * 40, [100 + step] * 40, start=[60] * 40)))
    assert (view.verdict.status, view.verdict.lost) == (Status.WILL_LOSE_DATA, 40 * 50)


@pytest.mark.parametrize(
    ("falls", "status"), [(True, Status.CATCHING_UP), (None, Status.CATCHING_UP), (False, Status.BEHIND)]
)
def test_a_partition_whose_lag_does_not_fall_is_not_catching_up_whatever_its_rates(
    *, falls: bool | None, status: Status
) -> None:
    facts = GroupFacts(has_consumers=True, batch=False, interval_s=5.0, first_read_at=T0 - 3600)
    time_lag = TimeLag(seconds=600.0, method=TimeLagMethod.MEASURED)
    row = PartitionFacts("orders", 0, lag=10, settled=10, arrived=20, time_lag=time_lag, rate_in=1.0, rate_out=2.0)
    verdict = judge_partition(row._replace(lag_falls=falls), facts, Thresholds(), T0)
    assert (verdict.status, verdict.until) == (status, None if falls is False else T0 + 10)


@pytest.mark.parametrize(
    ("at_least", "status", "reason"),
    [(29.0, Status.UNKNOWN, Reason.HISTORY_TOO_SHORT), (30.0, Status.BEHIND, None), (200.0, Status.BEHIND, None)],
)
def test_what_is_proven_from_below_counts_beside_an_age_that_is_a_maximum(
    at_least: float, status: Status, reason: Reason | None
) -> None:
    facts = GroupFacts(has_consumers=True, batch=False, interval_s=5.0, first_read_at=T0 - 3600)
    time_lag = TimeLag(seconds=300.0, method=TimeLagMethod.AT_MOST, at_least=at_least)
    row = PartitionFacts("orders", 0, lag=10, settled=10, arrived=20, time_lag=time_lag, rate_in=2.0, rate_out=2.0)
    verdict = judge_partition(row, facts, Thresholds(), T0)
    assert (verdict.status, verdict.reason) == (status, reason)

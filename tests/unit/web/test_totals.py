"""Sums over groups of which some are unknown: the sum says so, and unknown is never 0."""

from dataclasses import replace

import pytest

from signalbox.monitoring.model import Flow, GroupView, Status, Verdict
from signalbox.web.monitoring.totals import most_severe_first, sum_if_known, totals_of
from tests.unit.monitoring.readings import T0, Watched, group, positions


def view(lag: int | None, rate: float | None = 1.0, *, partial: bool = False) -> GroupView:
    known = Watched().read(group(positions([0], [10])))
    return replace(known, flow=Flow(lag=lag, rate_in=rate, rate_out=rate, lag_partial=partial))


def test_the_sum_of_known_groups_is_whole() -> None:
    total = totals_of([view(10), view(5)])
    assert (total.lag, total.lag_partial, total.rate_in, total.rate_out) == (15, False, 2.0, 2.0)


@pytest.mark.parametrize("unknown", [view(None), view(0, partial=True), view(7, partial=True)])
def test_the_sum_with_an_unknown_group_is_marked(unknown: GroupView) -> None:
    total = totals_of([view(10), unknown])
    assert total.lag == 10 + (unknown.flow.lag or 0)
    assert total.lag_partial


def test_nothing_known_is_unknown_and_not_zero() -> None:
    total = totals_of([view(None, None), view(None, None)])
    assert (total.lag, total.rate_in, total.rate_out) == (None, None, None)
    assert total.lag_partial


def test_a_sum_that_must_be_whole_is_unknown_with_one_unknown_value() -> None:
    assert sum_if_known([1.0, 2.0]) == 3.0
    assert sum_if_known([1.0, None]) is None
    assert sum_if_known([]) is None


def test_a_group_that_loses_data_now_comes_before_one_that_will() -> None:
    def losing(name: str, until: float | None) -> GroupView:
        known = view(10)
        verdict = Verdict(status=Status.WILL_LOSE_DATA, since=T0, until=until)
        return replace(known, verdict=verdict, group=replace(known.group, name=name))

    ok = view(1_000_000)
    groups = [ok, losing("tomorrow", T0 + 80_000), losing("now", None), losing("soon", T0 + 60)]
    assert [group.name for group in most_severe_first(groups)] == ["now", "soon", "tomorrow", ok.name]

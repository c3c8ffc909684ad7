"""Sums over groups of which some are unknown: the sum says so, and unknown is never 0."""

from dataclasses import replace

import pytest

from signalbox.monitoring.model import DestinationView, Flow, GroupView, Status, Verdict
from signalbox.web.monitoring.totals import most_severe_first, sum_if_known, totals_of
from tests.unit.monitoring.readings import T0, Watched, group, positions
from tests.unit.monitoring.views import destination_view, verdict


def view(lag: int | None, rate: float | None = 1.0, *, partial: bool = False) -> GroupView:
    known = Watched().read(group(positions([0], [10])))
    return replace(known, flow=Flow(lag=lag, rate_in=rate, rate_out=rate, lag_partial=partial))


def topic_view(rate: float | None, *, partial: bool = False) -> DestinationView:
    return destination_view(verdict(Status.OK), rate_in=rate, rate_in_at_least=partial)


def test_the_sum_of_known_groups_is_whole() -> None:
    total = totals_of([view(10), view(5)], [topic_view(2.0)])
    assert (total.lag, total.lag_partial, total.rate_in, total.rate_out) == (15, False, 2.0, 2.0)
    assert not total.rate_in_at_least
    assert not total.rate_out_at_least


@pytest.mark.parametrize("unknown", [view(None), view(0, partial=True), view(7, partial=True)])
def test_the_sum_with_an_unknown_group_is_marked(unknown: GroupView) -> None:
    total = totals_of([view(10), unknown], [])
    assert total.lag == 10 + (unknown.flow.lag or 0)
    assert total.lag_partial


def test_rates_with_an_unknown_part_are_marked() -> None:
    for destination in (None, topic_view(None), topic_view(3.0, partial=True)):
        assert totals_of([view(1)], [topic_view(2.0), destination]).rate_in_at_least
    halved = replace(view(1), flow=Flow(lag=1, rate_out=1.0, rates_partial=True))
    assert totals_of([view(1), halved], []).rate_out_at_least
    assert totals_of([view(1), view(1, None)], []).rate_out_at_least


def test_nothing_known_is_unknown_and_not_zero() -> None:
    total = totals_of([view(None, None), view(None, None)], [topic_view(None)])
    assert (total.lag, total.rate_in, total.rate_out) == (None, None, None)
    assert total.lag_partial
    assert not any((bool(total.lag_bound), total.rate_in_at_least, total.rate_out_at_least))


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

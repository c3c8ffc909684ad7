"""What is drawn by geometry: the small curves and the track picture. Gaps stay gaps, unknown is dotted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.monitoring.model import Flow, PartitionView, Status, TimeLag, TimeLagMethod, Verdict
from signalbox.web.monitoring.asked import nearest
from signalbox.web.monitoring.sparks import spark
from signalbox.web.monitoring.tracks import RAILS_MAX, tracks


def partition(
    index: int, status: Status = Status.OK, late: float | None = None, member: str | None = "a"
) -> PartitionView:
    lag = None if late is None else TimeLag(seconds=late, method=TimeLagMethod.MEASURED)
    return PartitionView(
        destination="orders",
        partition=index,
        verdict=Verdict(status=status, since=0.0),
        flow=Flow(lag=7, time_lag=lag, rate_out=2.0),
        settled=1,
        end=8,
        start=0,
        moved_at=None,
        member=member,
    )


def test_a_curve_breaks_where_nothing_was_known() -> None:
    drawn = spark([1, 2, None, None, 3, 4], what="lag")
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert drawn.summary == "lag, last hour, rising"


@pytest.mark.parametrize("values", [[], [None, None], [None, 5.0, None]])
def test_no_curve_is_drawn_of_less_than_two_points(values: Sequence[float | None]) -> None:
    assert spark(values, what="lag") is None


def test_a_short_peak_is_not_thinned_away() -> None:
    values = [1.0] * 600
    values[301] = 99.0
    drawn = spark(values, what="lag")
    assert drawn is not None
    assert " 1 " in drawn.line.replace("M", " ") + " "  # the top of the box, which only the peak reaches


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=200))
def test_a_curve_stays_in_its_box(values: list[float | None]) -> None:
    drawn = spark(values, what="lag")
    if drawn is None:
        return
    numbers = [float(n) for n in drawn.line.replace("M", " ").split()]
    assert all(0 <= n <= 100 for n in numbers[0::2])
    assert all(0 <= n <= 20 for n in numbers[1::2])


def test_ten_times_later_is_a_hundred_further() -> None:
    drawn = tracks("g", [partition(0, Status.BEHIND, 100.0), partition(1, Status.BEHIND, 1000.0)], {"orders": ""})
    assert drawn is not None
    lengths = [875 - rail.waits_from for rail in drawn.rails if rail.waits_from is not None]
    assert lengths == [200.0, 300.0]


def test_a_partition_of_unknown_lateness_is_dotted_and_has_no_length() -> None:
    drawn = tracks("g", [partition(0), partition(1, Status.NEVER_COMMITTED)], {"orders": ""})
    assert drawn is not None
    ok, never = drawn.rails
    assert (ok.dotted, ok.mark) == (False, "")
    assert (never.dotted, never.waits_from, never.mark) == (True, None, "m-never")


def test_above_sixteen_only_what_is_not_ok_has_a_rail_and_the_rest_is_one() -> None:
    many = [partition(i, Status.STALLED if i == 30 else Status.OK, 5.0) for i in range(40)]
    drawn = tracks("g", many, {"orders": ""})
    assert drawn is not None
    assert [rail.label for rail in drawn.rails] == ["30", "39 ok"]
    assert "Nothing moves on orders 30" in drawn.words


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=2, max_size=RAILS_MAX))
def test_no_two_rails_and_no_two_members_lie_on_each_other(members: list[str | None]) -> None:
    drawn = tracks("g", [partition(i, member=m) for i, m in enumerate(members)], {"orders": ""})
    assert drawn is not None
    for heights in ([r.y for r in drawn.rails], [m.y for m in drawn.members]):
        assert all(b - a >= 17 for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False))
        assert all(0 < y < drawn.height for y in heights)


def test_one_partition_needs_no_picture() -> None:
    assert tracks("g", [partition(0)], {"orders": ""}) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [("settlemnt", ["settlement", "pre-settlement"]), ("Billing", ["billing"]), ("zzz", []), ("", [])],
)
def test_the_nearest_names_share_most_letter_pairs(text: str, found: list[str]) -> None:
    assert nearest(text, ["settlement", "pre-settlement", "billing", "orders"])[:2] == found

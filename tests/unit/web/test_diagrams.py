"""Sparklines and the partition diagram: gaps stay gaps, unknown is dotted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.monitoring.model import Flow, PartitionView, Status, TimeLag, TimeLagMethod, Verdict
from signalbox.web.monitoring.list_query import closest_names
from signalbox.web.monitoring.partition_diagram import LINES_MAX, partition_diagram
from signalbox.web.monitoring.sparkline import sparkline


def partition(
    index: int, status: Status = Status.OK, time_lag_s: float | None = None, member: str | None = "a"
) -> PartitionView:
    lag = None if time_lag_s is None else TimeLag(seconds=time_lag_s, method=TimeLagMethod.MEASURED)
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


def test_a_sparkline_has_a_gap_where_values_are_unknown() -> None:
    curve = sparkline([1, 2, None, None, 3, 4], label="lag")
    assert curve is not None
    assert curve.line.count("M") == 2
    assert curve.summary == "lag, last hour, rising"


@pytest.mark.parametrize("values", [[], [None, None], [None, 5.0, None]])
def test_fewer_than_two_known_points_draw_no_sparkline(values: Sequence[float | None]) -> None:
    assert sparkline(values, label="lag") is None


def test_downsampling_keeps_a_short_peak() -> None:
    values = [1.0] * 600
    values[301] = 99.0
    curve = sparkline(values, label="lag")
    assert curve is not None
    assert " 1 " in curve.line.replace("M", " ") + " "  # the top of the box: only the peak reaches it


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=200))
def test_a_sparkline_stays_inside_its_box(values: list[float | None]) -> None:
    curve = sparkline(values, label="lag")
    if curve is None:
        return
    numbers = [float(n) for n in curve.line.replace("M", " ").split()]
    assert all(0 <= n <= 100 for n in numbers[0::2])
    assert all(0 <= n <= 20 for n in numbers[1::2])


def test_ten_times_the_time_lag_is_100_px_longer() -> None:
    diagram = partition_diagram(
        "g", [partition(0, Status.BEHIND, 100.0), partition(1, Status.BEHIND, 1000.0)], {"orders": ""}
    )
    assert diagram is not None
    widths = [875 - line.lag_from_x for line in diagram.lines if line.lag_from_x is not None]
    assert widths == [200.0, 300.0]


def test_an_unknown_time_lag_is_dotted_and_has_no_bar() -> None:
    diagram = partition_diagram("g", [partition(0), partition(1, Status.NEVER_COMMITTED)], {"orders": ""})
    assert diagram is not None
    ok, never = diagram.lines
    assert (ok.dotted, ok.mark) == (False, "")
    assert (never.dotted, never.lag_from_x, never.mark) == (True, None, "m-never")


def test_above_16_partitions_all_ok_ones_share_one_line() -> None:
    many = [partition(i, Status.STALLED if i == 30 else Status.OK, 5.0) for i in range(40)]
    diagram = partition_diagram("g", many, {"orders": ""})
    assert diagram is not None
    assert [line.label for line in diagram.lines] == ["30", "39 ok"]
    assert "No progress on orders 30" in diagram.summary


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=2, max_size=LINES_MAX))
def test_lines_and_members_never_overlap(members: list[str | None]) -> None:
    diagram = partition_diagram("g", [partition(i, member=m) for i, m in enumerate(members)], {"orders": ""})
    assert diagram is not None
    for positions in ([line.y for line in diagram.lines], [m.y for m in diagram.members]):
        assert all(b - a >= 17 for a, b in zip(sorted(positions), sorted(positions)[1:], strict=False))
        assert all(0 < y < diagram.height for y in positions)


def test_one_partition_has_no_diagram() -> None:
    assert partition_diagram("g", [partition(0)], {"orders": ""}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("settlemnt", ["settlement", "pre-settlement"]), ("Billing", ["billing"]), ("zzz", []), ("", [])],
)
def test_the_closest_names_share_the_most_letter_pairs(text: str, expected: list[str]) -> None:
    assert closest_names(text, ["settlement", "pre-settlement", "billing", "orders"])[:2] == expected

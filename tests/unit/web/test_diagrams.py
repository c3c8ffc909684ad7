"""Sparklines and the partition diagram: gaps stay gaps, unknown is dotted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.monitoring.model import Flow, PartitionView, Points, Status, TimeLag, TimeLagMethod, Verdict
from signalbox.web.monitoring.list_query import closest_names
from signalbox.web.monitoring.partition_diagram import LINES_MAX, partition_diagram
from signalbox.web.monitoring.sparkline import Sparkline, sparkline
from tests.unit.monitoring.readings import T0

NOW = T0


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


def history(values: Sequence[float | None], *, step_s: float = 60.0, least: bool = False) -> Points:
    """Return a history that ends now, one value a step."""
    nothing: list[float | None] = [None] * len(values)
    return Points(
        at=[NOW - step_s * (len(values) - 1 - index) for index in range(len(values))],
        lag=nothing if least else list(values),
        lag_at_least=list(values) if least else nothing,
        rate_in=nothing,
        rate_out=nothing,
        step_s=step_s,
    )


def draw(points: Points) -> Sparkline:
    curve = sparkline(points, NOW, label="lag")
    assert curve is not None
    return curve


def places(path: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in path.replace("M", " ").split()]
    return list(zip(numbers[0::2], numbers[1::2], strict=True))


def test_a_sparkline_has_a_gap_where_values_are_unknown() -> None:
    curve = draw(history([1, 2, None, None, 3, 4] + [5] * 55))
    assert curve.line.count("M") == 2
    assert curve.summary == "lag, last hour, rising"


def test_the_axis_of_a_sparkline_is_one_hour_whatever_the_history() -> None:
    """Ten minutes of history fill the right sixth; the rest is empty."""
    curve = draw(history([100.0] * 11))
    assert (places(curve.line)[0][0], places(curve.line)[-1][0]) == (83.3, 100)
    assert curve.summary == "lag, last hour, steady, history since 03:02:40"


def test_values_older_than_an_hour_are_not_drawn() -> None:
    curve = draw(history([10_000.0] * 60 + [5.0] * 61))
    assert places(curve.line)[0] == (0, 10.5)
    assert curve.summary == "lag, last hour, steady"


def test_one_message_does_not_look_like_a_thousand() -> None:
    assert min(y for _, y in places(draw(history([0, 1, 0, 1] * 15)).line)) == 18.1
    assert min(y for _, y in places(draw(history([0, 1000, 0, 1000] * 15)).line)) == 1


def test_a_value_between_two_gaps_is_a_dot() -> None:
    assert len(places(draw(history([None, 5.0, None, 5.0])).line)) == 4


def test_a_minimum_is_drawn_in_its_own_style() -> None:
    whole, least = history([10_000.0] * 60), history([1_000.0] * 60, least=True)
    mixed = replace(
        whole,
        lag=[*whole.lag[:30], *least.lag[30:]],
        lag_at_least=[*whole.lag_at_least[:30], *least.lag_at_least[30:]],
    )
    curve = draw(mixed)
    assert (curve.line.count("M"), curve.least.count("M")) == (1, 1)
    assert places(curve.least)[-1][1] == 18.1
    assert curve.summary == "lag, last hour, falling, partly a minimum"


@pytest.mark.parametrize("values", [[], [None, None], [None, 5.0, None]])
def test_fewer_than_two_known_points_draw_no_sparkline(values: Sequence[float | None]) -> None:
    assert sparkline(history(values), NOW, label="lag") is None


def test_downsampling_keeps_a_short_peak() -> None:
    values = [1.0] * 600
    values[301] = 99.0
    curve = draw(history(values, step_s=5.0))
    assert min(y for _, y in places(curve.line)) == 1  # the top of the box: only the peak reaches it


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=200), st.sampled_from([1.0, 30.0, 400.0]))
def test_a_sparkline_stays_inside_its_box(values: list[float | None], step_s: float) -> None:
    curve = sparkline(history(values, step_s=step_s), NOW, label="lag")
    if curve is None:
        return
    assert all(0 <= x <= 100 and 0 <= y <= 20 for x, y in places(curve.line))


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

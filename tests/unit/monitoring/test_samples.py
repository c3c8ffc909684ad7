"""Packing loses nothing; downsampling loses no total, peak or gap."""

import contextlib
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.packing import DamagedRun, pack, pack_journal, unpack, unpack_journal
from signalbox.monitoring.samples import RESET, Row, Samples, at_least, downsample, merge, points

STEPS = st.sampled_from([1, 1_000, 5_000, 30_000, 60_000, 600_000])
VALUES = st.one_of(st.just(UNKNOWN), st.integers(0, 2**62), st.integers(0, 200))


def samples(rows: list[Row]) -> Samples:
    series = Samples()
    for row in rows:
        series.append(*row)
    return series


LAGS = st.one_of(VALUES, st.integers(0, 2**62).map(at_least))  # some of them are minimums


@st.composite
def any_samples(draw: st.DrawFn) -> Samples:
    gaps = draw(st.lists(st.integers(1, 200_000), max_size=60))
    at, rows = draw(st.integers(0, 2**42)), list[Row]()
    for gap in gaps:
        at += gap
        rows.append((at, draw(LAGS), draw(VALUES), draw(VALUES)))
    return samples(rows)


@st.composite
def known_series(draw: st.DrawFn) -> Samples:
    """A series without gaps and resets."""
    at, arrived, settled, rows = 10**12, 0, 0, list[Row]()
    for step, arrivals, settlements in draw(
        st.lists(st.tuples(st.integers(1, 90_000), *[st.integers(0, 9**9)] * 2), min_size=1)
    ):
        at, arrived, settled = at + step, arrived + arrivals, settled + settlements
        rows.append((at, abs(arrived - settled), arrived, settled))
    return samples(rows)


@given(any_samples())
def test_unpacking_returns_the_packed_samples(given_samples: Samples) -> None:
    assert unpack(pack(given_samples)) == given_samples


@given(st.lists(st.tuples(st.integers(1, 2**31), any_samples()), max_size=8))
def test_a_journal_returns_the_rows_of_each_series(runs: list[tuple[int, Samples]]) -> None:
    assert list(unpack_journal(pack_journal(runs))) == runs


@given(any_samples(), st.data())
def test_damage_is_detected_and_never_read_as_samples(good: Samples, data: st.DataObject) -> None:
    packed = bytearray(pack(good))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(DamagedRun):
        assert unpack(bytes(packed)) == good  # a bit without meaning in the zlib header
    with pytest.raises(DamagedRun):
        unpack(bytes(packed[:place]))


def _known(column: "array[int]") -> list[int]:
    return [value for value in column if value != UNKNOWN]


@given(any_samples(), STEPS)
def test_downsampling_keeps_order_and_one_known_row_per_step(given_samples: Samples, step: int) -> None:
    downsampled = downsample(given_samples, step)
    assert list(downsampled.at) == sorted(set(downsampled.at))
    known = [at // step for row, at in enumerate(downsampled.at) if not downsampled.unknown(row)]
    assert len(known) == len(set(known))
    assert downsample(downsampled, step) == downsampled
    twice, once = downsample(downsample(given_samples, 30_000), 60_000), downsample(given_samples, 60_000)
    assert _known(twice.lag) == _known(once.lag)  # the number of unknown rows between them may differ


@given(known_series(), STEPS)
def test_downsampling_keeps_totals_and_peaks(given_samples: Samples, step: int) -> None:
    downsampled = downsample(given_samples, step)
    for whole, short in ((given_samples.arrived, downsampled.arrived), (given_samples.settled, downsampled.settled)):
        assert short[-1] == whole[-1]
        assert set(short) <= set(whole)
    assert max(downsampled.lag) == max(given_samples.lag)
    chart = points(downsampled, step)
    spans = (
        (now - before) / 1000 for before, now in pairwise(downsampled.at)
    )  # `chart.at` is too coarse for milliseconds
    total = sum(rate * span for rate, span in zip(chart.rate_in[1:], spans, strict=True) if rate is not None)
    assert total == pytest.approx(downsampled.arrived[-1] - downsampled.arrived[0], rel=1e-6)


@given(known_series(), st.integers(0, 10**6), STEPS, st.data())
def test_no_rate_spans_a_fall_at_any_step(before: Samples, after: int, step: int, data: st.DataObject) -> None:
    """A counter may restart and overtake its old value by the next row."""
    reset_at = before.at[-1] + data.draw(st.integers(1, 90_000))
    rows = [*before, (reset_at, 5, -1, 3), (reset_at + 1, 5, before.arrived[-1] // 2, 3)]
    rows = [*rows, (reset_at + 2, 5, before.arrived[-1] + after + 7, 3)]
    chart = points(downsample(samples(rows), step), step)
    for row in range(1, len(chart.at)):
        over = chart.at[row - 1] * 1000 < reset_at <= chart.at[row] * 1000 + 0.5
        if over and before.arrived[-1] > before.arrived[-1] // 2:
            assert chart.rate_in[row] is None


@given(known_series(), known_series(), STEPS, st.integers(0, 10**7))
def test_a_gap_longer_than_the_step_stays_a_gap(first: Samples, second: Samples, step: int, gap: int) -> None:
    shift = first.at[-1] + step + gap + 2 - second.at[0]
    later = [(at + shift, lag, arrived, settled) for at, lag, arrived, settled in second]
    rows = [*first, (first.at[-1] + 1, UNKNOWN, UNKNOWN, UNKNOWN), *later]
    downsampled = downsample(samples(rows), step)
    inside = [row for row, at in enumerate(downsampled.at) if first.at[-1] < at < later[0][0]]
    assert inside
    assert all(downsampled.unknown(row) for row in inside)
    chart = points(downsampled, step)
    assert chart.lag[inside[0]] is chart.rate_in[inside[0]] is chart.rate_in[inside[-1] + 1] is None


def test_one_minute_of_samples_by_hand() -> None:
    rows: list[Row] = [
        (60_000, 10, 100, 90),
        (65_000, 40, 140, 100),
        (70_000, UNKNOWN, UNKNOWN, UNKNOWN),
        (75_000, 20, 160, 140),
        (95_000, 30, 200, 170),
        (100_000, 5, 20, 15),
        (125_000, 6, 300, 294),
    ]
    assert list(downsample(samples(rows), 30_000)) == [
        (75_000, 40, 160, 140),
        (100_000, 30, RESET, RESET),
        (125_000, 6, 300, 294),
    ]
    chart = points(samples(rows), 1)
    assert chart.rate_in == [None, 8.0, None, None, 2.0, None, 11.2]
    assert chart.lag[2] is None


def test_the_newer_of_two_overlapping_samples_wins() -> None:
    old = samples([(1_000, 1, 1, 1), (2_000, 2, 2, 2), (31_000, 3, 3, 3)])
    new = samples([(2_000, 9, 9, 9)])
    assert list(merge(old, new)) == [(1_000, 1, 1, 1), (2_000, 9, 9, 9)]
    assert list(merge(old, new, 30_000)) == [(2_000, 9, 9, 9)]
    assert merge(old, Samples()) == old


def test_an_hour_of_a_busy_group_packs_small() -> None:
    """720 samples, 5 s apart, of three counters: 23 kB in memory."""
    series = Samples()
    for row in range(720):
        series.append(
            1_790_000_000_000 + row * 5_000 + row % 7, 400 + row * 37 % 91, row * 1_003, row * 1_001 + row % 5
        )
    assert len(pack(series)) < 5_000
    assert isinstance(series.at, array)


def test_a_step_keeps_the_mark_of_a_minimum_that_is_above_all_whole_lags() -> None:
    rows = [
        (1_000, 10_000, 1, 1),
        (6_000, at_least(1_000), 1, 1),
        (31_000, at_least(1_200), 1, 1),
        (36_000, 1_100, 1, 1),
    ]
    chart = points(downsample(samples(rows), 30_000), 30_000)
    assert (chart.lag, chart.lag_at_least) == ([10_000, None], [None, 1_200])

"""Rules of history without a database: nothing is lost by packing; no total, peak or gap by folding."""

import contextlib
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.packing import DamagedRun, pack, pack_journal, unpack, unpack_journal
from signalbox.monitoring.samples import RESET, Row, Samples, downsample, merge, points

STEPS = st.sampled_from([1, 1_000, 5_000, 30_000, 60_000, 600_000])
VALUES = st.one_of(st.just(UNKNOWN), st.integers(0, 2**62), st.integers(0, 200))


def samples(rows: list[Row]) -> Samples:
    made = Samples()
    for row in rows:
        made.append(*row)
    return made


@st.composite
def any_samples(draw: st.DrawFn) -> Samples:
    gaps = draw(st.lists(st.integers(1, 200_000), max_size=60))
    at, rows = draw(st.integers(0, 2**42)), list[Row]()
    for gap in gaps:
        at += gap
        rows.append((at, draw(VALUES), draw(VALUES), draw(VALUES)))
    return samples(rows)


@st.composite
def counted(draw: st.DrawFn) -> Samples:
    """A series that was always known and never reset."""
    at, arrived, settled, rows = 10**12, 0, 0, list[Row]()
    for step, came, done in draw(st.lists(st.tuples(st.integers(1, 90_000), *[st.integers(0, 9**9)] * 2), min_size=1)):
        at, arrived, settled = at + step, arrived + came, settled + done
        rows.append((at, abs(arrived - settled), arrived, settled))
    return samples(rows)


@given(any_samples())
def test_what_is_packed_is_unpacked_the_same(given_samples: Samples) -> None:
    assert unpack(pack(given_samples)) == given_samples


@given(st.lists(st.tuples(st.integers(1, 2**31), any_samples()), max_size=8))
def test_a_journal_returns_every_series_its_own_rows(runs: list[tuple[int, Samples]]) -> None:
    assert list(unpack_journal(pack_journal(runs))) == runs


@given(any_samples(), st.data())
def test_damage_is_found_and_never_read_as_figures(good: Samples, data: st.DataObject) -> None:
    packed = bytearray(pack(good))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(DamagedRun):
        assert unpack(bytes(packed)) == good  # a bit that means nothing, in zlib's own header
    with pytest.raises(DamagedRun):
        unpack(bytes(packed[:place]))


def _told(column: "array[int]") -> list[int]:
    return [value for value in column if value != UNKNOWN]


@given(any_samples(), STEPS)
def test_folding_keeps_order_and_one_known_row_a_step_and_is_done_once(given_samples: Samples, step: int) -> None:
    folded = downsample(given_samples, step)
    assert list(folded.at) == sorted(set(folded.at))
    known = [at // step for row, at in enumerate(folded.at) if not folded.unknown(row)]
    assert len(known) == len(set(known))
    assert downsample(folded, step) == folded
    twice, once = downsample(downsample(given_samples, 30_000), 60_000), downsample(given_samples, 60_000)
    assert _told(twice.lag) == _told(once.lag)  # how many unknown rows stand between them may differ


@given(counted(), STEPS)
def test_folding_keeps_totals_and_peaks(given_samples: Samples, step: int) -> None:
    folded = downsample(given_samples, step)
    for whole, short in ((given_samples.arrived, folded.arrived), (given_samples.settled, folded.settled)):
        assert short[-1] == whole[-1]
        assert set(short) <= set(whole)
    assert max(folded.lag) == max(given_samples.lag)
    drawn = points(folded, step)
    spans = ((now - before) / 1000 for before, now in pairwise(folded.at))  # `drawn.at` is too coarse for milliseconds
    total = sum(rate * span for rate, span in zip(drawn.rate_in[1:], spans, strict=True) if rate is not None)
    assert total == pytest.approx(folded.arrived[-1] - folded.arrived[0], rel=1e-6)


@given(counted(), st.integers(0, 10**6), STEPS, st.data())
def test_no_rate_is_drawn_over_a_fall_however_it_is_folded(
    before: Samples, after: int, step: int, data: st.DataObject
) -> None:
    """The counter restarts and may have overtaken its old value by the next row: no total may come of that."""
    reset_at = before.at[-1] + data.draw(st.integers(1, 90_000))
    rows = [*before, (reset_at, 5, -1, 3), (reset_at + 1, 5, before.arrived[-1] // 2, 3)]
    rows = [*rows, (reset_at + 2, 5, before.arrived[-1] + after + 7, 3)]
    drawn = points(downsample(samples(rows), step), step)
    for row in range(1, len(drawn.at)):
        over = drawn.at[row - 1] * 1000 < reset_at <= drawn.at[row] * 1000 + 0.5
        if over and before.arrived[-1] > before.arrived[-1] // 2:
            assert drawn.rate_in[row] is None


@given(counted(), counted(), STEPS, st.integers(0, 10**7))
def test_a_hole_longer_than_the_step_stays_a_hole(first: Samples, second: Samples, step: int, hole: int) -> None:
    shift = first.at[-1] + step + hole + 2 - second.at[0]
    later = [(at + shift, lag, arrived, settled) for at, lag, arrived, settled in second]
    rows = [*first, (first.at[-1] + 1, UNKNOWN, UNKNOWN, UNKNOWN), *later]
    folded = downsample(samples(rows), step)
    inside = [row for row, at in enumerate(folded.at) if first.at[-1] < at < later[0][0]]
    assert inside
    assert all(folded.unknown(row) for row in inside)
    drawn = points(folded, step)
    assert drawn.lag[inside[0]] is drawn.rate_in[inside[0]] is drawn.rate_in[inside[-1] + 1] is None


def test_figures_of_one_minute_by_hand() -> None:
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
    drawn = points(samples(rows), 1)
    assert drawn.rate_in == [None, 8.0, None, None, 2.0, None, 11.2]
    assert drawn.lag[2] is None


def test_the_newer_of_two_overlapping_readings_stands() -> None:
    old = samples([(1_000, 1, 1, 1), (2_000, 2, 2, 2), (31_000, 3, 3, 3)])
    new = samples([(2_000, 9, 9, 9)])
    assert list(merge(old, new)) == [(1_000, 1, 1, 1), (2_000, 9, 9, 9)]
    assert list(merge(old, new, 30_000)) == [(2_000, 9, 9, 9)]
    assert merge(old, Samples()) == old


def test_an_hour_of_a_busy_group_is_small() -> None:
    """720 samples, 5 s apart, of three counters: 23 kB in memory."""
    made = Samples()
    for row in range(720):
        made.append(1_790_000_000_000 + row * 5_000 + row % 7, 400 + row * 37 % 91, row * 1_003, row * 1_001 + row % 5)
    assert len(pack(made)) < 5_000
    assert isinstance(made.at, array)

"""Full garbage collections start when allocated memory has grown, and at no other time."""

import gc
import sys
import weakref
from collections.abc import Iterator, Mapping

import pytest

from signalbox.kernel import garbage
from signalbox.kernel.garbage import GarbageCollector
from tests.support.waiting import eventually


class Cycle:
    """A reference cycle, which reference counting alone does not free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The number of objects that each full collection of this test freed."""
    freed: list[int] = []

    def record(phase: str, info: Mapping[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            freed.append(info["collected"])

    gc.callbacks.append(record)
    yield freed
    gc.callbacks.remove(record)


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each number of allocated blocks that the collector measured."""
    blocks: list[int] = []
    real = sys.getallocatedblocks

    def measure() -> int:
        blocks.append(real())
        return blocks[-1]

    monkeypatch.setattr(sys, "getallocatedblocks", measure)
    return blocks


async def wait_for_length(values: list[int], length: int) -> None:
    async def long_enough() -> None:
        assert len(values) >= length

    await eventually(long_enough)


async def test_full_collection_runs_after_growth_and_not_after_allocations(
    monkeypatch: pytest.MonkeyPatch, collections: list[int], measurements: list[int]
) -> None:
    monkeypatch.setattr(garbage, "CHECK_EVERY_S", 0.001)
    monkeypatch.setattr(garbage, "GROWTH", 1.1)
    threshold = gc.get_threshold()
    collector = GarbageCollector()
    await collector.start()
    try:
        await wait_for_length(measurements, 2)
        cycle = Cycle()
        cycle_ref = weakref.ref(cycle)
        for _ in range(50):
            lists = [
                [number] for number in range(20_000)
            ]  # like a sweep, which creates new views and drops the old ones
        del cycle
        await wait_for_length(measurements, len(measurements) + 3)
        assert len(collections) == 1
        assert cycle_ref() is not None
        lists = [[number] for number in range(measurements[0] // 5)]
        await wait_for_length(collections, 2)
        assert cycle_ref() is None
        assert lists
        assert collector.healthy()
    finally:
        await collector.stop()
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() == 0

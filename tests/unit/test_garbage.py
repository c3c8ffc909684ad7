"""Full garbage collections come by how much is left, and at no other time."""

import gc
import sys
import weakref
from collections.abc import Iterator, Mapping

import pytest

from signalbox.kernel import garbage
from signalbox.kernel.garbage import Garbage
from tests.support.waiting import eventually


class Knot:
    """Something that reference counts alone do not free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def full_ones() -> Iterator[list[int]]:
    """How many each full collection of this test freed."""
    seen: list[int] = []

    def note(phase: str, facts: Mapping[str, int]) -> None:
        if phase == "stop" and facts["generation"] == 2:
            seen.append(facts["collected"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much there was each time that it was looked at."""
    seen: list[int] = []
    real = sys.getallocatedblocks

    def noted() -> int:
        seen.append(real())
        return seen[-1]

    monkeypatch.setattr(sys, "getallocatedblocks", noted)
    return seen


async def until(seen: list[int], times: int) -> None:
    async def so_many() -> None:
        assert len(seen) >= times

    await eventually(so_many)


async def test_twice_as_much_and_not_how_much_came_and_went(
    monkeypatch: pytest.MonkeyPatch, full_ones: list[int], looks: list[int]
) -> None:
    monkeypatch.setattr(garbage, "EACH_S", 0.001)
    monkeypatch.setattr(garbage, "GROWTH", 1.1)
    before = gc.get_threshold()
    rounds = Garbage()
    await rounds.start()
    try:
        await until(looks, 2)
        held = Knot()
        knot = weakref.ref(held)
        for _ in range(50):
            kept = [[at] for at in range(20_000)]  # as a sweep makes views, and drops those before
        del held
        await until(looks, len(looks) + 3)
        assert len(full_ones) == 1
        assert knot() is not None
        kept = [[at] for at in range(looks[0] // 5)]
        await until(full_ones, 2)
        assert knot() is None
        assert kept
        assert rounds.healthy()
    finally:
        await rounds.stop()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0

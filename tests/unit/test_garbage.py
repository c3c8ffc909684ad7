"""Full garbage collections come by how many objects are left, and at no other time."""

import gc
import weakref
from collections.abc import Iterator, Mapping

import pytest

from app.kernel import garbage
from app.kernel.garbage import Garbage
from tests.support.waiting import eventually


class Knot:
    """Something that only a full collection can free once it has been frozen."""

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


async def test_twice_as_many_objects_and_not_how_many_came_and_went(
    monkeypatch: pytest.MonkeyPatch, full_ones: list[int]
) -> None:
    monkeypatch.setattr(garbage, "EACH_S", 0.001)
    monkeypatch.setattr(garbage, "GROWTH", 1.1)

    async def counted(*, more_than: float) -> int:
        assert gc.get_freeze_count() > more_than
        return gc.get_freeze_count()

    async def collected(times: int) -> None:
        assert len(full_ones) == times

    before = gc.get_threshold()
    rounds = Garbage()
    await rounds.start()
    try:
        left = await eventually(lambda: counted(more_than=0))
        for _ in range(50):
            kept = [[at] for at in range(20_000)]  # as a sweep makes views, and drops those before
        held = Knot()
        knot = weakref.ref(held)
        kept = [[at] for at in range(left // 20)]
        await eventually(lambda: counted(more_than=left * 1.04))
        del held
        await collected(1)
        assert knot() is not None
        kept += [[at] for at in range(left // 10)]
        await eventually(lambda: collected(2))
        assert knot() is None
        assert rounds.healthy()
    finally:
        await rounds.stop()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0

"""Listeners of account changes: a failure costs its own effect, and a database that was away tells everyone again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalbox.security.changes.service import Changes, Listener
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError
from tests.support.database import migrated_sqlite, settings


class Listeners:
    """Two listeners, of which the second fails as often as it is told to."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.told: list[str] = []
        self.failures: list[Exception] = []
        changes.subscribe(self.listener("first"))
        changes.subscribe(self.listener("second"))

    def listener(self, name: str) -> Listener:
        async def listen() -> None:
            self.told.append(name)
            if name == "second" and self.failures:
                raise self.failures.pop(0)

        return listen

    async def refresh(self) -> list[str]:
        """Refresh once; return the listeners that were told."""
        self.told.clear()
        await self.changes.refresh()
        return list(self.told)


@pytest.fixture
async def listeners(tmp_path: Path) -> AsyncIterator[Listeners]:
    database = Database(settings(migrated_sqlite(tmp_path)))
    yield Listeners(Changes(database))
    await database.close()


async def test_every_listener_is_told_once_of_each_change(listeners: Listeners) -> None:
    assert await listeners.refresh() == ["first", "second"]
    assert await listeners.refresh() == []
    listeners.told.clear()
    async with listeners.changes.begin():
        assert listeners.told == []
    assert listeners.told == ["first", "second"]
    assert await listeners.refresh() == []


async def test_after_a_database_error_all_are_told_again(listeners: Listeners) -> None:
    """A listener may use what another one read."""
    listeners.failures = [StorageError("a.db", "is away.", "Wait.")]
    with pytest.raises(StorageError, match="is away"):
        await listeners.refresh()
    assert listeners.changes.faults == []
    assert await listeners.refresh() == ["first", "second"]
    assert await listeners.refresh() == []


async def test_a_listener_that_fails_is_told_again_alone_and_its_fault_ends(
    listeners: Listeners, caplog: pytest.LogCaptureFixture
) -> None:
    listeners.failures = [RuntimeError("a fault of our own"), RuntimeError("a fault of our own")]
    assert await listeners.refresh() == ["first", "second"]
    (fault,) = listeners.changes.faults
    assert await listeners.refresh() == ["second"]
    assert listeners.changes.faults == [fault]
    assert len(caplog.records) == 1, "the same fault each second is logged once"
    assert await listeners.refresh() == ["second"]
    assert listeners.changes.faults == []
    assert await listeners.refresh() == []

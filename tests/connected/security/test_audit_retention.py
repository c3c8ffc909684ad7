"""Sealing moves old rows to a signed file; an interruption loses nothing, and the chain continues from the seal."""

import contextlib
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from signalbox.security import retention
from signalbox.security.audit import documents, ndjson
from signalbox.security.audit.chain import Verifier
from signalbox.security.audit.documents import SignedSeal
from signalbox.security.audit.model import AuditFilter, ChainPosition
from signalbox.security.audit.store import AuditStore
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.keys import Keys
from signalbox.security.retention import Retention, SealedRows, SealNotWritten
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.audit import AuditedDoor, drop_triggers, run_sql

KEY = Keys(b"k" * 32).signing()
PUBLIC = KEY.public_key().public_bytes_raw()
START_S = 1_795_000_000.0


class Archive(AuditedDoor):
    """An audit log with a manual clock, and its retention."""

    def __init__(self, database: Database, settings: DatabaseSettings) -> None:
        super().__init__(database, lambda: self.now)
        self.settings = settings
        self.now = START_S
        self.retention = Retention(database, KEY, lambda: self.now)

    async def days(self, count: int) -> None:
        """Act once a day, two rows each."""
        for _ in range(count):
            await self.act(target=f"day {self.now}")
            self.now += 86_400

    async def seal(self, days: int, folder: Path) -> SealedRows | None:
        found: list[SealedRows | None] = []

        async def run(permit: Permit) -> None:
            found.append(await self.retention.seal(permit, START_S + days * 86_400, folder))

        await self.act("seal audit log", run=run)
        return found[0]

    async def rows(self) -> list[tuple[object, object]]:
        found = await run_sql(self.settings, "SELECT row, hash FROM audit ORDER BY row")
        return [(row, hash_) for row, hash_ in found]

    async def verify_whole(self) -> ChainPosition:
        verdict = await self.log.verify(PUBLIC)
        assert verdict.is_intact, verdict.findings
        return verdict.start


@pytest.fixture
async def archive(database: Database, database_settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr("signalbox.security.retention.ROWS_AT_ONCE", 3)
    archive = Archive(database, database_settings)
    await archive.days(10)  # rows 1 to 20
    return archive


def checked(sealed: SealedRows) -> SignedSeal:
    """Return the seal of a file after comparing all its fields with the file."""
    seal = documents.read_file(sealed.seal_file)
    assert isinstance(seal, SignedSeal)
    documents.verify_signature(seal, PUBLIC)
    assert seal.sha256 == hashlib.sha256(sealed.file.read_bytes()).hexdigest()
    verifier = Verifier(seal.start, seal.position)
    with sealed.file.open("rb") as opened:
        for row in ndjson.read(opened):
            verifier.add(row)
    verdict = verifier.finish()
    assert verdict.is_intact
    assert (verdict.rows, verdict.end) == (seal.row - seal.first + 1, seal.position)
    return seal


async def test_old_rows_move_to_a_signed_file_and_the_rest_continues_from_its_seal(
    archive: Archive, tmp_path: Path
) -> None:
    sealed = await archive.seal(4, tmp_path)
    assert sealed is not None
    assert (sealed.first, sealed.last) == (1, 8)
    seal = checked(sealed)
    assert _audit_files(tmp_path) == {seal.file, sealed.seal_file.name}
    assert [row for row, _ in await archive.rows()] == list(range(9, 23))
    assert await archive.verify_whole() == seal.position
    [line] = (await archive.log.page(AuditFilter(action="seal audit log"))).entries
    assert (line.outcome, line.detail) == ("done", f"rows 1 to 8 in {seal.file}")

    again = await archive.seal(7, tmp_path)
    assert again is not None
    second = checked(again)
    assert (second.first, second.row, second.previous) == (9, 14, seal.hash)
    assert await archive.verify_whole() == second.position
    assert await archive.seal(7, tmp_path) is None
    await archive.days(1)
    await archive.verify_whole()


async def test_log_continues_after_everything_was_sealed(archive: Archive, tmp_path: Path) -> None:
    sealed = await archive.seal(100, tmp_path)
    assert sealed is not None
    assert sealed.last == 21  # the sealing's own intent, which was written before it began
    assert [row for row, _ in await archive.rows()] == [22]
    await archive.days(1)
    await archive.verify_whole()
    assert [line.row for line in (await archive.log.page(AuditFilter())).entries] == [23]


class Crash(Exception):
    """The process crashes here."""


CRASHES: list[tuple[object, str]] = [
    (ndjson, "to_line"),
    (retention, "_to_disk"),
    (retention, "_rename"),
    (documents, "sign"),
    (retention, "_write"),
    (AuditStore, "record_seal"),
    (AuditStore, "delete_sealed"),
]


@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [(owner, name, calls) for owner, name in CRASHES for calls in range(3)],
    ids=[f"{name} {calls}" for _, name in CRASHES for calls in range(3)],
)
async def test_interrupted_sealing_loses_nothing_and_can_be_resumed(
    archive: Archive, tmp_path: Path, *, owner: object, name: str, calls: int
) -> None:
    before = await archive.rows()
    crash = _Crashing(getattr(owner, name), calls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, crash)
        with contextlib.suppress(Crash):
            await archive.seal(4, tmp_path)
    assert crash.happened or calls > 0  # some are not called that often
    left = (await archive.rows())[: len(before)]
    gone = before[: before.index(left[0])]
    assert [*gone, *left][: len(before)] == before
    start = await archive.verify_whole()
    if start.row == 0:
        assert gone == []
    else:
        assert start.row == 8
        assert len(gone) <= 8
        assert _in_files(tmp_path) == before[:8]
        assert min(line.row for line in (await archive.log.page(AuditFilter())).entries) == 9

    await archive.seal(4, tmp_path)
    assert (await archive.rows())[0] == before[8]
    assert (await archive.verify_whole()).row == 8
    assert _in_files(tmp_path) == before[:8]


class _Crashing:
    """Passes a number of calls through, then crashes."""

    def __init__(self, real: Callable[..., object], calls: int) -> None:
        self._real = real
        self._left = calls
        self.happened = False

    def __get__(self, instance: object, owner: type) -> Callable[..., object]:
        return partial(self, instance) if instance is not None else self

    def __call__(self, *args: object, **named: object) -> object:
        if self._left == 0:
            self.happened = True
            raise Crash
        self._left -= 1
        return self._real(*args, **named)


def _audit_files(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("audit-*")}


def _in_files(folder: Path) -> list[tuple[object, object]]:
    rows: list[tuple[object, object]] = []
    for file in sorted(folder.glob("audit-*.ndjson")):
        with file.open("rb") as opened:
            rows += [(row.number, row.hash) for row in ndjson.read(opened)]
    return rows


async def test_log_that_is_not_intact_is_not_sealed(archive: Archive, tmp_path: Path) -> None:
    await drop_triggers(archive.settings)
    await run_sql(archive.settings, "UPDATE audit SET actor = 'nobody' WHERE row = 5")
    with pytest.raises(RequestRejected, match=r"Cannot seal the audit log: it is not intact: row 5 was changed"):
        await archive.seal(4, tmp_path)
    await run_sql(archive.settings, "DELETE FROM audit WHERE row > 6 AND row < 9", "DELETE FROM audit WHERE row = 5")
    with pytest.raises(RequestRejected, match="row 5 was removed"):
        await archive.seal(4, tmp_path)
    assert _audit_files(tmp_path) == set()
    assert len(await archive.rows()) == 20 - 3 + 4


async def test_row_removed_at_the_seal_is_not_sealed(archive: Archive, tmp_path: Path) -> None:
    await drop_triggers(archive.settings)
    await run_sql(archive.settings, "DELETE FROM audit WHERE row > 5 AND row < 9")
    with pytest.raises(RequestRejected, match="rows are missing"):
        await archive.seal(4, tmp_path)


async def test_one_of_two_concurrent_seals_is_rejected(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = AuditStore.record_seal

    async def after_another(store: AuditStore, seal: ChainPosition, document: str, after: ChainPosition) -> None:
        monkeypatch.setattr(AuditStore, "record_seal", record)
        await archive.seal(3, tmp_path)
        await record(store, seal, document, after)

    monkeypatch.setattr(AuditStore, "record_seal", after_another)
    with pytest.raises(RequestRejected, match="Another process sealed the audit log"):
        await archive.seal(4, tmp_path)
    assert (await archive.verify_whole()).row == 6


async def test_missing_folder_is_reported(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(SealNotWritten, match=r"cannot write .*nowhere/audit-\w+-1-8\.part: No such file"):
        await archive.seal(4, tmp_path / "nowhere")
    assert (await archive.verify_whole()).row == 0

"""The SQL of masking rules. Every change raises the version of the security state in its transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.changes import store as state
from signalbox.security.errors import RequestRejected
from signalbox.security.masking.errors import InvalidRule, RulesNotLoaded
from signalbox.security.masking.model import Rule, parse_rule, target_text
from signalbox.security.masking.tables import MaskingRuleRow
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError

ROWS_MAX = 200


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule created by an admin."""

    rule: Rule
    created_by: str
    created_at: float  # epoch seconds


class MaskingStore:
    """Reads and changes the rules created by admins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> tuple[int, tuple[StoredRule, ...]]:
        """Return the version of the security state and all rules in order. The rules may be newer than the version.

        Raises:
            RulesNotLoaded: a row is malformed: the other rules alone could reveal what it masks.
            StorageError: the database does not answer.
        """
        try:
            async with self._database.read() as connection:
                version = await state.read_version(connection)
                rows = await connection.execute(select(MaskingRuleRow).order_by(col(MaskingRuleRow.place)))
                return version, tuple(map(_read_rule, rows.mappings()))
        except StorageError as error:
            if type(error) is not StorageError:
                raise
            raise RulesNotLoaded(f"Cannot read the masking rules: {error}") from None  # text that is not UTF-8

    async def add(self, stored: StoredRule) -> None:
        """Add a rule after all others.

        Raises:
            RequestRejected: the name is taken, or there are too many rules.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            if stored.rule.name in names:
                raise RequestRejected(f"A masking rule named “{stored.rule.name}” already exists. Choose another name.")
            if len(names) >= ROWS_MAX:
                raise RequestRejected(f"The limit of {ROWS_MAX} masking rules is reached. Remove one first.")
            await connection.execute(insert(MaskingRuleRow).values(place=len(names) + 1, **_columns(stored)))

    async def move(self, name: str, number: int, *, after: int) -> None:
        """Move a rule to this number; rules between move by one. `after` is the number of configured rules before all rows.

        Raises:
            RequestRejected: no such rule, or the number is out of range.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            _require(name, names)
            if not after < number <= after + len(names):
                most = f"{after + 1} to {after + len(names)}"
                raise RequestRejected(
                    f"The masking rule “{name}” cannot move to position {number}: choose {most}. Rules in signalbox.toml come first."
                )
            names.remove(name)
            names.insert(number - after - 1, name)
            await _renumber(connection, names)

    async def remove(self, name: str) -> None:
        """Delete a rule.

        Raises:
            RequestRejected: no rule has this name.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            _require(name, names)
            await connection.execute(delete(MaskingRuleRow).where(col(MaskingRuleRow.name) == name))
            names.remove(name)
            await _renumber(connection, names)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[tuple[AsyncConnection, list[str]]]:
        """Open a transaction that locks the security state; yield it with the rule names in order."""
        async with self._database.begin() as connection:
            await state.raise_version(connection)
            rows = await connection.execute(select(col(MaskingRuleRow.name)).order_by(col(MaskingRuleRow.place)))
            yield connection, list(rows.scalars())


def _require(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise RequestRejected(f"No masking rule is named “{name}”. The rule may have been removed: reload the page.")


async def _renumber(connection: AsyncConnection, names: Sequence[str]) -> None:
    for place, name in enumerate(names, start=1):
        await connection.execute(update(MaskingRuleRow).where(col(MaskingRuleRow.name) == name).values(place=place))


def _columns(stored: StoredRule) -> dict[str, str | float]:
    rule = stored.rule
    return {
        "name": rule.name,
        "destinations": _json(rule.destinations),
        "types": _json(rule.types),
        "what": _json([target_text(what) for what in rule.what]),
        "how": rule.how.text,
        "made_by": stored.created_by,
        "made_at": stored.created_at,
    }


def _json(texts: Sequence[str]) -> str:
    return msgspec.json.encode(texts).decode()


def _read_rule(row: RowMapping) -> StoredRule:
    try:
        lists = {key: msgspec.json.decode(row[key], type=list[str]) for key in ("destinations", "types", "what")}
        rule = parse_rule(name=row["name"], how=row["how"], **lists)
        return StoredRule(rule, str(row["made_by"]), float(row["made_at"]))
    except Exception as fault:  # noqa: BLE001 - SQLite stores a value of any type in any column
        why = str(fault) if isinstance(fault, InvalidRule | msgspec.MsgspecError) else type(fault).__name__
        raise RulesNotLoaded(
            f"Cannot read the masking rule {row['name']!r:.80} in the database ({why}). "
            "Run the version of Signalbox that created the rule."
        ) from None

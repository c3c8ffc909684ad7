"""The SQL of masking rules. Every change raises the version of the security state, in its own transaction."""

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

ROWS_MAX = 200


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule that an admin made."""

    rule: Rule
    created_by: str
    created_at: float  # seconds since the epoch


class MaskingStore:
    """Reads and changes the rules that admins made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> tuple[int, tuple[StoredRule, ...]]:
        """Return the version of the security state and all rules, in order; they may be newer than it, never older.

        Raises:
            RulesNotLoaded: a row cannot be read: what it was to mask is not known, so nothing may be shown by the others alone.
            StorageError: the database could not be asked.
        """
        async with self._database.read() as connection:
            version = await state.read_version(connection)
            rows = await connection.execute(select(MaskingRuleRow).order_by(col(MaskingRuleRow.place)))
            return version, tuple(map(_read_rule, rows.mappings()))

    async def add(self, stored: StoredRule) -> None:
        """Add a rule after all others.

        Raises:
            RequestRejected: its name is taken, or there are too many.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            if stored.rule.name in names:
                raise RequestRejected(f"There is a masking rule named {stored.rule.name} already. Choose another name.")
            if len(names) >= ROWS_MAX:
                raise RequestRejected(
                    f"There are {ROWS_MAX} masking rules already, which is the most. Remove one first."
                )
            await connection.execute(insert(MaskingRuleRow).values(place=len(names) + 1, **_columns(stored)))

    async def move(self, name: str, number: int, *, after: int) -> None:
        """Give a rule this number, counted with the `after` rules before all rows; those between move by one.

        Raises:
            RequestRejected: there is no such rule or number.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            _require(name, names)
            if not after < number <= after + len(names):
                most = f"{after + 1} to {after + len(names)}"
                raise RequestRejected(
                    f"The rule {name} cannot be number {number}: expected {most}, those of rules made by admins."
                )
            names.remove(name)
            names.insert(number - after - 1, name)
            await _renumber(connection, names)

    async def remove(self, name: str) -> None:
        """Delete a rule.

        Raises:
            RequestRejected: there is none of this name.
            StorageError: nothing was written.
        """
        async with self._changing() as (connection, names):
            _require(name, names)
            await connection.execute(delete(MaskingRuleRow).where(col(MaskingRuleRow.name) == name))
            names.remove(name)
            await _renumber(connection, names)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[tuple[AsyncConnection, list[str]]]:
        """Lock the state, so that no two changes overlap, and give the names of the rules in order."""
        async with self._database.begin() as connection:
            await state.raise_version(connection)
            found = await connection.execute(select(col(MaskingRuleRow.name)).order_by(col(MaskingRuleRow.place)))
            yield connection, list(found.scalars())


def _require(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise RequestRejected(
            f"There is no masking rule named {name} any more. Load the page again to see those there are."
        )


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
    except (InvalidRule, msgspec.DecodeError) as fault:
        raise RulesNotLoaded(
            f"The masking rule {row['name']!r} in the database cannot be read ({fault}). Run the version of Signalbox that made "
            "it, or delete its row: no payload is shown until then."
        ) from None
    return StoredRule(rule, row["made_by"], row["made_at"])

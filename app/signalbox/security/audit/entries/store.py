"""The SQL of the list. What no index answers is looked for among a bounded number of rows, so that a page is always quick.

A filter's one condition that an index answers best, with the times, says which rows are looked at, newest first; all others
are asked of those rows only, `WINDOW` of them at a time.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from sqlmodel import col

from signalbox.security.audit.model import (
    AuditCursor,
    AuditEntry,
    AuditFilter,
    AuditPage,
    ChainRow,
    EntryCount,
    Outcome,
)
from signalbox.security.audit.store import COLUMNS, as_row
from signalbox.security.audit.tables import AuditRow, AuditSealRow
from signalbox.storage.engine import Database

WINDOW: Final = 10_000
COUNTED_MAX: Final = 10_000
CHOICES_MAX: Final = 200

Request = aliased(AuditRow, name="asked")
OutcomeRow = aliased(AuditRow, name="ended")
OutcomeLookup = aliased(AuditRow, name="told")
IS_ENTRY: Final = col(Request.kind) != literal_column("'outcome'")  # a literal, else the indexes of lines are not used
IS_REFUSED: Final = col(Request.kind) == literal_column("'refused'")
BY_TIME: Final = (col(Request.at_us).desc(), col(Request.row).desc())
POSITION: Final = tuple_(col(Request.at_us), col(Request.row))
SEARCHED_COLUMNS: Final = [col(column) for column in (Request.actor, Request.action, Request.target, Request.reason)]
REQUEST_COLUMNS: Final = (
    "row",
    "hash",
    "previous",
    "at_us",
    "actor",
    "via",
    "address",
    "agent",
    "request",
    "action",
    "resource",
)
REQUEST_DETAIL_COLUMNS: Final = ("target", "parameters", "reason")
OUTCOME_COLUMNS: Final = ("outcome", "detail", "took_us")  # an intent has none of them, its outcome has
ENTRY_COLUMNS: Final = [
    *(getattr(Request, name) for name in (*REQUEST_COLUMNS, *REQUEST_DETAIL_COLUMNS)),
    *(func.coalesce(getattr(OutcomeRow, name), getattr(Request, name)).label(name) for name in OUTCOME_COLUMNS),
    col(OutcomeRow.row).label("outcome_row"),
    col(OutcomeRow.at_us).label("ended_us"),
]

Condition = ColumnElement[bool]


class EntryStore:
    """Reads what is not sealed yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: AuditFilter, older: AuditCursor | None, limit: int) -> AuditPage:
        """Return the newest lines, or those that follow on `older`."""
        async with self._database.read() as connection:
            among, asked = [*await _indexed(connection, wanted), *_older_than(older)], _unindexed(wanted)
            reaches = await _window(connection, among) if asked else None
            conditions = [*among, *asked, *_not_before(reaches)]
            statement = _with_outcome(select(*ENTRY_COLUMNS)).where(*conditions).order_by(*BY_TIME).limit(limit + 1)
            found = [AuditEntry(**line) for line in (await connection.execute(statement)).mappings()]
        lines = tuple(found[:limit])
        if len(found) > limit:
            return AuditPage(entries=lines, older=lines[-1].cursor)
        return AuditPage(entries=lines, older=reaches, searched_to_us=reaches.at_us if reaches else None)

    async def entry(self, row: int) -> AuditEntry | None:
        """Return the line of this row, be it what was asked for or the outcome."""
        told_by = select(func.coalesce(AuditRow.about, AuditRow.row)).where(col(AuditRow.row) == row).scalar_subquery()
        async with self._database.read() as connection:
            among = await _indexed(connection, AuditFilter())
            statement = _with_outcome(select(*ENTRY_COLUMNS)).where(col(Request.row) == told_by, *among)
            found = (await connection.execute(statement)).mappings().one_or_none()
        return AuditEntry(**found) if found else None

    async def count(self, wanted: AuditFilter) -> EntryCount:
        """Count the lines, up to COUNTED_MAX; of a search, those among the WINDOW newest."""
        async with self._database.read() as connection:
            among, asked = await _indexed(connection, wanted), _unindexed(wanted)
            reaches = await _window(connection, among) if asked else None
            some = (
                select(col(Request.row)).where(*among, *asked, *_not_before(reaches)).limit(COUNTED_MAX + 1).subquery()
            )
            number = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
        return EntryCount(min(number, COUNTED_MAX), at_least=reaches is not None or number > COUNTED_MAX)

    async def choices(self, name: str) -> list[str]:
        """Return what there is in a column that has an index, in order, at most CHOICES_MAX: a step of the index each."""
        column = col(getattr(Request, name))
        least = select(func.min(column).label("value")).where(IS_ENTRY).cte("choices", recursive=True)
        more = select(func.min(column)).where(IS_ENTRY, column > least.c.value).scalar_subquery()
        steps = least.union_all(select(more).where(least.c.value.is_not(None)))
        statement = select(steps.c.value).where(steps.c.value.is_not(None)).limit(CHOICES_MAX)
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def rows(self, wanted: AuditFilter, after: int, to: int) -> Sequence[ChainRow]:
        """Return the rows after `after` up to `to` that belong to a line of the filter; its times are not asked for."""
        number = col(AuditRow.row)
        statement = select(*COLUMNS).where(number > after, number <= to).order_by(number)
        if not wanted.is_time_range_only:
            line = col(Request.row) == func.coalesce(AuditRow.about, AuditRow.row)
            statement = statement.join(Request, line).where(*_best_index(wanted), *_unindexed(wanted))
        async with self._database.read() as connection:
            return [as_row(found) for found in await connection.execute(statement)]


def _with_outcome(lines: Select[Any]) -> Select[Any]:
    return lines.select_from(Request).outerjoin(OutcomeRow, col(OutcomeRow.about) == col(Request.row))


async def _indexed(connection: AsyncConnection, wanted: AuditFilter) -> list[Condition]:
    """Return which lines are looked at: what one index answers."""
    conditions: list[Condition] = [IS_ENTRY, *_best_index(wanted)]
    if wanted.since_us is not None:
        conditions.append(col(Request.at_us) >= wanted.since_us)
    if wanted.until_us is not None:
        conditions.append(col(Request.at_us) < wanted.until_us)
    sealed = (await connection.execute(select(func.max(col(AuditSealRow.row))))).scalar_one()
    if sealed is not None:
        conditions.append(
            col(Request.row) + 0 > sealed
        )  # as a sum, else SQLite reads in the order of rows and sorts them all
    return conditions


def _equal_conditions(wanted: AuditFilter) -> list[Condition]:
    """Return the conditions that have an index, that which leaves fewest lines first."""
    refused = [IS_REFUSED] if wanted.outcome is Outcome.REFUSED else []
    columns = ((Request.actor, wanted.actor), (Request.resource, wanted.resource), (Request.action, wanted.action))
    return [*refused, *(col(column) == value for column, value in columns if value is not None)]


def _best_index(wanted: AuditFilter) -> list[Condition]:
    return _equal_conditions(wanted)[:1]


def _unindexed(wanted: AuditFilter) -> list[Condition]:
    """Return what has to be asked of each line."""
    conditions = _equal_conditions(wanted)[1:]
    if wanted.search:
        conditions.append(or_(*(column.icontains(wanted.search, autoescape=True) for column in SEARCHED_COLUMNS)))
    if wanted.outcome not in (None, Outcome.REFUSED):
        conditions.append(_outcome() == wanted.outcome)
    if wanted.no_outcome:
        conditions += [col(Request.kind) == "intent", _outcome().is_(None)]
    return conditions


def _outcome() -> ScalarSelect[str]:
    """Return a line's outcome, looked up for each: a join over the window PostgreSQL would plan as one over the whole log."""
    return (
        select(col(OutcomeLookup.outcome))
        .where(col(OutcomeLookup.about) == col(Request.row))
        .correlate(Request)
        .scalar_subquery()
    )


async def _window(connection: AsyncConnection, among: Sequence[Condition]) -> AuditCursor | None:
    """Return the last line of the window; None when it takes in all there is."""
    statement = (
        select(col(Request.at_us), col(Request.row)).where(*among).order_by(*BY_TIME).offset(WINDOW - 1).limit(1)
    )
    found = (await connection.execute(statement)).one_or_none()
    return AuditCursor(*found) if found else None


def _older_than(older: AuditCursor | None) -> list[Condition]:
    return [(older.at_us, older.row) > POSITION] if older else []


def _not_before(reaches: AuditCursor | None) -> list[Condition]:
    return [(reaches.at_us, reaches.row) <= POSITION] if reaches else []

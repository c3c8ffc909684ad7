"""The SQL of the list of entries. The best indexed condition and the times select rows, newest first; all other
conditions are tested on at most `WINDOW` of these rows, so that every page is fast.
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

Request = aliased(AuditRow, name="request")
OutcomeRow = aliased(AuditRow, name="result")
OutcomeLookup = aliased(AuditRow, name="lookup")
IS_ENTRY: Final = col(Request.kind) != literal_column("'outcome'")  # a literal: the partial indexes need one
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
OUTCOME_COLUMNS: Final = ("outcome", "detail", "took_us")  # empty in the intent, set in its outcome
ENTRY_COLUMNS: Final = [
    *(getattr(Request, name) for name in (*REQUEST_COLUMNS, *REQUEST_DETAIL_COLUMNS)),
    *(func.coalesce(getattr(OutcomeRow, name), getattr(Request, name)).label(name) for name in OUTCOME_COLUMNS),
    col(OutcomeRow.row).label("outcome_row"),
    col(OutcomeRow.at_us).label("ended_us"),
]

Condition = ColumnElement[bool]


class EntryStore:
    """Reads entries that are not sealed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, query: AuditFilter, older: AuditCursor | None, limit: int) -> AuditPage:
        """Return the newest entries, or those older than `older`."""
        async with self._database.read() as connection:
            indexed, unindexed = [*await _indexed(connection, query), *_older_than(older)], _unindexed(query)
            window_end = await _window(connection, indexed) if unindexed else None
            conditions = [*indexed, *unindexed, *_not_before(window_end)]
            statement = _with_outcome(select(*ENTRY_COLUMNS)).where(*conditions).order_by(*BY_TIME).limit(limit + 1)
            rows = [AuditEntry(**columns) for columns in (await connection.execute(statement)).mappings()]
        entries = tuple(rows[:limit])
        if len(rows) > limit:
            return AuditPage(entries=entries, older=entries[-1].cursor)
        return AuditPage(entries=entries, older=window_end, searched_to_us=window_end.at_us if window_end else None)

    async def entry(self, row: int) -> AuditEntry | None:
        """Return the entry of this row, which may be its intent or its outcome."""
        request_row = (
            select(func.coalesce(AuditRow.about, AuditRow.row)).where(col(AuditRow.row) == row).scalar_subquery()
        )
        async with self._database.read() as connection:
            indexed = await _indexed(connection, AuditFilter())
            statement = _with_outcome(select(*ENTRY_COLUMNS)).where(col(Request.row) == request_row, *indexed)
            columns = (await connection.execute(statement)).mappings().one_or_none()
        return AuditEntry(**columns) if columns else None

    async def count(self, query: AuditFilter) -> EntryCount:
        """Count entries up to COUNTED_MAX; with unindexed conditions, those among the WINDOW newest rows."""
        async with self._database.read() as connection:
            indexed, unindexed = await _indexed(connection, query), _unindexed(query)
            window_end = await _window(connection, indexed) if unindexed else None
            matching = (
                select(col(Request.row))
                .where(*indexed, *unindexed, *_not_before(window_end))
                .limit(COUNTED_MAX + 1)
                .subquery()
            )
            number = (await connection.execute(select(func.count()).select_from(matching))).scalar_one()
        return EntryCount(min(number, COUNTED_MAX), at_least=window_end is not None or number > COUNTED_MAX)

    async def choices(self, name: str) -> list[str]:
        """Return the distinct values of an indexed column in order, at most CHOICES_MAX, one index step for each."""
        column = col(getattr(Request, name))
        least = select(func.min(column).label("value")).where(IS_ENTRY).cte("choices", recursive=True)
        more = select(func.min(column)).where(IS_ENTRY, column > least.c.value).scalar_subquery()
        steps = least.union_all(select(more).where(least.c.value.is_not(None)))
        statement = select(steps.c.value).where(steps.c.value.is_not(None)).limit(CHOICES_MAX)
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def rows(self, query: AuditFilter, after: int, to: int) -> Sequence[ChainRow]:
        """Return the rows after `after` up to `to` of matching entries; the filter's times are not applied."""
        number = col(AuditRow.row)
        statement = select(*COLUMNS).where(number > after, number <= to).order_by(number)
        if not query.is_time_range_only:
            same_action = col(Request.row) == func.coalesce(AuditRow.about, AuditRow.row)
            statement = statement.join(Request, same_action).where(*_best_index(query), *_unindexed(query))
        async with self._database.read() as connection:
            return [as_row(row) for row in await connection.execute(statement)]


def _with_outcome(entries: Select[Any]) -> Select[Any]:
    return entries.select_from(Request).outerjoin(OutcomeRow, col(OutcomeRow.about) == col(Request.row))


async def _indexed(connection: AsyncConnection, query: AuditFilter) -> list[Condition]:
    """Return the conditions that one index answers."""
    conditions: list[Condition] = [IS_ENTRY, *_best_index(query)]
    if query.since_us is not None:
        conditions.append(col(Request.at_us) >= query.since_us)
    if query.until_us is not None:
        conditions.append(col(Request.at_us) < query.until_us)
    sealed = (await connection.execute(select(func.max(col(AuditSealRow.row))))).scalar_one()
    if sealed is not None:
        conditions.append(
            col(Request.row) + 0 > sealed
        )  # the sum keeps SQLite from reading by row and sorting everything
    return conditions


def _equal_conditions(query: AuditFilter) -> list[Condition]:
    """Return the conditions that have an index, most selective first."""
    refused = [IS_REFUSED] if query.outcome is Outcome.REFUSED else []
    columns = ((Request.actor, query.actor), (Request.resource, query.resource), (Request.action, query.action))
    return [*refused, *(col(column) == value for column, value in columns if value is not None)]


def _best_index(query: AuditFilter) -> list[Condition]:
    return _equal_conditions(query)[:1]


def _unindexed(query: AuditFilter) -> list[Condition]:
    """Return the conditions that are tested row by row."""
    conditions = _equal_conditions(query)[1:]
    if query.search:
        conditions.append(or_(*(column.icontains(query.search, autoescape=True) for column in SEARCHED_COLUMNS)))
    if query.outcome not in (None, Outcome.REFUSED):
        conditions.append(_outcome() == query.outcome)
    if query.no_outcome:
        conditions += [col(Request.kind) == "intent", _outcome().is_(None)]
    return conditions


def _outcome() -> ScalarSelect[str]:
    """Return an entry's outcome as a subquery: PostgreSQL would plan a join over the window as one over the whole log."""
    return (
        select(col(OutcomeLookup.outcome))
        .where(col(OutcomeLookup.about) == col(Request.row))
        .correlate(Request)
        .scalar_subquery()
    )


async def _window(connection: AsyncConnection, indexed: Sequence[Condition]) -> AuditCursor | None:
    """Return the last entry of the window; None if the window covers everything."""
    statement = (
        select(col(Request.at_us), col(Request.row)).where(*indexed).order_by(*BY_TIME).offset(WINDOW - 1).limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return AuditCursor(*row) if row else None


def _older_than(older: AuditCursor | None) -> list[Condition]:
    return [(older.at_us, older.row) > POSITION] if older else []


def _not_before(window_end: AuditCursor | None) -> list[Condition]:
    return [(window_end.at_us, window_end.row) <= POSITION] if window_end else []

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

from signalbox.security.audit.model import Count, Cursor, Line, LineFilter, LinePage, Outcome, Row
from signalbox.security.audit.store import COLUMNS, as_row
from signalbox.security.audit.tables import AuditRow, AuditSealRow
from signalbox.storage.engine import Database

WINDOW: Final = 10_000
COUNTED_MAX: Final = 10_000
CHOICES_MAX: Final = 200

Asked = aliased(AuditRow, name="asked")
Ended = aliased(AuditRow, name="ended")
Told = aliased(AuditRow, name="told")
IS_LINE: Final = col(Asked.kind) != literal_column("'outcome'")  # a literal, else the indexes of lines are not used
IS_REFUSED: Final = col(Asked.kind) == literal_column("'refused'")
BY_TIME: Final = (col(Asked.at_us).desc(), col(Asked.row).desc())
PLACE: Final = tuple_(col(Asked.at_us), col(Asked.row))
SEARCHED: Final = [col(column) for column in (Asked.actor, Asked.action, Asked.target, Asked.reason)]
OF_ASKED: Final = (
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
OF_ASKED_TOO: Final = ("target", "parameters", "reason")
OF_EITHER: Final = ("outcome", "detail", "took_us")  # an intent has none of them, its outcome has
LINE_COLUMNS: Final = [
    *(getattr(Asked, name) for name in (*OF_ASKED, *OF_ASKED_TOO)),
    *(func.coalesce(getattr(Ended, name), getattr(Asked, name)).label(name) for name in OF_EITHER),
    col(Ended.row).label("outcome_row"),
    col(Ended.at_us).label("ended_us"),
]

Condition = ColumnElement[bool]


class LineStore:
    """Reads what is not sealed yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: LineFilter, older: Cursor | None, limit: int) -> LinePage:
        """Return the newest lines, or those that follow on `older`."""
        async with self._database.read() as connection:
            among, asked = [*await _among(connection, wanted), *_before(older)], _asked(wanted)
            reaches = await _window(connection, among) if asked else None
            conditions = [*among, *asked, *_from(reaches)]
            statement = _with_outcome(select(*LINE_COLUMNS)).where(*conditions).order_by(*BY_TIME).limit(limit + 1)
            found = [Line(**line) for line in (await connection.execute(statement)).mappings()]
        lines = tuple(found[:limit])
        if len(found) > limit:
            return LinePage(lines=lines, older=lines[-1].cursor)
        return LinePage(lines=lines, older=reaches, searched_to_us=reaches.at_us if reaches else None)

    async def line(self, row: int) -> Line | None:
        """Return the line of this row, be it what was asked for or the outcome."""
        told_by = select(func.coalesce(AuditRow.about, AuditRow.row)).where(col(AuditRow.row) == row).scalar_subquery()
        async with self._database.read() as connection:
            among = await _among(connection, LineFilter())
            statement = _with_outcome(select(*LINE_COLUMNS)).where(col(Asked.row) == told_by, *among)
            found = (await connection.execute(statement)).mappings().one_or_none()
        return Line(**found) if found else None

    async def count(self, wanted: LineFilter) -> Count:
        """Count the lines, up to COUNTED_MAX; of a search, those among the WINDOW newest."""
        async with self._database.read() as connection:
            among, asked = await _among(connection, wanted), _asked(wanted)
            reaches = await _window(connection, among) if asked else None
            some = select(col(Asked.row)).where(*among, *asked, *_from(reaches)).limit(COUNTED_MAX + 1).subquery()
            number = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
        return Count(min(number, COUNTED_MAX), at_least=reaches is not None or number > COUNTED_MAX)

    async def choices(self, name: str) -> list[str]:
        """Return what there is in a column that has an index, in order, at most CHOICES_MAX: a step of the index each."""
        column = col(getattr(Asked, name))
        least = select(func.min(column).label("value")).where(IS_LINE).cte("choices", recursive=True)
        more = select(func.min(column)).where(IS_LINE, column > least.c.value).scalar_subquery()
        steps = least.union_all(select(more).where(least.c.value.is_not(None)))
        statement = select(steps.c.value).where(steps.c.value.is_not(None)).limit(CHOICES_MAX)
        async with self._database.read() as connection:
            return list((await connection.execute(statement)).scalars())

    async def rows(self, wanted: LineFilter, after: int, to: int) -> Sequence[Row]:
        """Return the rows after `after` up to `to` that belong to a line of the filter; its times are not asked for."""
        number = col(AuditRow.row)
        statement = select(*COLUMNS).where(number > after, number <= to).order_by(number)
        if not wanted.is_of_time_only:
            line = col(Asked.row) == func.coalesce(AuditRow.about, AuditRow.row)
            statement = statement.join(Asked, line).where(*_best(wanted), *_asked(wanted))
        async with self._database.read() as connection:
            return [as_row(found) for found in await connection.execute(statement)]


def _with_outcome(lines: Select[Any]) -> Select[Any]:
    return lines.select_from(Asked).outerjoin(Ended, col(Ended.about) == col(Asked.row))


async def _among(connection: AsyncConnection, wanted: LineFilter) -> list[Condition]:
    """Return which lines are looked at: what one index answers."""
    conditions: list[Condition] = [IS_LINE, *_best(wanted)]
    if wanted.since_us is not None:
        conditions.append(col(Asked.at_us) >= wanted.since_us)
    if wanted.until_us is not None:
        conditions.append(col(Asked.at_us) < wanted.until_us)
    sealed = (await connection.execute(select(func.max(col(AuditSealRow.row))))).scalar_one()
    if sealed is not None:
        conditions.append(
            col(Asked.row) + 0 > sealed
        )  # as a sum, else SQLite reads in the order of rows and sorts them all
    return conditions


def _equal(wanted: LineFilter) -> list[Condition]:
    """Return the conditions that have an index, that which leaves fewest lines first."""
    refused = [IS_REFUSED] if wanted.outcome is Outcome.REFUSED else []
    columns = ((Asked.actor, wanted.actor), (Asked.resource, wanted.resource), (Asked.action, wanted.action))
    return [*refused, *(col(column) == value for column, value in columns if value is not None)]


def _best(wanted: LineFilter) -> list[Condition]:
    return _equal(wanted)[:1]


def _asked(wanted: LineFilter) -> list[Condition]:
    """Return what has to be asked of each line."""
    conditions = _equal(wanted)[1:]
    if wanted.search:
        conditions.append(or_(*(column.icontains(wanted.search, autoescape=True) for column in SEARCHED)))
    if wanted.outcome not in (None, Outcome.REFUSED):
        conditions.append(_outcome() == wanted.outcome)
    if wanted.no_outcome:
        conditions += [col(Asked.kind) == "intent", _outcome().is_(None)]
    return conditions


def _outcome() -> ScalarSelect[str]:
    """Return a line's outcome, looked up for each: a join over the window PostgreSQL would plan as one over the whole log."""
    return select(col(Told.outcome)).where(col(Told.about) == col(Asked.row)).correlate(Asked).scalar_subquery()


async def _window(connection: AsyncConnection, among: Sequence[Condition]) -> Cursor | None:
    """Return the last line of the window; None when it takes in all there is."""
    statement = select(col(Asked.at_us), col(Asked.row)).where(*among).order_by(*BY_TIME).offset(WINDOW - 1).limit(1)
    found = (await connection.execute(statement)).one_or_none()
    return Cursor(*found) if found else None


def _before(older: Cursor | None) -> list[Condition]:
    return [(older.at_us, older.row) > PLACE] if older else []


def _from(reaches: Cursor | None) -> list[Condition]:
    return [(reaches.at_us, reaches.row) <= PLACE] if reaches else []

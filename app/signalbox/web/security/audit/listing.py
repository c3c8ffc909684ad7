"""The list of the audit log: what its address asks for, as rows, filters and links."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import quantity
from signalbox.security.audit.model import AuditEntry, AuditFilter, AuditPage, EntryCount, Outcome
from signalbox.security.audit.service import AuditLog
from signalbox.web.errors import NotThere
from signalbox.web.lists import Dropdown, EmptyState, Filter, Option, Pager
from signalbox.web.security import urls
from signalbox.web.security.audit.asked import OF_ITSELF, TIMES, Asked, query_of, written
from signalbox.web.security.audit.lines import LineRow, line_row, seconds

PAGE_ROWS: Final = 50
EXPORTS_ALL: Final = "Rows of a time are a chain without a gap, which signalbox audit verify --export checks anywhere."
EXPORTS_SOME: Final = "Of a narrower filter the rows are not a chain: export without one to have it checked elsewhere."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFrame:
    """Everything of the list but its rows."""

    action: str
    placeholder: str
    query: Asked
    filters: tuple[Filter, ...]
    dropdowns: tuple[Dropdown, ...]
    hidden_fields: tuple[tuple[str, str], ...]
    pager: Pager
    empty: EmptyState | None
    export: str  # the words of the button
    export_note: str
    exported: tuple[tuple[str, str], ...]  # what the form sends: the filter


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditList:
    """The part of the page that a change of the filter replaces."""

    frame: ListFrame
    rows: tuple[LineRow, ...]
    apart: LineRow | None  # the open row, where the filter does not show it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What there is in the whole log to choose from."""

    actors: Sequence[str]
    actions: Sequence[str]
    resources: Sequence[str]


async def audit_list(audit: AuditLog, asked: Asked, now: float) -> AuditList:
    """Read one page of the log.

    Raises:
        NotThere: the row that is to be open is not in the log, or sealed.
        StorageError: the log cannot be read.
    """
    wanted = asked.wanted(now)
    part = await audit.page(wanted, asked.older, asked.rows)
    opened = await _opened(audit, asked)
    rows = [
        _row(audit, asked, line, now, is_open=opened is not None and line.row == opened.row) for line in part.entries
    ]
    apart = opened if opened is not None and all(line.row != opened.row for line in part.entries) else None
    known = _Known(actors=await audit.actors(), actions=await audit.actions(), resources=await audit.resources())
    return AuditList(
        frame=_frame(
            asked, part, now, count=await audit.count(wanted), refused=await _refused(audit, wanted), known=known
        ),
        rows=tuple(rows),
        apart=_row(audit, asked, apart, now, is_open=True) if apart else None,
    )


def counted(count: EntryCount) -> str:
    """Write how many actions there are: 214 actions, over 10,000 actions."""
    return f"{'at least ' if count.at_least else ''}{quantity(count.number, 'action', 'actions')}"


async def _opened(audit: AuditLog, asked: Asked) -> AuditEntry | None:
    if asked.row is None:
        return None
    line = await audit.entry(asked.row)
    if line is None:
        row = figures.count(asked.row)
        raise NotThere(
            f"There is no row {row} in the audit log.", "It is not written yet, or was sealed and lies in a file."
        )
    return line


async def _refused(audit: AuditLog, wanted: AuditFilter) -> int | None:
    """Count what was refused of the same time and by the same filter; None when it was not counted to the end."""
    count = await audit.count(replace(wanted, outcome=Outcome.REFUSED))
    return None if count.at_least else count.number


def _row(audit: AuditLog, asked: Asked, line: AuditEntry, now: float, *, is_open: bool) -> LineRow:
    query = query_of(asked) | {"older": written(asked.older)}
    return line_row(
        line,
        now=now,
        running=audit.is_running(line.row),
        href=urls.audit(**query, row=None if is_open else line.row),
        checked=audit.last_verification,
        is_open=is_open,
    )


def _frame(
    asked: Asked, part: AuditPage, now: float, *, count: EntryCount, refused: int | None, known: _Known
) -> ListFrame:
    query = query_of(asked)
    on = urls.audit(**query | {"outcome": None if asked.refused else Outcome.REFUSED.value})
    return ListFrame(
        action=urls.audit(),
        placeholder="Who, what, target or reason",
        query=asked,
        filters=(Filter(on, "Refused", refused, asked.refused),),
        dropdowns=(
            _times(asked),
            _choice("who", "Who", "anyone", known.actors, asked.who),
            _choice("action", "Action", f"any of {len(known.actions)}", known.actions, asked.action),
            _choice("on", "On", "everything", known.resources, asked.on),
        ),
        hidden_fields=(("outcome", Outcome.REFUSED.value),) if asked.refused else (),
        pager=_pager(asked, part, now, count),
        empty=None if part.entries else _empty(asked, part, now),
        export=f"Export {counted(count)}",
        export_note=EXPORTS_SOME if asked.narrowed else EXPORTS_ALL,
        exported=tuple((key, str(value)) for key, value in (query | {"when": asked.when}).items() if value),
    )


def _times(asked: Asked) -> Dropdown:
    others = tuple(Option(key, words, key == asked.when) for key, (words, _) in TIMES.items() if key != OF_ITSELF)
    return Dropdown("when", "Last", TIMES[OF_ITSELF][0], others)


def _choice(name: str, label: str, any_: str, known: Sequence[str], chosen: str) -> Dropdown:
    names = sorted({*map(str, known), chosen} - {""})
    return Dropdown(name, label, any_, tuple(Option(one, one, one == chosen) for one in names))


def _pager(asked: Asked, part: AuditPage, now: float, count: EntryCount) -> Pager:
    query = query_of(asked)
    words = f"{figures.count(len(part.entries))} of {counted(count)} {_when(asked)}, newest first"
    if part.searched_to_us is not None:
        words += f", searched back to {figures.utc_time(seconds(part.searched_to_us), now)}"
    return Pager(
        text=words,
        previous_href=urls.audit(**query) if asked.older else "",
        next_href=urls.audit(**query, older=written(part.older)) if part.older else "",
    )


def _when(asked: Asked) -> str:
    words, limit = TIMES[asked.when]
    return "in all" if limit is None else f"in the last {words}"


def _empty(asked: Asked, part: AuditPage, now: float) -> EmptyState:
    told = [
        f"by {asked.who}" if asked.who else "",
        f"on {asked.on}" if asked.on else "",
        f"called {asked.action}" if asked.action else "",
        "refused" if asked.refused else "",
        _when(asked),
    ]
    do = ""
    if part.searched_to_us is not None:
        back = figures.utc_time(seconds(part.searched_to_us), now)
        do = f"So far it was searched back to {back} only. Older goes on from there."
    elif TIMES[asked.when][1] is not None:
        do = "Choose a longer time, or clear the filter."
    return EmptyState(
        title="No action matches" if asked.text else "No action",
        search=asked.text,
        suggestions=(),
        clear_href=urls.audit(when="all") if asked.narrowed or asked.when != "all" else "",
        filters=", ".join(word for word in told if word),
        hint=do,
    )

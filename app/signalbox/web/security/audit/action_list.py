"""The list of the audit log: rows, filters, paging and export."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import quantity
from signalbox.security.audit.model import AuditEntry, AuditFilter, AuditPage, EntryCount, Outcome
from signalbox.security.audit.service import AuditLog
from signalbox.web.errors import NotFound
from signalbox.web.lists import Dropdown, EmptyState, Filter, Option, Pager
from signalbox.web.security import urls
from signalbox.web.security.audit.list_query import (
    DEFAULT_RANGE,
    TIME_RANGES,
    AuditQuery,
    format_cursor,
    url_parameters,
)
from signalbox.web.security.audit.rows import ActionRow, action_row, actor_name, seconds

PAGE_ROWS: Final = 50
EXPORTS_CHAIN: Final = (
    "The file has every row {}, requests and outcomes. Verify the file anywhere with signalbox audit verify --export."
)
EXPORTS_PART: Final = "A filtered export is not a complete chain. To verify the file elsewhere, export without filters."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFrame:
    """Everything of the list but its rows."""

    action: str
    placeholder: str
    query: AuditQuery
    filters: tuple[Filter, ...]
    dropdowns: tuple[Dropdown, ...]
    hidden_fields: tuple[tuple[str, str], ...]
    pager: Pager
    empty: EmptyState | None
    export: str  # the label of the button
    export_note: str
    export_fields: tuple[tuple[str, str], ...]  # hidden fields of the export form


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionList:
    """What `security/audit/_list.html` shows."""

    frame: ListFrame
    rows: tuple[ActionRow, ...]
    open_row: ActionRow | None  # shown apart if the page does not contain it


@dataclass(frozen=True, slots=True, kw_only=True)
class _FilterValues:
    """Values of the whole log to filter by."""

    actors: Sequence[str]
    actions: Sequence[str]
    resources: Sequence[str]


async def action_list(audit: AuditLog, query: AuditQuery, now: float) -> ActionList:
    """Read one page of the log.

    Raises:
        NotFound: the row to open is not in the log, or sealed.
        StorageError: the log cannot be read.
    """
    line_filter = query.line_filter(now)
    page = await audit.page(line_filter, query.older, query.rows)
    opened = await _opened(audit, query)
    rows = [
        _row(audit, query, line, now, is_open=opened is not None and line.row == opened.row) for line in page.entries
    ]
    apart = opened if opened is not None and all(line.row != opened.row for line in page.entries) else None
    values = _FilterValues(
        actors=await audit.actors(), actions=await audit.actions(), resources=await audit.resources()
    )
    count, refused = await audit.count(line_filter), await _refused(audit, line_filter)
    return ActionList(
        frame=_frame(query, page, now, count=count, refused=refused, values=values),
        rows=tuple(rows),
        open_row=_row(audit, query, apart, now, is_open=True) if apart else None,
    )


def count_text(count: EntryCount) -> str:
    """Return "214 actions", or "at least 10,000 actions"."""
    return f"{'at least ' if count.at_least else ''}{quantity(count.number, 'action', 'actions')}"


async def _opened(audit: AuditLog, query: AuditQuery) -> AuditEntry | None:
    if query.row is None:
        return None
    line = await audit.entry(query.row)
    if line is None:
        row = figures.number(query.row)
        raise NotFound(
            f"There is no row {row} in the audit log.", "The row is not written yet, or was moved to a sealed file."
        )
    return line


async def _refused(audit: AuditLog, line_filter: AuditFilter) -> int | None:
    """EntryCount the denied actions of the same list; None if there are too many to count."""
    count = await audit.count(replace(line_filter, outcome=Outcome.REFUSED))
    return None if count.at_least else count.number


def _row(audit: AuditLog, query: AuditQuery, line: AuditEntry, now: float, *, is_open: bool) -> ActionRow:
    parameters = url_parameters(query) | {"older": format_cursor(query.older)}
    return action_row(
        line,
        now=now,
        running=audit.is_running(line.row),
        href=urls.audit(**parameters, row=None if is_open else line.row),
        checked=audit.last_verification,
        is_open=is_open,
    )


def _frame(
    query: AuditQuery, page: AuditPage, now: float, *, count: EntryCount, refused: int | None, values: _FilterValues
) -> ListFrame:
    parameters = url_parameters(query)
    toggle_denied = urls.audit(**parameters | {"outcome": None if query.refused else Outcome.REFUSED.value})
    export_fields = parameters | {"when": query.when}
    return ListFrame(
        action=urls.audit(),
        placeholder="User, action, target or reason",
        query=query,
        filters=(Filter(toggle_denied, "Denied", refused, query.refused),),
        dropdowns=(
            _time_ranges(query),
            _dropdown("actor", "User", "anyone", values.actors, query.actor),
            _dropdown("action", "Action", f"any of {len(values.actions)}", values.actions, query.action),
            _dropdown("resource", "Connection", "any", values.resources, query.resource),
        ),
        hidden_fields=(("outcome", Outcome.REFUSED.value),) if query.refused else (),
        pager=_pager(query, page, now, count),
        empty=None if page.entries else _empty(query, page, now),
        export=f"Export {count_text(count)}",
        export_note=EXPORTS_PART if query.is_filtered else EXPORTS_CHAIN.format(_time_range(query)),
        export_fields=tuple((key, str(value)) for key, value in export_fields.items() if value),
    )


def _time_ranges(query: AuditQuery) -> Dropdown:
    others = tuple(
        Option(key, label, key == query.when) for key, (label, _) in TIME_RANGES.items() if key != DEFAULT_RANGE
    )
    return Dropdown("when", "Last", TIME_RANGES[DEFAULT_RANGE][0], others)


def _dropdown(name: str, label: str, any_: str, values: Sequence[str], chosen: str) -> Dropdown:
    names = sorted({*map(str, values), chosen} - {""})
    return Dropdown(name, label, any_, tuple(Option(value, actor_name(value), value == chosen) for value in names))


def _pager(query: AuditQuery, page: AuditPage, now: float, count: EntryCount) -> Pager:
    parameters = url_parameters(query)
    text = f"{figures.number(len(page.entries))} of {count_text(count)} {_time_range(query)}, newest first"
    if page.searched_to_us is not None:
        text += f", searched back to {figures.utc_time(seconds(page.searched_to_us), now)}"
    return Pager(
        text=text,
        previous_href=urls.audit(**parameters) if query.older else "",
        next_href=urls.audit(**parameters, older=format_cursor(page.older)) if page.older else "",
    )


def _time_range(query: AuditQuery) -> str:
    label, limit = TIME_RANGES[query.when]
    return "in the whole log" if limit is None else f"in the last {label}"


def _empty(query: AuditQuery, page: AuditPage, now: float) -> EmptyState:
    filters = [
        f"by {actor_name(query.actor)}" if query.actor else "",
        f"on {query.resource}" if query.resource else "",
        f"named {query.action}" if query.action else "",
        "denied" if query.refused else "",
        _time_range(query),
    ]
    hint = ""
    if page.searched_to_us is not None:
        back = figures.utc_time(seconds(page.searched_to_us), now)
        hint = f"The search went back to {back}. Choose Older to search further."
    elif TIME_RANGES[query.when][1] is not None:
        hint = "Choose a longer time range, or clear the filter."
    return EmptyState(
        title="No action matches" if query.text else "No action",
        search=query.text,
        suggestions=(),
        clear_href=urls.audit(when="all") if query.is_filtered or query.when != "all" else "",
        filters=", ".join(text for text in filters if text),
        hint=hint,
    )

"""The query string of the audit log: search, filters, cursor, open row. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalbox.security.audit.model import AuditCursor, AuditFilter, Outcome, sanitized
from signalbox.web.lists import InvalidParameter, parse_choice, parse_exact, parse_int, parse_text

TIME_RANGES: Final[Mapping[str, tuple[str, float | None]]] = {  # `when`: label, seconds
    "1h": ("hour", 3600.0),
    "24h": ("24 h", 24 * 3600.0),
    "7d": ("7 d", 7 * 24 * 3600.0),
    "all": ("all time", None),
}
DEFAULT_RANGE: Final = "24h"
ROW_MAX: Final = 999_999_999
ROWS_MAX: Final = 500
_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")  # both fit a 64-bit column


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """The query of the list. An empty text does not filter."""

    text: str
    when: str  # a key of TIME_RANGES
    actor: str
    action: str
    resource: str
    refused: bool
    older: AuditCursor | None
    row: int | None  # the open row
    rows: int

    @property
    def is_filtered(self) -> bool:
        """Whether more than the time range filters the list."""
        return bool(self.text or self.actor or self.action or self.resource or self.refused)

    def line_filter(self, now: float) -> AuditFilter:
        seconds = TIME_RANGES[self.when][1]
        return AuditFilter(
            search=self.text,
            since_us=None if seconds is None else round((now - seconds) * 1e6),
            actor=self.actor or None,
            action=self.action or None,
            resource=self.resource or None,
            outcome=Outcome.REFUSED if self.refused else None,
        )


def parse_query(parameters: Mapping[str, str], *, rows: int, when: str = DEFAULT_RANGE) -> AuditQuery:
    """Parse a query string, or the fields of a form.

    Raises:
        InvalidParameter: a parameter is not valid.
    """
    return AuditQuery(
        text=sanitized(parse_text(parameters, "q")),
        when=parse_choice(parameters, "when", ("", *TIME_RANGES), default="") or when,
        actor=sanitized(parse_exact(parameters, "actor")),
        action=sanitized(parse_exact(parameters, "action")),
        resource=sanitized(parse_exact(parameters, "resource")),
        refused=parse_choice(parameters, "outcome", ("", Outcome.REFUSED.value), default="") == Outcome.REFUSED,
        older=_parse_cursor(parameters),
        row=parse_int(parameters, "row", default=0, maximum=ROW_MAX) or None,
        rows=parse_int(parameters, "limit", default=rows, maximum=ROWS_MAX),
    )


def url_parameters(query: AuditQuery) -> dict[str, Any]:
    """Return the query string of the first page of the same list."""
    return {
        "q": query.text,
        "when": query.when if query.when != DEFAULT_RANGE else None,
        "actor": query.actor,
        "action": query.action,
        "resource": query.resource,
        "outcome": Outcome.REFUSED.value if query.refused else None,
    }


def format_cursor(cursor: AuditCursor | None) -> str | None:
    return f"{cursor.at_us}-{cursor.row}" if cursor else None


def _parse_cursor(parameters: Mapping[str, str]) -> AuditCursor | None:
    text = parameters.get("older")
    if not text:
        return None
    if not (match := _CURSOR.fullmatch(text)):
        raise InvalidParameter("older", "a cursor from a previous response", text)
    return AuditCursor(int(match[1]), int(match[2]))

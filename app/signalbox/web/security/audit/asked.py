"""What the address of the audit log asks for: search, filters, a place in the list, an open row. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalbox.security.audit.model import AuditCursor, AuditFilter, Outcome, sanitized
from signalbox.web.lists import InvalidParameter, parse_choice, parse_exact, parse_int, parse_text

TIMES: Final[Mapping[str, tuple[str, float | None]]] = {  # word of the address: what it is called, seconds
    "1h": ("hour", 3600.0),
    "24h": ("24 h", 24 * 3600.0),
    "7d": ("7 d", 7 * 24 * 3600.0),
    "all": ("all time", None),
}
OF_ITSELF: Final = "24h"
ROW_MAX: Final = 999_999_999
ROWS_MAX: Final = 500
_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")  # both fit the eight bytes that a database has for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The log as an address asks for it. Empty texts ask for nothing."""

    text: str
    when: str  # a key of TIMES
    who: str
    action: str
    on: str
    refused: bool
    older: AuditCursor | None
    row: int | None  # which is open
    rows: int

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.who or self.action or self.on or self.refused)

    def wanted(self, now: float) -> AuditFilter:
        """Return it as the log is asked."""
        seconds = TIMES[self.when][1]
        return AuditFilter(
            search=self.text,
            since_us=None if seconds is None else round((now - seconds) * 1e6),
            actor=self.who or None,
            action=self.action or None,
            resource=self.on or None,
            outcome=Outcome.REFUSED if self.refused else None,
        )


def asked(parameters: Mapping[str, str], *, rows: int, when: str = OF_ITSELF) -> Asked:
    """Read an address's parameters, or those that a form sent.

    Raises:
        InvalidParameter: the first key that cannot be understood.
    """
    return Asked(
        text=sanitized(parse_text(parameters, "q")),
        when=parse_choice(parameters, "when", ("", *TIMES), default="") or when,
        who=sanitized(parse_exact(parameters, "who")),
        action=sanitized(parse_exact(parameters, "action")),
        on=sanitized(parse_exact(parameters, "on")),
        refused=parse_choice(parameters, "outcome", ("", Outcome.REFUSED.value), default="") == Outcome.REFUSED,
        older=_cursor(parameters),
        row=parse_int(parameters, "row", default=0, maximum=ROW_MAX) or None,
        rows=parse_int(parameters, "limit", default=rows, maximum=ROWS_MAX),
    )


def query_of(asked: Asked) -> dict[str, Any]:
    """Return the parameters that ask for the same list, from its newest line."""
    return {
        "q": asked.text,
        "when": asked.when if asked.when != OF_ITSELF else None,
        "who": asked.who,
        "action": asked.action,
        "on": asked.on,
        "outcome": Outcome.REFUSED.value if asked.refused else None,
    }


def written(cursor: AuditCursor | None) -> str | None:
    """Write a place in the list for an address."""
    return f"{cursor.at_us}-{cursor.row}" if cursor else None


def _cursor(parameters: Mapping[str, str]) -> AuditCursor | None:
    text = parameters.get("older")
    if not text:
        return None
    if not (found := _CURSOR.fullmatch(text)):
        raise InvalidParameter("older", "a cursor that this list gave", text)
    return AuditCursor(int(found[1]), int(found[2]))

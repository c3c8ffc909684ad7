"""What the address of a list asks for: search, filters, order and place. Every fault names its key. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.monitoring.model import Status
from signalbox.web.lists import InvalidParameter, parse_choice, parse_int, parse_text
from signalbox.web.monitoring.paging import CursorRefused, Place, from_cursor

NOT_OK = "not-ok"
STATUS_WORDS: dict[str, Status] = {status.value.replace(" ", "-"): status for status in Status}
PAGE_ROWS = 50
PAGE_ROWS_MAX = 500  # of the API; a page shows PAGE_ROWS

GROUP_SORTS: Mapping[str, bool] = {
    "lag": True,
    "time-lag": True,
    "in": True,
    "out": True,
    "read": False,
    "name": False,
    "connection": False,
}
DESTINATION_SORTS: Mapping[str, bool] = {
    "in": True,
    "messages": True,
    "size": True,
    "kept": True,
    "read": False,
    "name": False,
    "connection": False,
}
TEXT_SORTS = frozenset({"name", "connection"})
WINDOWS: Mapping[str, int] = {"1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A list as its address asks for it. Empty texts ask for nothing."""

    text: str = ""
    status: str = ""  # "", NOT_OK, or a word of STATUS_WORDS
    connection: str = ""
    kind: str = ""
    sort: str
    down: bool
    after: Place | None = None
    before: Place | None = None
    rows: int = PAGE_ROWS

    first_sort: str = ""  # the order the list has by itself
    natural: bool = True  # whether the order asked for falls by itself

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.status or self.connection or self.kind)

    def accepts(self, status: Status) -> bool:
        if not self.status:
            return True
        if self.status == NOT_OK:
            return status is not Status.OK
        return status is STATUS_WORDS[self.status]


def asked(parameters: Mapping[str, str], sorts: Mapping[str, bool]) -> Asked:
    """Read an address's parameters. `sorts` names the orders this list knows, and whether each falls by itself.

    Raises:
        InvalidParameter: the first key that cannot be understood.
    """
    sort = parse_choice(parameters, "sort", sorts, default=next(iter(sorts)))
    direction = parse_choice(parameters, "dir", ("down", "up"), default="down" if sorts[sort] else "up")
    status = parse_choice(parameters, "status", ("", NOT_OK, *STATUS_WORDS), default="")
    return Asked(
        text=parse_text(parameters, "q"),
        status=status,
        connection=parse_text(parameters, "connection"),
        kind=parse_text(parameters, "kind"),
        sort=sort,
        down=direction == "down",
        first_sort=next(iter(sorts)),
        natural=sorts[sort],
        after=_place(parameters, "after", sort),
        before=_place(parameters, "before", sort),
        rows=parse_int(parameters, "limit", default=PAGE_ROWS, maximum=PAGE_ROWS_MAX),
    )


def window(parameters: Mapping[str, str]) -> str:
    """Return which window of history is asked for: a key of WINDOWS.

    Raises:
        InvalidParameter: not one of them.
    """
    return parse_choice(parameters, "window", WINDOWS, default="1h")


def _place(parameters: Mapping[str, str], key: str, sort: str) -> Place | None:
    text = parameters.get(key)
    if not text:
        return None
    try:
        return from_cursor(text, of_text=sort in TEXT_SORTS)
    except CursorRefused as fault:
        raise InvalidParameter(key, str(fault), text) from fault


def nearest(text: str, names: Sequence[str], *, most: int = 3) -> list[str]:
    """Return the names that share the most letter pairs with `text`, best first; none that shares under half."""
    wanted = text.casefold()
    if not wanted:
        return []
    pairs = {wanted[i : i + 2] for i in range(len(wanted) - 1)} or {wanted}
    scored = []
    for name in names:
        folded = name.casefold()
        shared = sum(pair in folded for pair in pairs) / len(pairs)
        if shared >= 0.5:
            scored.append((-shared, abs(len(folded) - len(wanted)), name))
    return [name for _, _, name in sorted(scored)[:most]]

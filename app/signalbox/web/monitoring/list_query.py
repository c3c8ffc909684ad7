"""Parse the URL parameters of a list: search, filters, sort order and cursor. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.monitoring.model import Status
from signalbox.web.lists import InvalidParameter, parse_choice, parse_int, parse_text
from signalbox.web.monitoring.paging import InvalidCursor, RowKey, decode_cursor

NOT_OK = "not-ok"
STATUS_WORDS: dict[str, Status] = {status.value.replace(" ", "-"): status for status in Status}
PAGE_ROWS = 50
PAGE_ROWS_MAX = 500  # of the API; a page shows PAGE_ROWS

# sort key -> descending by default; the first is the default
_ASCENDING = dict.fromkeys(("updated", "name", "connection"), False)
GROUP_SORTS = dict.fromkeys(("lag", "time-lag", "in", "out"), True) | _ASCENDING
DESTINATION_SORTS = dict.fromkeys(("in", "messages", "size", "retention"), True) | _ASCENDING
TEXT_SORTS = frozenset({"name", "connection"})
WINDOWS: Mapping[str, int] = {"1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """The parsed parameters of a list. An empty text does not filter."""

    text: str = ""
    status: str = ""  # "", NOT_OK, or a key of STATUS_WORDS
    connection: str = ""
    kind: str = ""
    sort: str
    descending: bool
    default_sort: str
    default_descending: bool  # for `sort`
    after: RowKey | None = None
    before: RowKey | None = None
    limit: int = PAGE_ROWS

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.status or self.connection or self.kind)

    def accepts(self, status: Status) -> bool:
        if not self.status:
            return True
        if self.status == NOT_OK:
            return status is not Status.OK
        return status is STATUS_WORDS[self.status]


def parse_list_query(parameters: Mapping[str, str], sorts: Mapping[str, bool]) -> ListQuery:
    """Parse URL parameters. `sorts` maps each sort key to whether it is descending by default; the first is the default.

    Raises:
        InvalidParameter: names the first invalid parameter.
    """
    default_sort = next(iter(sorts))
    sort = parse_choice(parameters, "sort", sorts, default=default_sort)
    direction = parse_choice(parameters, "dir", ("down", "up"), default="down" if sorts[sort] else "up")
    return ListQuery(
        text=parse_text(parameters, "q"),
        status=parse_choice(parameters, "status", ("", NOT_OK, *STATUS_WORDS), default=""),
        connection=parse_text(parameters, "connection"),
        kind=parse_text(parameters, "kind"),
        sort=sort,
        descending=direction == "down",
        default_sort=default_sort,
        default_descending=sorts[sort],
        after=_cursor(parameters, "after", sort),
        before=_cursor(parameters, "before", sort),
        limit=parse_int(parameters, "limit", default=PAGE_ROWS, maximum=PAGE_ROWS_MAX),
    )


def parse_window(parameters: Mapping[str, str]) -> str:
    """Parse the time window of a chart: a key of WINDOWS.

    Raises:
        InvalidParameter: the window does not exist.
    """
    return parse_choice(parameters, "window", WINDOWS, default="1h")


def _cursor(parameters: Mapping[str, str], key: str, sort: str) -> RowKey | None:
    text = parameters.get(key)
    if not text:
        return None
    try:
        return decode_cursor(text, sorts_by_text=sort in TEXT_SORTS)
    except InvalidCursor as error:
        raise InvalidParameter(key, str(error), text) from error


def closest_names(text: str, names: Sequence[str], *, limit: int = 3) -> list[str]:
    """Return the names that share the most letter pairs with `text`, best first; at least half of them."""
    searched = text.casefold()
    if not searched:
        return []
    pairs = {searched[i : i + 2] for i in range(len(searched) - 1)} or {searched}
    scored = []
    for name in names:
        folded = name.casefold()
        shared = sum(pair in folded for pair in pairs) / len(pairs)
        if shared >= 0.5:
            scored.append((-shared, abs(len(folded) - len(searched)), name))
    return [name for _, _, name in sorted(scored)[:limit]]

"""The management API's rows about queues and consumers: decoded a row at a time, so that a broken one costs itself alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

ROWS_AT_ONCE = 200  # about 3 ms of a plain listing
COUNT_MAX = 2**63

Object = Mapping[str, Any]


class QueueRow(msgspec.Struct, kw_only=True, gc=False):
    """One queue, as the totals, the plain listing or the single call gives it. What is loosely typed is read by `count` etc."""

    name: str
    vhost: str
    type: str = "classic"
    state: Any = None
    messages: Any = None
    messages_ready: Any = None
    messages_unacknowledged: Any = None
    message_bytes: Any = None
    message_stats: Any = None
    consumers: Any = None
    consumer_capacity: Any = None
    consumer_details: Any = None
    leader: Any = None
    node: Any = None
    members: Any = None
    online: Any = None
    policy: Any = None
    arguments: Any = None
    effective_policy_definition: Any = None
    exclusive: Any = None
    delivery_limit: Any = None


class _QueuePage(msgspec.Struct, kw_only=True):
    items: list[msgspec.Raw]
    page_count: int


Row = TypeVar("Row")
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_page = msgspec.json.Decoder(_QueuePage)
_queue = msgspec.json.Decoder(QueueRow)


async def queue_rows(body: bytes) -> tuple[list[QueueRow], int]:
    """Return the rows of a listing and how many were broken.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: it is no listing at all.
    """
    return await _decoded(_raw_rows.decode(body), _queue)


async def queue_page(body: bytes) -> tuple[list[QueueRow], int, int]:
    """Return the rows of one page, how many were broken, and how many pages there are."""
    page = _page.decode(body)
    rows, broken = await _decoded(page.items, _queue)
    return rows, broken, page.page_count


def queue_row(body: bytes) -> QueueRow:
    """Return the one queue of a single call."""
    return _queue.decode(body)


async def value(body: bytes) -> object:
    """Return any small answer."""
    return msgspec.json.decode(body)


async def mappings(body: bytes) -> list[Object]:
    """Return the rows of any other listing, those that are objects."""
    rows: list[Object] = []
    for number, raw in enumerate(_raw_rows.decode(body)):
        if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
            await asyncio.sleep(0)
        row = msgspec.json.decode(raw)
        if isinstance(row, dict):
            rows.append(row)
    return rows


async def _decoded(raws: Sequence[msgspec.Raw], decoder: msgspec.json.Decoder[Row]) -> tuple[list[Row], int]:
    rows: list[Row] = []
    for number, raw in enumerate(raws):
        if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
            await asyncio.sleep(0)
        try:
            rows.append(decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return rows, len(raws) - len(rows)


def count(value: object) -> int | None:
    """Return a number of messages or the like; None for anything else, such as "undefined"."""
    return value if type(value) is int and 0 <= value < COUNT_MAX else None


def words(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object; an empty one is sometimes written as []."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()

"""Decoding of the management API's rows, one at a time, so that an invalid row loses only itself."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from signalbox.kernel.slices import in_slices

ROWS_PER_SLICE = 200  # about 3 ms of a plain listing
COUNT_MAX = 2**63

Object = Mapping[str, Any]


class QueueRow(msgspec.Struct, kw_only=True, gc=False):
    """A queue in the totals, a listing or a single answer. Read loosely typed fields with `count`, `text` and so on."""

    name: str
    vhost: str
    type: str = ""
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


_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_page = msgspec.json.Decoder(_QueuePage)
_queue = msgspec.json.Decoder(QueueRow)


async def queue_rows(body: bytes) -> tuple[list[QueueRow], int]:
    """Return the rows of a listing and the number of invalid rows.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: the body is not a listing.
    """
    return await _queues(_raw_rows.decode(body))


async def queue_page(body: bytes) -> tuple[list[QueueRow], int, int]:
    """Return the rows of one page, the number of invalid rows, and the number of pages."""
    page = _page.decode(body)
    return *await _queues(page.items), page.page_count


async def mappings(body: bytes) -> list[Object]:
    """Return the rows of any other listing that are objects."""
    rows = [msgspec.json.decode(raw) async for raw in in_slices(_raw_rows.decode(body), ROWS_PER_SLICE)]
    return [row for row in rows if isinstance(row, dict)]


async def _queues(raws: Sequence[msgspec.Raw]) -> tuple[list[QueueRow], int]:
    rows: list[QueueRow] = []
    async for raw in in_slices(raws, ROWS_PER_SLICE):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            rows.append(_queue.decode(raw))
    return rows, len(raws) - len(rows)


def count(value: object) -> int | None:
    """Return a non-negative integer; None for anything else, such as "undefined"."""
    return value if type(value) is int and 0 <= value < COUNT_MAX else None


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: object) -> Object:
    """Return a JSON object; {} for anything else: the API writes some empty objects as []."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()

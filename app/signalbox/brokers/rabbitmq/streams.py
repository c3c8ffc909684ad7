"""How far the readers of a stream are.

A native reader's offset is that of the first message in the chunk it got last, and the broker's lag counts from there to the
first message of the last chunk. Stored offsets are entries of the stream themselves. So a lag above 0 is "at most".
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from signalbox.brokers.rabbitmq.queues import Queue
from signalbox.brokers.rabbitmq.rows import count

NOTE_CHUNKS = "The broker reports chunks of messages, not messages, so the lag is at most this."
NOTE_STORED = "Offsets that readers store take entries of the stream too, so the lag is at most this."


class ReaderPosition(NamedTuple):
    offset: int
    lag: int  # 0 = certain; else at most this


def reader_name(stream: str, reference: str) -> str:
    """Return the group name of a stream reader that stores its offset by this name."""
    return f"{stream}: {reference}"


def last_offset(queue: Queue) -> int | None:
    """Return the offset of the last entry of a stream; None = unknown.

    Without a retention limit it is the number of entries less one. Else native readers tell that of the last chunk.
    """
    if not {"max-age", "max-length-bytes"} & queue.definition.keys():
        return None if queue.depth is None else queue.depth.ready - 1
    chunks = [(count(row.get("offset")), count(row.get("offset_lag"))) for row in queue.stream_consumers]
    return max((offset + lag for offset, lag in chunks if offset is not None and lag is not None), default=None)


def positions(queue: Queue) -> Sequence[ReaderPosition]:
    """Return the positions of the native readers that are known."""
    end = last_offset(queue)
    return [known for row in queue.stream_consumers if (known := position(row, end)) is not None]


def position(row: Mapping[str, Any], end: int | None) -> ReaderPosition | None:
    """Return where a native reader is; None = unknown.

    A reader with credit left has got everything: the broker sends at once what there is. One that got nothing yet is reported
    at 0, wherever it starts.
    """
    offset, lag = count(row.get("offset")), count(row.get("offset_lag"))
    if offset is None or lag is None or is_standby(row):
        return None
    last = max(offset + lag, end or 0)
    if count(row.get("credits")):
        return ReaderPosition(last, 0)
    return ReaderPosition(offset, last - offset) if count(row.get("consumed")) else None


def is_standby(row: Mapping[str, Any]) -> bool:
    """Return whether this is a single active consumer that waits for its turn."""
    return row.get("active") is False


def standbys(queue: Queue) -> int:
    return sum(is_standby(row) for row in queue.stream_consumers)

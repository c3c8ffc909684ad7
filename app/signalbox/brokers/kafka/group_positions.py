"""Compute a group's lag and losses, row by row, from its committed offsets and the offsets of the partitions."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import sub

from signalbox.brokers.kafka.offset_table import OffsetTable, Topic
from signalbox.brokers.model import UNKNOWN, Positions, Why

MAY_BE_EMPTY = frozenset({Why.KNOWN, Why.NEVER_COMMITTED, Why.NOT_REPORTED})


@dataclass(slots=True, kw_only=True, eq=False)
class GroupRows:
    """The rows of a group, in columns, without end offsets. `reported_lag` is the broker's own lag, for share groups."""

    names: tuple[str, ...] = ()
    topics: Sequence[Topic] = ()  # those of `names` that the metadata contains
    destination: "array[int]" = field(default_factory=lambda: array("i"))
    partition: "array[int]" = field(default_factory=lambda: array("i"))
    settled: "array[int]" = field(default_factory=lambda: array("q"))
    slots: "array[int]" = field(default_factory=lambda: array("i"))
    unknown: dict[int, Why] = field(default_factory=dict)  # row -> why its committed offset is unknown
    reported_lag: "array[int] | None" = None


def build_positions(rows: GroupRows, arrived: "array[int]", table: OffsetTable) -> Positions:
    starts, stables = table.starts, table.stables
    start = array("q", [starts[slot] for slot in rows.slots])
    lag = array("q", map(sub, arrived, rows.settled))
    why: tuple[Why, ...] | None = None
    first_unread = deleted = None
    is_special = bool(rows.unknown) or rows.reported_lag is not None
    is_special = is_special or any(topic.contents_version for topic in rows.topics)
    if is_special or (len(lag) and (min(lag) < 0 or min(map(sub, rows.settled, start)) < 0)):
        first_unread = _first_unread(rows, arrived, start, table)
        lag, why = _lag_by_row(rows, arrived, first_unread, table)
        deleted = _deleted(rows, start, table)
    stable = array("q", [stables[slot] for slot in rows.slots]) if table.has_open_transactions else None
    if stable is not None and first_unread is not None:
        _join_empty_ends(stable, rows.settled, first_unread)
    return Positions(
        names=rows.names,
        destination=rows.destination,
        partition=rows.partition,
        settled=rows.settled,
        arrived=arrived,
        lag=lag,
        why=why,
        start=start,
        stable=stable,
        first_unread=first_unread,
        deleted=deleted,
    )


def _first_unread(rows: GroupRows, ends: "array[int]", start: "array[int]", table: OffsetTable) -> "array[int]":
    """Return the first offset of each row that may hold an unread message; UNKNOWN for a committed offset past the end."""
    find = table.contents.first_unread
    columns = zip(rows.slots, rows.settled, start, ends, strict=True)
    return array(
        "q",
        [
            UNKNOWN if settled > end >= 0 else find(slot, max(settled, log_start))
            for slot, settled, log_start, end in columns
        ],
    )


def _lag_by_row(
    rows: GroupRows, arrived: "array[int]", first_unread: "array[int]", table: OffsetTable
) -> tuple["array[int]", tuple[Why, ...] | None]:
    lags, whys = array("q"), []
    for row, (end, settled, first) in enumerate(zip(arrived, rows.settled, first_unread, strict=True)):
        lag, why = UNKNOWN, rows.unknown.get(row, Why.KNOWN)
        if settled > end >= 0:
            why = Why.BEYOND_END  # the topic was recreated or truncated: the difference means nothing
        elif 0 <= end <= first and why in MAY_BE_EMPTY:
            lag, why = 0, Why.KNOWN  # nothing is left to read, whatever was committed
        elif why is not Why.KNOWN:
            pass
        elif rows.reported_lag is not None:
            lag = rows.reported_lag[row]
        elif end < 0:
            why = table.whys.get(rows.slots[row], Why.NO_ANSWER)
        else:
            lag = end - first  # messages deleted before they were read, and transaction markers, are not lag
        lags.append(lag)
        whys.append(why)
    return lags, tuple(whys) if any(why is not Why.KNOWN for why in whys) else None


def _deleted(rows: GroupRows, start: "array[int]", table: OffsetTable) -> "array[int]":
    """Return at most how many messages of each row were deleted unread. Share groups may have read some of them."""
    find, column = table.contents.first_unread, array("q")
    for row, (slot, settled, log_start) in enumerate(zip(rows.slots, rows.settled, start, strict=True)):
        deleted = log_start - find(slot, settled) if 0 <= settled < log_start else 0
        if deleted == 1 and _may_hold_markers(rows, row, table):
            deleted = 0  # a consumer that has read a transaction commits the offset of its marker
        column.append(max(0, deleted))
    return column


def _may_hold_markers(rows: GroupRows, row: int, table: OffsetTable) -> bool:
    topic = table.topics.get(rows.names[rows.destination[row]])
    return topic is not None and topic.may_hold_markers


def _join_empty_ends(stable: "array[int]", settled: "array[int]", first_unread: "array[int]") -> None:
    """Lower the last stable offset to the committed one where no message is between them."""
    for row, (limit, committed, first) in enumerate(zip(stable, settled, first_unread, strict=True)):
        if 0 <= committed < limit <= first:
            stable[row] = committed

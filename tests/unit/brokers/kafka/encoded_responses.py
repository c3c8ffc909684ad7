"""Responses as a broker encodes them, written from the protocol definitions without the adapter's own code."""

import struct
from collections.abc import Iterable, Mapping


def i8(n: int) -> bytes:
    return struct.pack(">b", n)


def i16(n: int) -> bytes:
    return struct.pack(">h", n)


def i32(*n: int) -> bytes:
    return struct.pack(f">{len(n)}i", *n)


def i64(*n: int) -> bytes:
    return struct.pack(f">{len(n)}q", *n)


def varint(n: int) -> bytes:
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(s: str | None, *, flexible: bool = True) -> bytes:
    raw = (s or "").encode()
    size = 0 if s is None else len(raw) + 1
    return (varint(size) if flexible else i16(-1 if s is None else len(raw))) + raw


def array(items: Iterable[bytes], *, flexible: bool = True) -> bytes:
    elements = list(items)
    return (varint(len(elements) + 1) if flexible else i32(len(elements))) + b"".join(elements)


TAGS = b"\0"
UNKNOWN_TAGS = varint(1) + varint(7) + varint(3) + b"new"  # a tagged field of a newer broker

Rows = Mapping[str, Iterable[tuple[int, int, str | None, int]]]  # topic -> (partition, offset, metadata, error)


# topic -> (error, leader, replicas, in sync)
Leaders = Mapping[str, Iterable[tuple[int, int, tuple[int, ...], tuple[int, ...]]]]


def offset_fetch_8(groups: Mapping[str, tuple[Rows, int]], *, tags: bytes = TAGS) -> bytes:
    def topic(name: str, rows: Iterable[tuple[int, int, str | None, int]]) -> bytes:
        encoded = [i32(p) + i64(offset) + i32(-1) + text(meta) + i16(code) + tags for p, offset, meta, code in rows]
        return text(name) + array(encoded) + tags

    def group(name: str, topics: Rows, error: int) -> bytes:
        return text(name) + array(topic(t, rows) for t, rows in topics.items()) + i16(error) + tags

    return i32(0) + array(group(name, topics, error) for name, (topics, error) in groups.items()) + tags


def offset_fetch_2(topics: Rows, error: int) -> bytes:
    def topic(name: str, rows: Iterable[tuple[int, int, str | None, int]]) -> bytes:
        encoded = (i32(p) + i64(offset) + text(meta, flexible=False) + i16(code) for p, offset, meta, code in rows)
        return text(name, flexible=False) + array(encoded, flexible=False)

    return array((topic(t, rows) for t, rows in topics.items()), flexible=False) + i16(error)


def list_offsets_7(topics: Mapping[str, Iterable[tuple[int, int, int]]]) -> bytes:
    def topic(name: str, rows: Iterable[tuple[int, int, int]]) -> bytes:
        return text(name) + array(i32(p) + i16(e) + i64(-1, offset) + i32(0) + TAGS for p, e, offset in rows) + TAGS

    return i32(0) + array(topic(t, rows) for t, rows in topics.items()) + TAGS


def list_offsets_2(topics: Mapping[str, Iterable[tuple[int, int, int]]]) -> bytes:
    def topic(name: str, rows: Iterable[tuple[int, int, int]]) -> bytes:
        encoded = (i32(p) + i16(e) + i64(-1, offset) for p, e, offset in rows)
        return text(name, flexible=False) + array(encoded, flexible=False)

    return i32(0) + array((topic(t, rows) for t, rows in topics.items()), flexible=False)


def metadata_12(topics: Leaders) -> bytes:
    """Encode the partitions of each topic in reverse order."""

    def topic(name: str, rows: Iterable[tuple[int, int, tuple[int, ...], tuple[int, ...]]]) -> bytes:
        partitions = [
            i16(error) + i32(index, leader, 5) + array(map(i32, replicas)) + array(map(i32, synced)) + array([]) + TAGS
            for index, (error, leader, replicas, synced) in enumerate(rows)
        ]
        return i16(0) + text(name) + bytes(range(16)) + i8(0) + array(reversed(partitions)) + i32(-1) + TAGS

    broker = i32(1) + text("kafka-1") + i32(9092) + text(None) + TAGS
    return i32(0) + array([broker]) + text("cluster") + i32(1) + array(topic(t, r) for t, r in topics.items()) + TAGS


def log_dirs_4(dirs: Mapping[str, tuple[int, Mapping[str, Iterable[tuple[int, int]]]]]) -> bytes:
    """Encode path -> (error, topic -> (partition, bytes))."""

    def topic(name: str, rows: Iterable[tuple[int, int]]) -> bytes:
        return text(name) + array(i32(p) + i64(size, 0) + i8(0) + TAGS for p, size in rows) + TAGS

    encoded = (
        i16(error) + text(path) + array(topic(*row) for row in topics.items()) + i64(-1, -1) + TAGS
        for path, (error, topics) in dirs.items()
    )
    return i32(0) + i16(0) + array(encoded) + TAGS


def list_groups_5(error: int, rows: Iterable[tuple[str, str, str, str]]) -> bytes:
    return i32(0) + i16(error) + array(b"".join(map(text, row)) + TAGS for row in rows) + TAGS


def assignment(topics: Mapping[str, tuple[int, ...]]) -> bytes:
    each = (text(t, flexible=False) + array(map(i32, ps), flexible=False) for t, ps in topics.items())
    return i16(1) + array(each, flexible=False) + i32(-1)


def describe_groups_5(group: str, state: str, members: Mapping[str, Mapping[str, tuple[int, ...]]]) -> bytes:
    assignments = {name: assignment(topics) if topics else b"" for name, topics in members.items()}
    return classic_groups_5({group: assignments}, state)


def classic_groups_5(groups: Mapping[str, Mapping[str, bytes]], state: str = "Stable") -> bytes:
    """Encode the description of groups: name -> member -> encoded assignment."""

    def member(name: str, assigned: bytes) -> bytes:
        blobs = varint(1) + varint(len(assigned) + 1) + assigned
        return text(name) + text(None) + text("client") + text("/10.0.0.7") + blobs + TAGS

    def group(name: str, members: Mapping[str, bytes]) -> bytes:
        encoded = array(member(*row) for row in members.items())
        return i16(0) + text(name) + text(state) + text("consumer") + text("range") + encoded + i32(-1) + TAGS

    return i32(0) + array(group(*row) for row in groups.items()) + TAGS


def share_offsets_1(group: str, rows: Iterable[tuple[str, int, int, int]]) -> bytes:
    topics = array(
        text(t) + bytes(16) + array([i32(p) + i64(start) + i32(0) + i64(lag) + i16(0) + text(None) + TAGS]) + TAGS
        for t, p, start, lag in rows
    )
    return i32(0) + array([text(group) + topics + i16(0) + text(None) + TAGS]) + TAGS


def batch(
    base: int,
    delta: int,
    first_ms: int,
    newest_ms: int,
    *,
    attributes: int = 0,
    producer: int = -1,
    records: int | None = None,
    body: bytes = b"xx",
) -> bytes:
    """Encode a record batch header and a body that must not be decoded. By default, every offset has a record."""
    count = delta + 1 if records is None else records
    after = i32(3) + i8(2) + i32(0) + i16(attributes) + i32(delta) + i64(first_ms, newest_ms)
    after += i64(producer) + i16(0) + i32(0, count) + body
    return i64(base) + i32(len(after)) + after


def fetch_12(
    topic: str,
    partition: int,
    records: bytes,
    error: int = 0,
    *,
    stable: int = 99,
    aborted: Iterable[tuple[int, int]] = (),
) -> bytes:
    """Encode an answer for one partition whose end is 99; `aborted`: producer and first offset of transactions."""
    transactions = array(i64(producer, first) + TAGS for producer, first in aborted)
    row = i32(partition) + i16(error) + i64(99, stable, 0) + transactions
    row += i32(-1) + varint(len(records) + 1) + records + TAGS
    return i32(0) + i16(0) + i32(0) + array([text(topic) + array([row]) + TAGS]) + TAGS


def describe_producers_0(topic: str, producers: Mapping[int, Iterable[tuple[int, int]]]) -> bytes:
    """Encode an answer for one topic; `producers`: partition -> (producer, epoch of the coordinator)."""

    def partition(number: int, rows: Iterable[tuple[int, int]]) -> bytes:
        encoded = array(i64(p) + i32(0, 5) + i64(1_000) + i32(epoch) + i64(-1) + TAGS for p, epoch in rows)
        return i32(number) + i16(0) + text(None) + encoded + TAGS

    rows = array(partition(number, rows) for number, rows in producers.items())
    return i32(0) + array([text(topic) + rows + TAGS]) + TAGS

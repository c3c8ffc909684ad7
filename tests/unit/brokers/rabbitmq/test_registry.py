"""The registry of queues: counters, deleted queues and settings, from rows as the management API writes them."""

from collections.abc import Sequence

import msgspec
import pytest

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.rabbitmq.facts import destination
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import QueueRegistry
from signalbox.brokers.rabbitmq.rows import QueueRow
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.rabbitmq.snapshots import SnapshotBuilder


def row(name: str, **fields: object) -> QueueRow:
    depth = {"messages": 12, "messages_ready": 12, "messages_unacknowledged": 0}
    return msgspec.convert({"name": name, "vhost": "/", **depth, **fields}, QueueRow)


async def apply_listing(registry: QueueRegistry, vhost: str, rows: Sequence[QueueRow], at: float) -> None:
    """Apply a complete listing of one page."""
    await registry.apply_page(vhost, rows, at, has_counters=True)
    registry.note_unlisted(vhost, {row.name for row in rows})


async def listed(registry: QueueRegistry, *names: str, at: float) -> list[str]:
    """Apply a listing; return the queues that are known then."""
    await apply_listing(registry, "/", [row(name) for name in names], at)
    return [queue.name for queue in registry]


async def test_every_way_of_settling_a_message_counts() -> None:
    registry = QueueRegistry()
    stats = {"publish": 100, "ack": 40, "deliver_no_ack": 30, "get_no_ack": 18, "redeliver": 5, "deliver": 900}
    await apply_listing(registry, "/", [row("q", message_stats=stats)], 100.0)
    queue = registry.get(("/", "q"))
    assert queue is not None
    assert queue.counters is not None
    assert (queue.counters.arrived, queue.counters.settled, queue.counters.redelivered) == (100, 88, 5)


async def test_a_queue_is_gone_after_two_listings_in_a_row_without_it() -> None:
    registry = QueueRegistry()
    assert await listed(registry, "a", "b", at=100.0) == ["a", "b"]
    assert await listed(registry, "a", at=105.0) == ["a", "b"]
    assert await listed(registry, "a", "b", at=110.0) == ["a", "b"]
    assert await listed(registry, "a", at=115.0) == ["a", "b"]
    assert await listed(registry, "a", at=120.0) == ["a"]


async def test_each_page_of_a_listing_has_its_own_time() -> None:
    """The pages of a large broker are spread over 30 s: a rate over the time of the listing would be wrong."""
    registry = QueueRegistry()
    for at in (100.0, 130.0):
        await registry.apply_page("/", [row("a", message_stats={"publish": 12})], at, has_counters=True)
        await registry.apply_page("/", [row("b", message_stats={"publish": 12})], at + 15, has_counters=True)
        registry.note_unlisted("/", {"a", "b"})
    counted = {queue.name: queue.counters.at for queue in registry if queue.counters is not None}
    assert counted == {"a": 130.0, "b": 145.0}


async def test_a_reader_of_a_stream_is_gone_after_two_answers_without_its_offset() -> None:
    registry = QueueRegistry()
    settings = RabbitSettings(name="r", kind=BrokerKind.RABBITMQ, host="h")
    builder = SnapshotBuilder(settings, QueueNames(settings.vhosts))
    await apply_listing(registry, "/", [row("s", type="stream")], 100.0)
    stream = registry.get(("/", "s"))
    assert stream is not None
    gone, groups = [], set()
    for offsets in ({"a": 5, "b": 5}, {"a": 6}, {"a": 6, "b": 7}, {"a": 6}, {"a": 6}, {"a": 6}):
        registry.apply_stored_offsets(stream, offsets)
        snapshot, _ = await builder.build(registry, {"/"}, requested_at=100.0, read_at=100.0)
        gone.append(snapshot.gone_groups)
        groups = set(snapshot.groups)
    assert gone == [frozenset()] * 4 + [frozenset({"s: b"}), frozenset()]
    assert groups == {"s", "s: a"}


async def test_what_is_in_an_unread_virtual_host_stays_until_the_registry_deletes_it() -> None:
    registry = QueueRegistry()
    settings = RabbitSettings(name="r", kind=BrokerKind.RABBITMQ, host="h", vhosts=("/", "v"))
    builder = SnapshotBuilder(settings, QueueNames(settings.vhosts))
    for vhost in settings.vhosts:
        await apply_listing(registry, vhost, [row("q", vhost=vhost)], 100.0)
    gone: list[frozenset[str]] = []
    for at, vhosts in ((100.0, {"/", "v"}), (101.0, {"/"}), (105.0, {"/"}), (112.0, {"/"}), (113.0, {"/"})):
        if "v" not in vhosts:
            registry.note_missing_vhost("v", at)
        snapshot, _ = await builder.build(registry, vhosts, requested_at=at, read_at=at)
        gone.append(snapshot.gone_destinations)
    assert gone == [frozenset()] * 3 + [frozenset({"v/q"}), frozenset()]
    assert registry.missing_vhosts(112.0) == ["v"]
    registry.note_reported("v", 120.0)
    assert registry.missing_vhosts(120.0) == []


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("7D", 604_800.0), ("2M", 5_184_000.0), ("1Y", 31_536_000.0)],
)
async def test_the_age_limit_of_a_stream_has_its_unit(age: str, seconds: float) -> None:
    registry = QueueRegistry()
    rows = [row("s", type="stream", arguments={"x-max-age": age, "x-max-length-bytes": 5000})]
    await apply_listing(registry, "/", rows, 100.0)
    queue = registry.get(("/", "s"))
    assert queue is not None
    retention = destination(queue, "s").retention
    assert retention is not None
    assert (retention.age_s, retention.size_bytes) == (seconds, 5000)


@pytest.mark.parametrize("age", ["", "7", "D", "-7D", "7 D", "1e9D", None])
async def test_an_age_limit_that_is_none_is_unknown(age: object) -> None:
    registry = QueueRegistry()
    rows = [row("s", type="stream", arguments={"x-max-age": age})]
    await apply_listing(registry, "/", rows, 100.0)
    queue = registry.get(("/", "s"))
    assert queue is not None
    retention = destination(queue, "s").retention
    assert retention is not None
    assert retention.age_s is None

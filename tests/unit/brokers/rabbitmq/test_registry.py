"""The registry of queues: counters, deleted queues and settings, from rows as the management API writes them."""

import msgspec
import pytest

from signalbox.brokers.rabbitmq.facts import destination
from signalbox.brokers.rabbitmq.queues import QueueRegistry
from signalbox.brokers.rabbitmq.rows import QueueRow


def row(name: str, **fields: object) -> QueueRow:
    depth = {"messages": 12, "messages_ready": 12, "messages_unacknowledged": 0}
    return msgspec.convert({"name": name, "vhost": "/", **depth, **fields}, QueueRow)


async def listed(registry: QueueRegistry, *names: str, at: float) -> list[str]:
    """Apply a listing; return the queues that are known then."""
    await registry.apply_listing("/", [row(name) for name in names], at, has_counters=True)
    return [queue.name for queue in registry]


async def test_every_way_of_settling_a_message_counts() -> None:
    registry = QueueRegistry()
    stats = {"publish": 100, "ack": 40, "deliver_no_ack": 30, "get_no_ack": 18, "redeliver": 5, "deliver": 900}
    await registry.apply_listing("/", [row("q", message_stats=stats)], 100.0, has_counters=True)
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


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("30s", 30.0), ("5m", 300.0), ("2h", 7200.0), ("7D", 604_800.0), ("2M", 5_184_000.0), ("1Y", 31_536_000.0)],
)
async def test_the_age_limit_of_a_stream_has_its_unit(age: str, seconds: float) -> None:
    registry = QueueRegistry()
    rows = [row("s", type="stream", arguments={"x-max-age": age, "x-max-length-bytes": 5000})]
    await registry.apply_listing("/", rows, 100.0, has_counters=True)
    queue = registry.get(("/", "s"))
    assert queue is not None
    retention = destination(queue, "s").retention
    assert retention is not None
    assert (retention.age_s, retention.size_bytes) == (seconds, 5000)


@pytest.mark.parametrize("age", ["", "7", "D", "-7D", "7 D", "1e9D", None])
async def test_an_age_limit_that_is_none_is_unknown(age: object) -> None:
    registry = QueueRegistry()
    rows = [row("s", type="stream", arguments={"x-max-age": age})]
    await registry.apply_listing("/", rows, 100.0, has_counters=True)
    queue = registry.get(("/", "s"))
    assert queue is not None
    retention = destination(queue, "s").retention
    assert retention is not None
    assert retention.age_s is None

"""The time of the oldest unread message: which times are believed as what, and which partitions are read when."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest

from signalbox.brokers.kafka import time_lag
from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.protocol.fetch import BatchTimes, FetchedPartition
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.time_lag import WORST_PER_GROUP, OldestUnreadReader
from signalbox.brokers.model import OldestUnread
from tests.unit.brokers.kafka.test_offset_table import build_group, create_table, offset_rows, topic

NOW = 1_794_885_160.0
Positions = Mapping[str, Sequence[tuple[int, int]]]
Batch = Callable[[int], BatchTimes | None]


class Leader:
    """A broker that answers each position with a batch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.requested: list[list[int]] = []  # partitions, by request

    async def call(self, _node: int, positions: Positions, _purpose: object) -> list[FetchedPartition]:
        self.requested.append(sorted(partition for rows in positions.values() for partition, _ in rows))
        return [
            FetchedPartition(name, partition, offset, 0, 999, 999, self.batch(offset), offset, transactional=False)
            for name, rows in positions.items()
            for partition, offset in rows
        ]


@pytest.fixture(autouse=True)
def _plain_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_lag, "fetch_batches_request", lambda positions, **_: positions)


def reader_over(leader: Leader, ends: Sequence[int]) -> OldestUnreadReader:
    table = create_table([topic("t", [1 for _ in ends])])
    table.update_ends(offset_rows("t", [(index, 0, end) for index, end in enumerate(ends)]))
    settings = KafkaSettings(name="kafka", bootstrap=("127.0.0.1:1",))
    return OldestUnreadReader(
        ClusterCache(settings=settings, client=cast("Any", leader), clock=lambda: NOW, partitions=table)
    )


async def oldest(times: BatchTimes | None) -> OldestUnread | None:
    """Read the one partition of a group at offset 40."""
    reader = reader_over(Leader(lambda _: times), [90])
    group = build_group(reader.cache.partitions, {"t": [(0, 40)]})
    found = await reader.read([group])
    return found["g"][0] if found else None


def batch(base: int, first_s: float | None, newest_s: float) -> BatchTimes:
    return BatchTimes(base, base + 9, None if first_s is None else int(first_s * 1000), int(newest_s * 1000))


async def test_the_first_message_of_a_batch_is_measured() -> None:
    found = await oldest(batch(40, NOW - 60, NOW - 20))
    assert found is not None
    assert (found.at, found.exact, found.at_least, found.position) == (NOW - 60, True, False, 40)


async def test_inside_a_batch_the_time_is_a_bound_unless_all_its_records_have_it() -> None:
    inside, same = await oldest(batch(35, NOW - 60, NOW - 20)), await oldest(batch(35, NOW - 60, NOW - 60))
    assert inside is not None
    assert same is not None
    assert (inside.at, inside.exact) == (NOW - 60, False)
    assert (same.at, same.exact) == (NOW - 60, True)


@pytest.mark.parametrize("base", [35, 40])
async def test_without_the_first_time_the_newest_one_is_a_bound(base: int) -> None:
    found = await oldest(batch(base, None, NOW - 20))
    assert found is not None
    assert (found.at, found.exact, found.at_least) == (NOW - 20, False, True)


@pytest.mark.parametrize("at", [-0.001, 0.0, 86_400.0, 1_294.8, NOW + 60, NOW * 1000])
async def test_a_time_that_no_clock_can_have_given_is_no_time(at: float) -> None:
    assert await oldest(batch(40, at, at)) is None


async def test_partitions_with_small_lags_take_their_turn_beside_the_worst() -> None:
    leader = Leader(lambda _: batch(0, NOW - 60, NOW - 20))
    reader = reader_over(leader, [1000] * 20)
    read: set[int] = set()
    for sweep in range(4):
        rows = [(index, sweep + (0 if index < WORST_PER_GROUP else 900)) for index in range(20)]  # all move each time
        await reader.read([build_group(reader.cache.partitions, {"t": rows})])
        read |= set(leader.requested[-1])
        assert set(range(WORST_PER_GROUP)) <= set(leader.requested[-1])
    assert read == set(range(20))


async def test_a_position_is_read_once() -> None:
    leader = Leader(lambda _: batch(0, NOW - 60, NOW - 20))
    reader = reader_over(leader, [90, 90])
    group = build_group(reader.cache.partitions, {"t": [(0, 40), (1, 50)]})
    for _ in range(3):
        found = await reader.read([group])
        assert len(found["g"]) == 2
    assert leader.requested == [[0, 1]]

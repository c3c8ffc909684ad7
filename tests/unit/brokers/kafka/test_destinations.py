"""Topics as destinations: sizes, retention and starts, with what a broker did not answer left unknown."""

from signalbox.brokers.kafka.destination_cache import DestinationCache
from signalbox.brokers.kafka.offset_table import OffsetTable
from signalbox.brokers.kafka.protocol.cluster import TopicConfig
from signalbox.brokers.model import UNKNOWN, Destination
from tests.unit.brokers.kafka.test_offset_table import create_table, offset_rows, topic


def destination(table: OffsetTable) -> Destination:
    return DestinationCache().build(table, "t")


def test_a_start_that_a_broker_refused_is_unknown_whatever_offset_comes_with_it() -> None:
    table = create_table([topic("t", [1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 5), (1, 0, 7)]))
    table.update_starts(offset_rows("t", [(0, 0, 2), (1, 29, 0)]))
    found = destination(table)
    assert found.partitions is not None
    assert list(found.partitions.start) == [2, UNKNOWN]
    assert (found.arrived, found.messages) == (12, None)


def test_the_size_is_that_of_one_copy_and_of_all_partitions() -> None:
    table = create_table([topic("t", [1, 2])])
    table.update_sizes(1, [("t", [(0, 100), (1, 999)])])  # the second is a follower
    assert destination(table).size_bytes is None
    table.update_sizes(2, [("t", [(0, 888), (1, 30)])])
    found = destination(table)
    assert found.size_bytes == 130
    assert found.partitions is not None
    assert found.partitions.size_bytes is not None
    assert list(found.partitions.size_bytes) == [100, 30]


def test_the_limit_of_bytes_holds_for_each_partition_and_minus_one_is_no_limit() -> None:
    table = create_table([topic("t", [1, 1, 1])])
    values = {"cleanup.policy": "delete", "retention.bytes": "1000", "retention.ms": "-1"}
    table.update_configs([TopicConfig(topic="t", error=0, values=values)])
    retention = destination(table).retention
    assert retention is not None
    assert (retention.size_bytes, retention.age_s, retention.policy) == (3000, None, "delete")


def test_a_compacted_topic_deletes_nothing_by_age() -> None:
    table = create_table([topic("t", [1])])
    values = {"cleanup.policy": "compact", "retention.bytes": "1000", "retention.ms": "60000"}
    table.update_configs([TopicConfig(topic="t", error=0, values=values)])
    retention = destination(table).retention
    assert retention is not None
    assert (retention.size_bytes, retention.age_s) == (None, None)

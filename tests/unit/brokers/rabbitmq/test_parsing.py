"""Parsing of RabbitMQ's answers (every escape, truncated, huge, hostile), queue names, and doubtful depths."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode

from signalbox.brokers.errors import InvalidName
from signalbox.brokers.rabbitmq import pamqp_patches, prometheus, rows
from signalbox.brokers.rabbitmq.facts import destination, groups
from signalbox.brokers.rabbitmq.limits import dead_letters_to
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import DISTRUST_S, Depth, Queue

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


def escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def coarse(vhost: str, queue: str, *counts: object) -> str:
    labels = f'vhost="{escape(vhost)}",queue="{escape(queue)}"'
    names = (prometheus.READY, prometheus.UNACKED, prometheus.TOTAL)
    return "".join(f"{name}{labels}}} {count}\n" for name, count in zip(names, counts, strict=True))


@given(vhost=NAMES, queue=NAMES, counts=st.tuples(*[st.integers(0, 2**40)] * 3))
async def test_every_name_survives_parsing(vhost: str, queue: str, counts: tuple[int, int, int]) -> None:
    depths, invalid = await prometheus.parse_coarse("# HELP x\n" + coarse(vhost, queue, *counts[:2], sum(counts)))
    assert (depths, invalid) == ({(vhost, queue): counts}, 0)


async def test_a_name_may_look_like_a_sample() -> None:
    name = 'x"} 99\nrabbitmq_detailed_queue_messages_ready{vhost="/",queue="orders'
    depths, _ = await prometheus.parse_coarse(coarse("/", name, 1, 2, 3) + coarse("/", "orders", 3, 4, 9))
    assert depths == {("/", name): (1, 2, 0), ("/", "orders"): (3, 4, 2)}


async def test_a_truncated_answer_leaves_its_last_queue_out() -> None:
    whole = coarse("/", "whole", 5, 6, 11)
    text = whole + coarse("/", "half", 7, 8, 9)
    for end in range(len(whole), len(text) - 2):
        depths, _ = await prometheus.parse_coarse(text[:end])
        assert depths == {("/", "whole"): (5, 6, 0)}


@pytest.mark.parametrize("value", ["", "NaN", "-1", "1e400", "+Inf", "x", "9" * 500])
async def test_a_value_that_is_no_count_is_invalid(value: str) -> None:
    depths, invalid = await prometheus.parse_coarse(coarse("/", "q", value, 1, 2))
    assert (depths, invalid) == ({}, 1)


async def test_an_invalid_row_loses_only_itself() -> None:
    body = b'[{"name":"a","vhost":"/"},{"name":7},[],"x",{"name":"b","vhost":"/","messages":"undefined"}]'
    queue_rows, invalid = await rows.queue_rows(body)
    assert ([row.name for row in queue_rows], invalid) == (["a", "b"], 3)
    assert rows.count(queue_rows[1].messages) is None


@pytest.mark.parametrize("value", [True, -1, 1.5, "7", None, 2**63, [], "undefined"])
def test_only_a_non_negative_integer_is_a_count(value: object) -> None:
    assert rows.count(value) is None


def test_strings_and_tables_that_are_not_utf_8_are_decoded() -> None:
    pamqp_patches.relax_pamqp()
    assert decode.by_type(b"\x03a\xffb", "shortstr") == (4, "a\ufffdb")
    inner = b"\x01\xffS" + struct.pack(">I", 1) + b"x"
    table = struct.pack(">I", len(inner)) + inner
    assert decode.by_type(table, "table") == (len(table), {"\ufffd": "x"})
    for cut in range(4):
        with pytest.raises(ValueError, match="table"):
            decode.by_type(table[:cut], "table")


@given(vhosts=st.lists(NAMES, min_size=2, max_size=4, unique=True), queue=NAMES)
def test_names_of_several_virtual_hosts_are_unique_and_parse_back(vhosts: list[str], queue: str) -> None:
    names = QueueNames(vhosts)
    qualified = [names.qualified(vhost, queue) for vhost in vhosts]
    assert len(set(qualified)) == len(vhosts)
    assert [names.parse(name) for name in qualified] == [(vhost, queue) for vhost in vhosts]


@pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, "a\nb", "\ud800", "amq.gen-1"])
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        QueueNames(["/"]).resolve("c", name, new=True)


@pytest.fixture
def queue() -> Queue:
    queue = Queue("/", "q", kind="quorum")
    queue.report_depth(Depth(10, 5), 100.0, node="a")
    return queue


def test_a_zero_after_the_leader_moved_is_not_believed_until_it_is_repeated(queue: Queue) -> None:
    for at in (105.0, 105.0 + DISTRUST_S - 1):
        queue.report_depth(Depth(0, 0), at, node="b")
        assert (queue.depth, queue.unconfirmed) == (Depth(10, 5), True)
    queue.report_depth(Depth(0, 0), 105.0 + DISTRUST_S, node="b")
    assert (queue.depth, queue.unconfirmed) == (Depth(0, 0), False)


def test_a_zero_without_a_failover_is_believed_at_once(queue: Queue) -> None:
    queue.report_depth(Depth(0, 0), 101.0, node="a")
    assert (queue.depth, queue.unconfirmed) == (Depth(0, 0), False)


def test_an_absence_is_believed_when_it_is_repeated(queue: Queue) -> None:
    queue.report_depth(None, 105.0)
    assert (queue.depth, queue.unconfirmed) == (Depth(10, 5), True)
    assert "not confirmed" in groups(queue, "q")[0].notes[0]
    queue.report_depth(None, 110.0)
    assert (queue.depth, queue.unconfirmed) == (None, False)


def test_a_zero_from_a_new_leader_is_not_believed_after_an_absence(queue: Queue) -> None:
    queue.report_depth(None, 105.0)
    queue.report_depth(None, 110.0)
    assert queue.depth is None
    queue.report_depth(Depth(0, 0), 115.0, node="b")
    assert queue.depth is None, "unknown, not empty"
    queue.report_depth(Depth(15, 0), 120.0, node="b")
    assert queue.depth == Depth(15, 0)


def test_the_dead_letter_target_comes_from_exchange_and_routing_key() -> None:
    assert dead_letters_to({}) is None
    assert dead_letters_to({"dead-letter-exchange": "", "dead-letter-routing-key": "dlq"}) == "dlq"
    assert dead_letters_to({"dead-letter-exchange": "dlx"}) == "exchange dlx"
    assert dead_letters_to({"dead-letter-exchange": 7}) is None


def test_a_queue_without_a_leader_is_unhealthy() -> None:
    queue = Queue("/", "q", kind="quorum", state="minority")
    assert destination(queue, "q").healthy is False
    assert groups(queue, "q")[0].lag is None

"""RabbitMQ's answers taken apart: labels with every escape, cut off, huge, hostile; names; what is believed of a 0."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode

from signalbox.brokers.errors import InvalidName
from signalbox.brokers.rabbitmq import prometheus, rows, wire
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import HOLD_S, Figures, Queue
from signalbox.brokers.rabbitmq.view import dead_letters_to, destination, groups

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


def escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def coarse(vhost: str, queue: str, ready: object, unacked: object) -> str:
    labels = f'vhost="{escaped(vhost)}",queue="{escaped(queue)}"'
    return f"{prometheus.READY}{labels}}} {ready}\n{prometheus.UNACKED}{labels}}} {unacked}\n"


@given(vhost=NAMES, queue=NAMES, ready=st.integers(0, 2**40), unacked=st.integers(0, 2**40))
async def test_every_name_comes_back(vhost: str, queue: str, ready: int, unacked: int) -> None:
    found, broken = await prometheus.parse_coarse("# HELP x\n" + coarse(vhost, queue, ready, unacked))
    assert (found, broken) == ({(vhost, queue): (ready, unacked)}, 0)


async def test_a_name_that_looks_like_a_sample() -> None:
    name = 'x"} 99\nrabbitmq_detailed_queue_messages_ready{vhost="/",queue="orders'
    found, _ = await prometheus.parse_coarse(coarse("/", name, 1, 2) + coarse("/", "orders", 3, 4))
    assert found == {("/", name): (1, 2), ("/", "orders"): (3, 4)}


async def test_what_was_cut_off_is_left_out() -> None:
    text = coarse("/", "whole", 5, 6) + coarse("/", "half", 7, 8)
    for end in range(len(coarse("/", "whole", 5, 6)), len(text) - 2):
        found, _ = await prometheus.parse_coarse(text[:end])
        assert found == {("/", "whole"): (5, 6)}


@pytest.mark.parametrize("value", ["", "NaN", "-1", "1e400", "+Inf", "x", "9" * 500])
async def test_a_value_that_is_no_count_is_broken(value: str) -> None:
    found, broken = await prometheus.parse_coarse(coarse("/", "q", value, 1))
    assert (found, broken) == ({}, 1)


async def test_a_broken_row_costs_itself_alone() -> None:
    body = b'[{"name":"a","vhost":"/"},{"name":7},[],"x",{"name":"b","vhost":"/","messages":"undefined"}]'
    found, broken = await rows.queue_rows(body)
    assert ([row.name for row in found], broken) == (["a", "b"], 3)
    assert rows.count(found[1].messages) is None


@pytest.mark.parametrize("value", [True, -1, 1.5, "7", None, 2**63, [], "undefined"])
def test_what_is_no_count_is_unknown(value: object) -> None:
    assert rows.count(value) is None


def test_short_strings_and_tables_that_are_no_text_are_read() -> None:
    wire.widen()
    assert decode.by_type(b"\x03a\xffb", "shortstr") == (4, "a\ufffdb")
    inner = b"\x01\xffS" + struct.pack(">I", 1) + b"x"
    table = struct.pack(">I", len(inner)) + inner
    assert decode.by_type(table, "table") == (len(table), {"\ufffd": "x"})
    for cut in range(4):
        with pytest.raises(ValueError, match="table"):
            decode.by_type(table[:cut], "table")


@given(vhosts=st.lists(NAMES, min_size=2, max_size=4, unique=True), queue=NAMES)
def test_names_of_several_virtual_hosts_are_unique_and_come_apart(vhosts: list[str], queue: str) -> None:
    names = QueueNames(vhosts)
    shown = [names.shown(vhost, queue) for vhost in vhosts]
    assert len(set(shown)) == len(vhosts)
    assert [names.parse(name) for name in shown] == [(vhost, queue) for vhost in vhosts]


@pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, "a\nb", "\ud800", "amq.gen-1"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InvalidName):
        QueueNames(["/"]).checked("c", name, new=True)


def test_a_zero_after_the_leader_moved_is_not_believed_until_it_is_said_again() -> None:
    queue = Queue("/", "q")
    queue.offer(Figures(10, 5), 100.0, place="a")
    queue.offer(Figures(0, 0), 105.0, place="b")
    assert (queue.figures, queue.held) == (Figures(10, 5), True)
    queue.offer(Figures(0, 0), 105.0 + HOLD_S - 1, place="b")
    assert (queue.figures, queue.held) == (Figures(10, 5), True)
    queue.offer(Figures(0, 0), 105.0 + HOLD_S, place="b")
    assert (queue.figures, queue.held) == (Figures(0, 0), False)


def test_a_zero_without_a_change_is_believed_at_once() -> None:
    queue = Queue("/", "q")
    queue.offer(Figures(10, 5), 100.0, place="a")
    queue.offer(Figures(0, 0), 101.0, place="a")
    assert (queue.figures, queue.held) == (Figures(0, 0), False)


def test_an_absence_is_believed_when_it_is_said_again() -> None:
    queue = Queue("/", "q")
    queue.offer(Figures(10, 5), 100.0, place="a")
    queue.offer(None, 105.0)
    assert (queue.figures, queue.held) == (Figures(10, 5), True)
    assert "kept" in groups(queue, "q")[0].notes[0]
    queue.offer(None, 110.0)
    assert (queue.figures, queue.held) == (None, False)


def test_a_zero_of_a_new_leader_is_not_believed_though_the_queue_was_away_before() -> None:
    queue = Queue("/", "orders", kind="quorum")
    queue.offer(Figures(10, 5), 100.0, place="a")
    queue.offer(None, 105.0)
    queue.offer(None, 110.0)
    assert queue.figures is None
    queue.offer(Figures(0, 0), 115.0, place="b")
    assert queue.figures is None, "unknown, not empty"
    queue.offer(Figures(15, 0), 120.0, place="b")
    assert queue.figures == Figures(15, 0)


def test_dead_letters() -> None:
    assert dead_letters_to({}) is None
    assert dead_letters_to({"dead-letter-exchange": "", "dead-letter-routing-key": "dlq"}) == "dlq"
    assert dead_letters_to({"dead-letter-exchange": "dlx"}) == "exchange dlx"
    assert dead_letters_to({"dead-letter-exchange": 7}) is None


def test_a_queue_without_a_leader_asks_for_a_person() -> None:
    queue = Queue("/", "q", kind="quorum", state="minority")
    assert destination(queue, "q").healthy is False
    assert groups(queue, "q")[0].lag is None

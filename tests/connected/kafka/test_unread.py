"""What is unread, since when, and what was lost: logs without messages, with transactions, deleted, or with wrong times."""

import html
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import UNKNOWN, Group, GroupState, OldestUnread, Snapshot, Why
from tests.connected.kafka.programs import running_java
from tests.support.commands import run_here
from tests.support.kafka import KafkaClient, KafkaMember, KafkaUnderTest, connected, figures
from tests.support.kafka_states import BUSY_PARTITIONS, DAY_S, FAR_OFFSET, MARKED_PARTITIONS, Seeder
from tests.support.serving import serving
from tests.support.tables import connection
from tests.support.waiting import eventually

SHARE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"


@dataclass(frozen=True, slots=True)
class States:
    """The first sweep of a new connection over all seeded states."""

    broker: KafkaBroker
    first: Snapshot

    def group(self, name: str) -> Group:
        return self.first.groups[name]

    def lags(self, name: str) -> Mapping[int, int]:
        positions = self.group(name).positions
        return dict(zip(positions.partition, positions.lag, strict=True))

    def deleted(self, name: str) -> Mapping[int, int]:
        positions = self.group(name).positions
        assert positions.deleted is not None
        return dict(zip(positions.partition, positions.deleted, strict=True))


@pytest.fixture(scope="module")
async def states(kafka: KafkaUnderTest) -> AsyncIterator[States]:
    client = KafkaClient(kafka.bootstrap)
    seeder = Seeder(client, kafka.bootstrap)
    await client.create("empty-keyed", 3)
    await client.commit("empty-first-readers", {("empty-keyed", 0): 0})
    await client.produce("empty-keyed", 0, 20)
    share = ("--bootstrap-server", kafka.bootstrap, "--topic", "empty-keyed-retry", "--group", "empty-share")
    async with AsyncExitStack() as stack:
        await client.create("empty-keyed-retry", 2)
        await stack.enter_async_context(running_java(kafka.server.jars, SHARE_CONSUMER, *share))
        classic = KafkaMember(kafka.bootstrap, "empty-classic").subscribe("empty-keyed", "empty-keyed-retry")
        newer = KafkaMember(kafka.bootstrap, "empty-regex", group_protocol="consumer").subscribe("^empty-keyed.*")
        elsewhere = KafkaMember(kafka.bootstrap, "unheld-readers").subscribe("empty-keyed")
        for member in (classic, newer, elsewhere):
            await stack.enter_async_context(member)
        await client.create("unheld")
        await client.produce("unheld", 0, 5)
        await seeder.seed()
        await elsewhere.commit("unheld", 0, 2)  # the group once read this topic
        broker = await stack.enter_async_context(connected(kafka.bootstrap))
        for member in (classic, newer, elsewhere):
            await member.commit("empty-keyed", 0, 20)

        async def joined() -> None:
            groups = (await broker.sweep()).groups
            for name in ("empty-classic", "empty-regex", "empty-share"):
                members = groups[name].members if name in groups else None
                assert members
                assert any("empty-keyed-retry" in (member.assigned or ()) for member in members)

        await eventually(joined, within_s=40)
        new = await stack.enter_async_context(connected(kafka.bootstrap))
        yield States(new, await new.sweep())


async def oldest(states: States, group: str) -> list[OldestUnread]:
    return list((await states.broker.oldest_unread([group])).get(group, ()))


@pytest.mark.parametrize("name", ["empty-classic", "empty-regex", "empty-share"])
async def test_nothing_is_unread_on_empty_partitions_whatever_was_committed(states: States, name: str) -> None:
    group = states.group(name)
    assert group.state is GroupState.ACTIVE
    assert set(states.lags(name).values()) == {0}
    assert {group.positions.row_why(row) for row in range(len(group.positions))} == {Why.KNOWN}
    assert (group.lag, group.lag_partial) == (0, False)
    assert len(group.positions) == (2 if name == "empty-share" else 5)


@pytest.mark.parametrize(("name", "age_s"), [("append", 0.0), ("old", 3 * DAY_S)])
async def test_the_time_of_a_record_is_found_in_its_batch(states: States, name: str, age_s: float) -> None:
    (unread,) = await oldest(states, f"time-{name}-readers")
    assert time.time() - unread.at == pytest.approx(age_s, abs=120)
    assert (unread.exact, unread.at_least, unread.position) == (True, False, 0)


async def test_a_cleaned_batch_tells_only_that_no_record_is_newer(
    kafka: KafkaUnderTest, kafka_client: KafkaClient, states: States
) -> None:
    async def is_bound() -> OldestUnread:
        await kafka_client.produce("time-cleaned", 0, 1)  # begins a segment, so that the one before can be cleaned
        async with connected(kafka.bootstrap) as broker:
            await broker.sweep()
            (unread,) = (await broker.oldest_unread(["time-cleaned-readers"]))["time-cleaned-readers"]
        assert unread.at_least
        return unread

    unread = await eventually(is_bound, within_s=40, every_s=0.3)
    assert time.time() - unread.at == pytest.approx(3 * 3600, abs=120)
    assert not unread.exact


@pytest.mark.parametrize("name", ["seconds", "one", "micro", "ahead", "none"])
async def test_a_time_that_no_clock_gave_is_not_measured(states: States, name: str) -> None:
    assert states.group(f"time-{name}-readers").lag == 5 - 4 * (name == "none")
    assert await oldest(states, f"time-{name}-readers") == []


async def test_only_transaction_markers_are_no_lag_at_once_on_all_partitions(states: States) -> None:
    assert states.lags("tx-markers-readers") == dict.fromkeys(range(MARKED_PARTITIONS), 0)
    group = states.group("tx-markers-readers")
    assert (group.lag, group.lag_partial, group.lag_at_most) == (0, False, False)


async def test_aborted_messages_are_no_lag_whatever_their_size(states: States) -> None:
    assert states.lags("tx-aborted-readers") == {0: 0, 1: 0, 2: 0}


async def test_a_count_with_transaction_markers_is_a_maximum(states: States) -> None:
    group = states.group("tx-behind-readers")
    assert (group.lag, group.lag_at_most) == (2, True)  # one message and its marker, after the marker at the commit
    assert group.positions.first_unread is not None
    assert list(group.positions.first_unread) == [2]
    assert any("at most" in note for note in group.notes)


async def test_a_marker_before_an_open_transaction_does_not_hide_it(states: States) -> None:
    positions = states.group("tx-open-readers").positions
    assert positions.stable is not None
    assert (list(positions.settled), list(positions.arrived), list(positions.stable)) == ([1], [3], [1])


async def test_messages_that_were_all_deleted_unread_are_lost_and_not_lag(states: States) -> None:
    assert (states.lags("lost-all-readers"), states.deleted("lost-all-readers")) == ({0: 0}, {0: 90})
    assert (states.lags("lost-part-readers"), states.deleted("lost-part-readers")) == ({0: 40}, {0: 50})
    assert states.lags("emptied-readers") == {0: 0}
    assert states.group("emptied-readers").positions.deleted is None or states.deleted("emptied-readers") == {0: 0}


async def test_a_deleted_transaction_marker_is_no_lost_message(states: States) -> None:
    assert states.lags("lost-marker-readers") == {0: 0, 1: 0}
    assert states.deleted("lost-marker-readers") == {0: 0, 1: 3}


async def test_offsets_past_the_end_are_unknown(states: States) -> None:
    group = states.group("far-readers")
    rows = {partition: row for (_, partition), row in figures(group).items()}
    assert rows[0] == (FAR_OFFSET, 5, UNKNOWN, Why.BEYOND_END)
    assert rows[1] == (2, 5, 3, Why.KNOWN)
    assert rows[2] == (2**53 + 1, 5, UNKNOWN, Why.BEYOND_END)
    assert (group.lag, group.lag_partial) == (3, True)


async def test_partitions_with_small_lag_take_their_turn(states: States) -> None:
    quiet = BUSY_PARTITIONS - 1

    unread: dict[int, OldestUnread] = {}
    for _ in range(2):
        unread = {row.partition: row for row in await oldest(states, "busy-readers")}
    assert set(unread) == set(range(BUSY_PARTITIONS))
    assert time.time() - unread[quiet].at == pytest.approx(3 * DAY_S, abs=120)


async def test_page_api_metrics_and_command_say_the_same(states: States, kafka: KafkaUnderTest, tmp_path: Path) -> None:
    names = ("tx-markers-readers", "tx-behind-readers", "lost-all-readers", "far-readers", "unheld-readers")
    async with serving(tmp_path, connection("k", "kafka", bootstrap=[kafka.bootstrap])) as served:
        async with httpx.AsyncClient(base_url=served.url) as client:

            async def are_read() -> list[Mapping[str, Any]]:
                answers = [await client.get(f"/api/v1/groups/k/{name}") for name in names]
                assert [answer.status_code for answer in answers] == [200] * len(names)
                return [answer.json() for answer in answers]

            markers, behind, lost, far, unheld = await eventually(are_read, within_s=30)
            pages = {name: _text((await client.get(f"/groups/k/{name}")).text) for name in names}
            metrics = (await client.get("/metrics")).text
        ran = await run_here("lag", "--json", "--group", "tx-*-readers", folder=tmp_path)
        printed = await run_here("lag", "--group", "tx-behind-*", folder=tmp_path)
    commanded = {row["group"]: (row["lag"], row["lag_at_most"]) for row in json.loads(ran.out)["groups"]}
    assert (markers["flow"]["lag"], behind["flow"]["lag"], far["flow"]["lag"]) == (0, 2, 3)
    assert (markers["flow"]["lag_at_most"], behind["flow"]["lag_at_most"]) == (False, True)
    assert (commanded["tx-markers-readers"], commanded["tx-behind-readers"]) == ((0, False), (2, True))
    assert 'signalbox_group_lag_messages{connection="k",group="tx-markers-readers"} 0' in metrics
    assert 'signalbox_group_lag_at_most{connection="k",group="tx-behind-readers"} 1' in metrics
    assert "At most 2 messages are waiting" in behind["verdict"]["sentence"]
    assert "At most 2 messages are waiting" in pages["tx-behind-readers"]
    assert "at most 2" in printed.out
    for told in (lost["verdict"]["sentence"], pages["lost-all-readers"]):
        assert "Lost data: up to 90 unread messages have been deleted." in told
    for told in (unheld["verdict"]["sentence"], pages["unheld-readers"]):
        assert "No member is assigned to unheld" in told
        assert "3 messages are waiting there." in told
    assert far["flow"]["time_lag"] is None or far["flow"]["time_lag"]["method"] == "at least"
    assert "stalled" not in pages["tx-markers-readers"]


def _text(page: str) -> str:
    """Return the text of a page, without tags."""
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return re.sub(r" ([.,:])", r"\1", words)

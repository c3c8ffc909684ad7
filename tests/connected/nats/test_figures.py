"""The adapter's figures equal JetStream's own consumer info, with nonzero and distinct values, on a real server."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from nats.aio.client import Client

from signalbox.brokers.model import Group, GroupState, Why
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsServer
from tests.support.nats import api, durable, nats_settings, opened, stream
from tests.support.waiting import eventually


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


@pytest.fixture
async def broker(nats_broker: NatsServer) -> AsyncIterator[NatsBroker]:
    async with opened(nats_settings(nats_broker)) as broker:
        yield broker


async def fill(oracle: Client, name: str, **counts: int) -> None:
    """Publish messages to subjects of the stream in turn: `red=3` publishes three to "<name>.red"."""
    js = oracle.jetstream()
    for number in range(max(counts.values())):
        for subject, count in counts.items():
            if number < count:
                await js.publish(f"{name}.{subject}", b"%d" % number)


async def fetch(oracle: Client, name: str, consumer: str, count: int, *, ack: int) -> None:
    """Fetch `count` messages and acknowledge the first `ack` of them."""
    subscription = await oracle.jetstream().pull_subscribe_bind(consumer, name)
    messages = await subscription.fetch(count, timeout=5)
    assert len(messages) == count
    for message in messages[:ack]:
        await message.ack_sync()
    await subscription.unsubscribe()


async def read_group(broker: NatsBroker, name: str, consumer: str = "reader") -> Group:
    snapshot = await broker.sweep()
    assert not snapshot.faults
    return snapshot.groups[f"{name}/{consumer}"]


async def test_figures_equal_consumer_info(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "all")
    await durable(oracle, name, "red", filter_subject=f"{name}.red")
    await fill(oracle, name, red=13, blue=7)
    await fetch(oracle, name, "all", 9, ack=4)
    await fetch(oracle, name, "red", 5, ack=2)
    snapshot = await broker.sweep()
    watched = await broker.watch([f"{name}/all", f"{name}/red"])
    for consumer, figures in {"all": (11, 5, 16, 4, 20), "red": (8, 3, 11, 2, 13)}.items():
        info = await oracle.jetstream().consumer_info(name, consumer)
        for group in (snapshot.groups[f"{name}/{consumer}"], watched.groups[f"{name}/{consumer}"]):
            assert (group.waiting, group.in_flight) == (info.num_pending, info.num_ack_pending)
            position = group.positions
            actual = (group.waiting, group.in_flight, group.lag, position.settled[0], position.arrived[0])
            assert actual == figures
    destination = snapshot.destinations[name]
    assert destination.partitions is not None
    partitions = destination.partitions
    assert (destination.messages, destination.arrived, partitions.end[0], partitions.start[0]) == (20, 20, 20, 0)


async def test_lag_is_exact_after_deletes_and_a_purge(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    await fill(oracle, name, red=30)
    await fetch(oracle, name, "reader", 12, ack=9)
    await api(oracle, f"STREAM.MSG.DELETE.{name}", seq=25)
    await api(oracle, f"STREAM.PURGE.{name}", seq=15)
    group = await read_group(broker, name)
    destination = (await broker.sweep()).destinations[name]
    info = await oracle.jetstream().consumer_info(name, "reader")
    assert (group.lag, group.in_flight) == (15, 0)
    assert group.lag == (info.num_pending or 0) + (info.num_ack_pending or 0)
    assert (destination.messages, destination.arrived) == (15, 30)


async def test_counters_of_an_idle_consumer_do_not_move(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "all")
    await durable(oracle, name, "red", filter_subject=f"{name}.red")
    await fill(oracle, name, red=6, blue=5)
    await fetch(oracle, name, "all", 4, ack=3)
    await fetch(oracle, name, "red", 4, ack=2)
    before = {c: (await read_group(broker, name, c)).positions.settled[0] for c in ("all", "red")}
    await fill(oracle, name, red=2, blue=9)
    after = {c: await read_group(broker, name, c) for c in ("all", "red")}
    assert before == {"all": 3, "red": 2}
    assert {c: group.positions.settled[0] for c, group in after.items()} == before
    assert {c: group.lag for c, group in after.items()} == {"all": 19, "red": 6}


async def test_a_redelivery_does_not_count_as_settled(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "all")
    await durable(oracle, name, "red", filter_subject=f"{name}.red")
    await fill(oracle, name, red=5)
    for consumer in ("all", "red"):
        subscription = await oracle.jetstream().pull_subscribe_bind(consumer, name)
        (message,) = await subscription.fetch(1, timeout=5)
        before = await read_group(broker, name, consumer)
        for _ in range(4):
            await oracle.request(message.reply, b"-NAK", timeout=5)
            (message,) = await subscription.fetch(1, timeout=5)
        after = await read_group(broker, name, consumer)
        assert after.redelivered == 1
        assert (before.positions.settled[0], after.positions.settled[0]) == (0, 0)
        assert (after.lag, after.in_flight, after.positions.arrived[0]) == (5, 1, 5)


async def test_messages_lost_to_retention_are_below_start(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name, max_msgs=10)
    await durable(oracle, name, "reader")
    await fill(oracle, name, red=4)
    await fetch(oracle, name, "reader", 3, ack=3)
    await fill(oracle, name, red=21)
    group = await read_group(broker, name)
    assert group.positions.start is not None
    assert (group.lag, group.positions.settled[0], group.positions.start[0]) == (10, 3, 15)  # 12 are lost


async def test_states_of_a_consumer(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "idle")
    await durable(oracle, name, "paused", pause_until="2099-01-01T00:00:00Z")
    await durable(oracle, name, "full", max_ack_pending=3)
    await durable(oracle, name, "unbound", deliver_subject=f"to.{name}")
    await fill(oracle, name, red=5)
    await fetch(oracle, name, "full", 3, ack=0)
    groups = {c: await read_group(broker, name, c) for c in ("idle", "paused", "full", "unbound")}
    assert groups["idle"].state is GroupState.EMPTY
    assert groups["paused"].state is GroupState.PAUSED
    assert groups["paused"].state_text == "paused until 2099-01-01 00:00 UTC"
    assert "max ack pending" in groups["full"].state_text
    assert groups["full"].in_flight == 3
    assert (groups["unbound"].state, groups["unbound"].kind) == (GroupState.EMPTY, "push consumer")
    subscription = await oracle.jetstream().pull_subscribe_bind("idle", name)
    await subscription.fetch(5, timeout=5)
    assert (await read_group(broker, name, "idle")).state is GroupState.ACTIVE  # it processes its messages
    subscription_to_push = await oracle.subscribe(f"to.{name}")
    await oracle.flush()

    async def bound() -> None:
        assert (await read_group(broker, name, "unbound")).state is GroupState.ACTIVE

    await eventually(bound)
    await subscription_to_push.unsubscribe()


async def test_a_note_mentions_abandoned_messages(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader", max_deliver=1, ack_wait=200_000_000)
    await fill(oracle, name, red=4)
    await fetch(oracle, name, "reader", 3, ack=0)

    async def abandoned() -> None:
        group = await read_group(broker, name)
        assert (group.lag, group.in_flight, group.positions.settled[0]) == (1, 0, 3)
        assert any("1 deliveries" in note for note in group.notes)

    await eventually(abandoned)


async def test_workqueue_and_interest_streams(broker: NatsBroker, oracle: Client, name: str) -> None:
    for policy, remaining in (("workqueue", 4), ("interest", 4)):
        stream_name = f"{name}-{policy}"
        await stream(oracle, stream_name, retention=policy)
        await durable(oracle, stream_name, "reader")
        await fill(oracle, stream_name, red=7)
        await fetch(oracle, stream_name, "reader", 3, ack=3)
        snapshot = await broker.sweep()
        destination, group = snapshot.destinations[stream_name], snapshot.groups[f"{stream_name}/reader"]
        assert destination.retention is not None
        assert (destination.retention.policy, destination.messages, destination.arrived) == (policy, remaining, 7)
        assert (group.lag, group.positions.settled[0]) == (4, 3)
        assert group.positions.start is not None
        assert group.positions.start[0] <= group.positions.settled[0]  # nothing is lost


async def test_the_oldest_unread_message(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    for consumer, config in (("all", {}), ("blue", {"filter_subject": f"{name}.blue"}), ("done", {})):
        await durable(oracle, name, consumer, **config)
    await fill(oracle, name, red=6)
    await fetch(oracle, name, "all", 2, ack=2)
    await fetch(oracle, name, "done", 6, ack=6)
    groups = [f"{name}/{consumer}" for consumer in ("all", "blue", "done")]
    await broker.sweep()
    before = await broker.oldest_unread(groups)
    assert set(before) == {f"{name}/all"}
    (third,) = before[f"{name}/all"]
    stored = await api(oracle, f"STREAM.MSG.GET.{name}", seq=3)
    assert third.exact
    assert third.at == datetime.fromisoformat(stored["message"]["time"]).timestamp()
    await fill(oracle, name, blue=1)
    await fetch(oracle, name, "all", 2, ack=1)
    await broker.watch(groups)
    after = await broker.oldest_unread(groups)
    assert set(after) == set(groups)
    assert after[f"{name}/all"][0].at > third.at
    assert not after[f"{name}/all"][0].exact  # with a message in flight the time is an upper bound
    assert after[f"{name}/blue"][0].at > after[f"{name}/all"][0].at


async def test_a_recreated_stream_has_another_identity(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    await fill(oracle, name, red=3)
    before = (await broker.sweep()).destinations[name]
    await api(oracle, f"STREAM.DELETE.{name}")
    gone = await broker.sweep()
    assert (gone.gone_destinations, gone.gone_groups) == (frozenset({name}), frozenset({f"{name}/reader"}))
    assert name not in gone.destinations
    await stream(oracle, name)
    after = (await broker.sweep()).destinations[name]
    assert before.identity != after.identity
    assert (before.arrived, after.arrived) == (3, 0)


async def test_a_consumer_deleted_while_watched_is_gone(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    await durable(oracle, name, "other")
    await broker.sweep()
    await api(oracle, f"CONSUMER.DELETE.{name}.reader")
    watched = await broker.watch([f"{name}/reader", f"{name}/other"])
    assert set(watched.groups) == {f"{name}/other"}
    assert watched.gone_groups == frozenset({f"{name}/reader"})
    assert not watched.faults
    assert not (await broker.watch([f"{name}/reader"])).groups


async def test_account_limits_and_server_are_reported(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    cluster = (await broker.sweep()).cluster
    account = await api(oracle, "INFO")
    assert cluster is not None
    assert (cluster.product, cluster.offline, cluster.under_replicated) == ("NATS", 0, 0)
    assert cluster.version == str(oracle._server_info["version"])
    limits = {limit.name: (limit.used, limit.maximum) for limit in cluster.limits}
    assert limits["streams"] == (account["streams"], None)
    assert account["streams"] > 0
    assert cluster.nodes is not None
    assert [node.running for node in cluster.nodes] == [True]


async def test_a_group_without_lag_is_known(broker: NatsBroker, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    group = await read_group(broker, name)
    assert (group.lag, group.why, group.positions.row_why(0)) == (0, Why.KNOWN, Why.KNOWN)

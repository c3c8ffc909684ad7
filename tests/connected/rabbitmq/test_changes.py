"""Queues and virtual hosts that are declared again, deleted or taken by one connection, on both versions."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import Message, Snapshot
from signalbox.brokers.rabbitmq import queues
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.rabbitmq import (
    FIGURES_WITHIN_S,
    cluster_of,
    fill,
    management,
    opened,
    oracle,
    permit,
    rabbit_settings,
    unused,
)
from tests.support.waiting import eventually


@pytest.fixture
async def broker(rabbit: RabbitServer) -> AsyncIterator[RabbitBroker]:
    async with opened(rabbit_settings(rabbit.address())) as broker:
        yield broker


async def test_a_queue_that_is_declared_again_has_its_new_settings_at_once(
    rabbit: RabbitServer, broker: RabbitBroker
) -> None:
    """A classic queue without its arguments, and a quorum queue that is classic now, by the next sweep."""
    limited, replicated = unused("limited"), unused("replicated")
    arguments = {"x-max-length": "10", "x-message-ttl": "60000", "x-dead-letter-exchange": ""}
    await fill(broker, limited, 3, {**arguments, "x-dead-letter-routing-key": "dead"})
    await fill(broker, replicated, 3, {"x-queue-type": "quorum"})

    async def listed() -> Snapshot:
        snapshot = await broker.sweep()
        assert snapshot.destinations[limited].dead_letters_to == "dead"
        assert snapshot.destinations[replicated].settings["replicas"] == "node1@localhost"
        return snapshot

    before = await eventually(listed, within_s=FIGURES_WITHIN_S)
    async with oracle(rabbit) as channel:
        for name in (limited, replicated):
            await channel.queue_delete(name)
            await channel.declare_queue(name, durable=True)
    await broker.publish(limited, Message(body=b"new"))
    after = await broker.sweep()
    for name in (limited, replicated):
        destination, group = after.destinations[name], after.groups[name]
        assert destination.kind == "classic queue"
        assert destination.retention is not None
        assert (destination.retention.messages, destination.retention.age_s) == (None, None)
        assert destination.dead_letters_to is None
        assert not {"replicas", "max length", "message ttl", "dead letter exchange"} & destination.settings.keys()
        assert destination.identity != before.destinations[name].identity
        assert group.lag == (1 if name == limited else 0)


@pytest.mark.parametrize(
    ("kind", "argument", "expected"),
    [("classic", {"x-max-length": "1000", "x-message-ttl": "3600000"}, 10), ("quorum", {"x-max-length": "5"}, 5)],
)
async def test_the_lower_of_two_limits_holds(
    rabbit: RabbitServer,
    broker: RabbitBroker,
    kind: str,
    argument: dict[str, str],
    expected: int,
) -> None:
    """The broker keeps as many messages as we say: an argument and a policy both limit the queue."""
    name, policy_name = unused("limits"), unused("policy")
    policy = {"max-length": 10, "message-ttl": 600000}
    body = {"pattern": f"^{name}$", "apply-to": "queues", "definition": policy}
    await management(rabbit, f"/api/policies/%2F/{policy_name}", method="PUT", body=body)
    await fill(broker, name, 20, {"x-queue-type": kind, **argument})

    async def limited() -> None:
        snapshot = await broker.sweep()
        retention = snapshot.destinations[name].retention
        assert retention is not None
        assert (retention.messages, retention.age_s) == (expected, 600.0)
        assert snapshot.groups[name].lag == expected

    await eventually(limited, within_s=FIGURES_WITHIN_S)


async def test_an_exclusive_queue_of_the_same_name_takes_the_group_away(
    rabbit: RabbitServer, broker: RabbitBroker
) -> None:
    name = unused("taken")
    await fill(broker, name, 1)

    async def shown() -> None:
        assert name in (await broker.sweep()).groups

    await eventually(shown, within_s=FIGURES_WITHIN_S)
    async with oracle(rabbit) as channel:
        await channel.queue_delete(name)
        await channel.declare_queue(name, exclusive=True)
        snapshot = await broker.sweep()
        assert name not in snapshot.groups
        assert (name in snapshot.gone_groups, name in snapshot.gone_destinations) == (True, True)


async def test_a_looked_up_queue_that_is_deleted_or_exclusive_is_gone_after_two_answers(rabbit: RabbitServer) -> None:
    """Without the management API, by AMQP alone."""
    deleted, taken, kept = (unused(hint) for hint in ("deleted", "taken", "kept"))
    login = {"user": unused("user"), "password": "only-for-tests"}
    await management(rabbit, f"/api/users/{login['user']}", method="PUT", body={**login, "tags": ""})
    await permit(rabbit, login["user"], "%2F", ".*")
    async with oracle(rabbit) as channel:
        for name in (deleted, taken, kept):
            await channel.declare_queue(name, durable=True)
        async with opened(rabbit_settings(rabbit.address(), queues=(deleted, taken, kept), **login)) as broker:
            assert (await broker.sweep()).groups.keys() == {deleted, taken, kept}
            for name in (deleted, taken):
                await channel.queue_delete(name)
            await channel.declare_queue(taken, exclusive=True)
            first = await broker.sweep()
            assert first.groups.keys() == {deleted, taken, kept}
            second = await broker.sweep()
            assert second.groups.keys() == {kept}
            assert second.gone_groups == second.gone_destinations == {deleted, taken}
            details = " ".join(fault.detail for fault in second.faults)
            assert f"Queue {taken} is exclusive to another connection." in details


async def test_a_deleted_virtual_host_takes_its_queues_away_and_is_named(
    rabbit: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two, and the only one of a connection, whose collector connects again after each error."""
    monkeypatch.setattr(queues, "VHOST_GONE_S", 0.5)
    vhost, name = unused("vhost"), unused("orders")
    await create_vhost(rabbit, vhost)
    async with (
        opened(rabbit_settings(rabbit.address(), vhosts=("/", vhost))) as both,
        opened(rabbit_settings(rabbit.address(), vhosts=(vhost,))) as only,
    ):
        await fill(only, name, 2)
        for broker, group in ((both, f"{vhost}/{name}"), (only, name)):
            assert (await broker.sweep()).groups[group].lag == 2
        await management(rabbit, f"/api/vhosts/{vhost}", method="DELETE")
        for broker, group in ((both, f"{vhost}/{name}"), (only, name)):
            snapshot = await eventually(partial(gone, broker, group), within_s=30.0)
            assert cluster_of(snapshot).alarms == (f"virtual host {vhost} does not exist",)
        assert f"Virtual host {vhost} does not exist." in [fault.detail for fault in (await both.sweep()).faults]
        await create_vhost(rabbit, vhost)
        await fill(only, name, 1)

        async def back() -> None:
            snapshot = await only.sweep()
            assert snapshot.groups[name].lag == 1
            assert not cluster_of(snapshot).alarms

        await eventually(back, within_s=FIGURES_WITHIN_S)


async def gone(broker: RabbitBroker, group: str) -> Snapshot:
    """Return the sweep that reports the group as gone; connect again after an error, as a collector does."""
    try:
        snapshot = await broker.sweep()
    except BrokerError:
        await broker.connect()
        raise
    assert group in snapshot.gone_groups
    assert group not in snapshot.groups
    return snapshot


async def create_vhost(server: RabbitServer, vhost: str) -> None:
    await management(server, f"/api/vhosts/{vhost}", method="PUT", body={})
    await permit(server, server.user, vhost, ".*")

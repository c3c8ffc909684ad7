"""RabbitMQ that stops, is killed, freezes, runs out of memory, or lacks its plugins or statistics."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, OutcomeUnknown
from signalbox.brokers.model import UNKNOWN, DestinationSpec, Message, Snapshot
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.process import free_port
from signalbox.servers.rabbitmq import DEBIAN_13, RabbitOptions, RabbitServer
from tests.support.rabbitmq import QUICK, cluster_of, fill, opened, rabbit_settings, running, unused
from tests.support.servers import require_server
from tests.support.waiting import eventually

WITHIN_S = 60.0
BACKLOG_BY_TYPE = {"classic": 4, "quorum": 5}  # ready messages by queue type

Backlog = dict[str, int]  # ready messages by queue


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """A node that only this module breaks. Each test leaves it running."""
    require_server("rabbitmq")
    async with running(tmp_path_factory.mktemp("rabbitmq-faults"), QUICK) as server:
        yield server


@pytest.fixture(scope="module")
async def node_4(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """The same of RabbitMQ 4.0, from Debian 13."""
    require_server("rabbitmq-4.0")
    async with running(tmp_path_factory.mktemp("rabbitmq-faults-4"), replace(QUICK, version=DEBIAN_13)) as server:
        yield server


@pytest.fixture(params=["node", "node_4"])
def each_node(request: pytest.FixtureRequest) -> RabbitServer:
    server: RabbitServer = request.getfixturevalue(request.param)
    return server


async def create_backlog(broker: RabbitBroker, *, kinds: Sequence[str] = tuple(BACKLOG_BY_TYPE)) -> Backlog:
    """Create a queue of each type and publish to it. Returns the number of messages by queue."""
    backlog = {}
    for kind in kinds:
        name = unused(kind)
        backlog[name] = BACKLOG_BY_TYPE[kind]
        await fill(broker, name, backlog[name], {"x-queue-type": kind})
    return backlog


async def kill(server: RabbitServer) -> None:
    """Kill the node after its definitions are on disk: version 3.10 loses queues that were declared moments before."""
    await server.ctl("eval", "mnesia:sync_log().")
    await server.nodes[0].kill()


def lags(snapshot: Snapshot, backlog: Backlog) -> dict[str, int | None]:
    return {name: snapshot.groups[name].lag for name in backlog if name in snapshot.groups}


async def sweep_complete(broker: RabbitBroker, backlog: Backlog) -> Snapshot:
    snapshot = await broker.sweep()
    assert lags(snapshot, backlog) == backlog
    return snapshot


async def wait_for_recovery(broker: RabbitBroker, backlog: Backlog) -> None:
    """Reconnect the same broker object as its collector does. It must never report a wrong lag."""

    async def sweep_or_reconnect() -> None:
        try:
            snapshot = await broker.sweep()
        except BrokerError:
            await broker.connect()
            raise
        reported = lags(snapshot, backlog)
        if wrong := {name: lag for name, lag in reported.items() if lag not in (None, backlog[name])}:
            pytest.fail(f"reported {wrong}, the backlog is {backlog}")
        assert reported == backlog

    await eventually(sweep_or_reconnect, within_s=WITHIN_S)
    for name in backlog:
        await eventually(partial(broker.publish, name, Message(body=b"after"), timeout_s=2.0), within_s=WITHIN_S)


@pytest.mark.parametrize(("how", "kinds"), [("stop", ["classic", "quorum"]), ("kill", ["classic"])])
async def test_a_node_that_ends_and_restarts(node: RabbitServer, how: str, kinds: list[str]) -> None:
    """Quorum queues are only stopped: in version 3.10, one declared seconds before a kill has no leader afterwards."""
    async with opened(rabbit_settings(node.address())) as broker:
        backlog = await create_backlog(broker, kinds=kinds)
        await eventually(lambda: sweep_complete(broker, backlog), within_s=WITHIN_S)
        await (node.nodes[0].stop() if how == "stop" else kill(node))
        with pytest.raises(BrokerUnavailable):
            await broker.sweep()
        with pytest.raises((BrokerUnavailable, OutcomeUnknown)):
            await broker.publish(next(iter(backlog)), Message(body=b"lost"), timeout_s=3.0)
        await node.start()
        await wait_for_recovery(broker, backlog)


async def test_a_frozen_node_times_out_and_recovers(node: RabbitServer) -> None:
    async with opened(rabbit_settings(node.address(), timeout_s=2.0)) as broker:
        backlog = await create_backlog(broker)
        await eventually(lambda: sweep_complete(broker, backlog), within_s=WITHIN_S)
        other = unused("other")
        await broker.ensure([DestinationSpec(name=other)])
        node.nodes[0].pause()
        try:
            with pytest.raises(OutcomeUnknown):
                await broker.publish(other, Message(body=b"?"), timeout_s=1.0)
            with pytest.raises(BrokerUnavailable):
                await broker.sweep()
        finally:
            node.nodes[0].resume()
        await wait_for_recovery(broker, backlog)


ALARMS = {  # resource -> rabbitmqctl command that raises the alarm, and one that clears it
    "memory": ("set_vm_memory_high_watermark absolute 1MB", "set_vm_memory_high_watermark 0.9"),
    "disk space": ("set_disk_free_limit 999999GB", "set_disk_free_limit 1MB"),
}


@pytest.mark.parametrize("resource", ALARMS)
async def test_an_alarm_is_shown_and_a_publish_under_it_has_an_unknown_outcome(
    each_node: RabbitServer, resource: str
) -> None:
    raise_alarm, clear_alarm = ALARMS[resource]
    async with opened(rabbit_settings(each_node.address())) as broker:
        name = next(iter(await create_backlog(broker)))
        await each_node.ctl(*raise_alarm.split())
        try:

            async def alarm_shown() -> None:
                alarms = cluster_of(await broker.sweep()).alarms
                assert any(alarm.startswith(f"{resource} alarm on node1@localhost") for alarm in alarms)

            await eventually(alarm_shown, within_s=WITHIN_S)
            with pytest.raises(OutcomeUnknown):
                await broker.publish(name, Message(body=b"blocked"), timeout_s=0.5)
        finally:
            await each_node.ctl(*clear_alarm.split())

        async def alarm_cleared() -> None:
            assert not cluster_of(await broker.sweep()).alarms
            await broker.publish(name, Message(body=b"flows"), timeout_s=2.0)

        await eventually(alarm_cleared, within_s=WITHIN_S)


async def test_a_consumer_survives_the_restart_of_its_node(node: RabbitServer) -> None:
    """The unacknowledged message is redelivered, and acknowledging the first delivery fails."""
    async with opened(rabbit_settings(node.address())) as broker:
        await fill(broker, "survives", 1)
        async with aclosing(broker.receive("survives", "reader")) as deliveries:
            first = await asyncio.wait_for(anext(deliveries), WITHIN_S)
            await kill(node)
            await node.start()
            second = await asyncio.wait_for(anext(deliveries), WITHIN_S)
            assert (second.message.body, second.redelivered) == (b"0", True)
            with pytest.raises(BrokerUnavailable):
                await first.ack()
            await second.ack()


async def test_depths_from_the_prometheus_plugin(node: RabbitServer) -> None:
    settings = rabbit_settings(node.address(), prometheus_urls=node.address().prometheus_urls)
    async with opened(settings) as broker:
        backlog = await create_backlog(broker)
        snapshot = await eventually(lambda: sweep_complete(broker, backlog), within_s=WITHIN_S)
        assert any("queue_coarse_metrics" in call.request for call in snapshot.calls)


async def test_without_plugins_the_configured_queues_are_looked_up_by_amqp(tmp_path: Path) -> None:
    require_server("rabbitmq")
    async with running(tmp_path, RabbitOptions(plugins=())) as server:
        bare = {"management_url": f"http://127.0.0.1:{free_port()}"}
        with pytest.raises(BrokerUnavailable, match="plugin"):
            await RabbitBroker(rabbit_settings(server.address(), **bare)).connect()
        async with opened(rabbit_settings(server.address(), queues=("named",), **bare)) as broker:
            await fill(broker, "named", 3)
            snapshot = await broker.sweep()
            group = snapshot.groups["named"]
            assert (group.lag, group.lag_partial, group.in_flight, group.member_count) == (3, True, None, 0)
            assert (group.positions.arrived[0], group.positions.settled[0]) == (UNKNOWN, UNKNOWN)
            assert not snapshot.faults
            assert "The management API is unavailable" in " ".join(cluster_of(snapshot).notes)


async def test_without_statistics_the_lag_is_right_and_other_metrics_are_unknown(tmp_path: Path) -> None:
    require_server("rabbitmq-4.0")
    settings = {"management_agent.disable_metrics_collector": "true"}
    async with (
        running(tmp_path, RabbitOptions(version=DEBIAN_13, settings=settings)) as server,
        opened(rabbit_settings(server.address())) as broker,
    ):
        await fill(broker, "mute", 3)
        await broker.sweep()
        snapshot = await broker.sweep()
        group = snapshot.groups["mute"]
        assert (group.lag, group.member_count) == (3, None)
        assert (group.positions.arrived[0], group.positions.settled[0]) == (UNKNOWN, UNKNOWN)
        assert "statistics are turned off" in " ".join(cluster_of(snapshot).notes)

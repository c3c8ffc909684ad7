"""What happens to RabbitMQ beneath us: it stops, is killed, frozen, out of memory, without its plugins or statistics."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, OutcomeUnknown
from signalbox.brokers.model import UNKNOWN, DestinationSpec, Message, Snapshot
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.process import free_port
from signalbox.servers.rabbitmq import DEBIAN_13, INSTALLED, RabbitOptions, RabbitServer
from tests.support.rabbitmq import QUICK, QUICK_ERLANG, opened, rabbit_settings, unused
from tests.support.servers import wanted_here
from tests.support.waiting import eventually

WITHIN_S = 60.0
KINDS = {"classic": 4, "quorum": 5}  # kind -> messages that wait in it

Filled = dict[str, int]


@pytest.fixture(scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """A node of this file's own, to be broken; each test leaves it running."""
    wanted_here("rabbitmq")
    async with quick_node(tmp_path_factory.mktemp("rabbitmq-faults"), INSTALLED) as server:
        yield server


@pytest.fixture(scope="module")
async def own_4(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """The same of Debian 13's version."""
    wanted_here("rabbitmq-4.0")
    async with quick_node(tmp_path_factory.mktemp("rabbitmq-faults-4"), DEBIAN_13) as server:
        yield server


@pytest.fixture(params=["own", "own_4"])
def either(request: pytest.FixtureRequest) -> RabbitServer:
    server: RabbitServer = request.getfixturevalue(request.param)
    return server


@asynccontextmanager
async def quick_node(folder: Path, version: str) -> AsyncIterator[RabbitServer]:
    server = RabbitServer(folder, RabbitOptions(version=version, settings=QUICK, erlang=QUICK_ERLANG))
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def fill(broker: RabbitBroker, *, kinds: Sequence[str] = tuple(KINDS)) -> Filled:
    """A new queue of each of these kinds; returns how many messages wait in each, by its name."""
    filled = {}
    for kind in kinds:
        count, name = KINDS[kind], unused(kind)
        await broker.ensure([DestinationSpec(name=name, settings={"x-queue-type": kind})])
        for number in range(count):
            await broker.publish(name, Message(body=b"%d" % number))
        filled[name] = count
    return filled


def lags(snapshot: Snapshot, filled: Filled) -> dict[str, int | None]:
    return {name: snapshot.groups[name].lag for name in filled if name in snapshot.groups}


async def whole(broker: RabbitBroker, filled: Filled) -> Snapshot:
    snapshot = await broker.sweep()
    assert lags(snapshot, filled) == filled
    return snapshot


async def recovers(broker: RabbitBroker, filled: Filled) -> None:
    """The same object goes on, asked to connect again as its collector does; it never says another number than what waits."""

    async def once() -> None:
        try:
            snapshot = await broker.sweep()
        except BrokerError:
            await broker.connect()
            raise
        said = lags(snapshot, filled)
        if wrong := {name: lag for name, lag in said.items() if lag not in (None, filled[name])}:
            pytest.fail(f"said {wrong} where {filled} wait")
        assert said == filled

    await eventually(once, within_s=WITHIN_S)
    for name in filled:
        await eventually(partial(broker.publish, name, Message(body=b"after"), timeout_s=2.0), within_s=WITHIN_S)


@pytest.mark.parametrize(("how", "kinds"), [("stop", ["classic", "quorum"]), ("kill", ["classic"])])
async def test_a_node_that_ends_and_comes_back(own: RabbitServer, how: str, kinds: list[str]) -> None:
    """Version 3.10 itself loses a quorum queue that was made seconds before a kill: it stays without a leader."""
    async with opened(rabbit_settings(own.address())) as broker:
        filled = await fill(broker, kinds=kinds)
        await eventually(lambda: whole(broker, filled), within_s=WITHIN_S)
        await (own.nodes[0].stop() if how == "stop" else own.nodes[0].kill())
        with pytest.raises(BrokerUnavailable):
            await broker.sweep()
        with pytest.raises((BrokerUnavailable, OutcomeUnknown)):
            await broker.publish(next(iter(filled)), Message(body=b"lost"), timeout_s=3.0)
        await own.start()
        await recovers(broker, filled)


async def test_a_frozen_node_is_silent_and_goes_on(own: RabbitServer) -> None:
    async with opened(rabbit_settings(own.address(), timeout_s=2.0)) as broker:
        filled = await fill(broker)
        await eventually(lambda: whole(broker, filled), within_s=WITHIN_S)
        other = unused("other")
        await broker.ensure([DestinationSpec(name=other)])
        own.nodes[0].pause()
        try:
            with pytest.raises(OutcomeUnknown):
                await broker.publish(other, Message(body=b"?"), timeout_s=1.0)
            with pytest.raises(BrokerUnavailable):
                await broker.sweep()
        finally:
            own.nodes[0].resume()
        await recovers(broker, filled)


ALARMS = {  # resource -> what raises its alarm, what ends it
    "memory": ("set_vm_memory_high_watermark absolute 1MB", "set_vm_memory_high_watermark 0.9"),
    "disk space": ("set_disk_free_limit 999999GB", "set_disk_free_limit 1MB"),
}


@pytest.mark.parametrize("resource", ALARMS)
async def test_an_alarm_is_shown_and_a_publish_under_it_has_an_unknown_outcome(
    either: RabbitServer, resource: str
) -> None:
    raises, ends = ALARMS[resource]
    async with opened(rabbit_settings(either.address())) as broker:
        name = next(iter(await fill(broker)))
        await either.ctl(*raises.split())
        try:

            async def blocked() -> None:
                with pytest.raises(OutcomeUnknown):
                    await broker.publish(name, Message(body=b"blocked"), timeout_s=0.5)

            async def shown() -> None:
                cluster = (await broker.sweep()).cluster
                assert cluster is not None
                assert [alarm for alarm in cluster.alarms if alarm.startswith(f"{resource} alarm on node1@localhost")]

            await eventually(shown, within_s=WITHIN_S)
            await blocked()
        finally:
            await either.ctl(*ends.split())

        async def over() -> None:
            cluster = (await broker.sweep()).cluster
            assert cluster is not None
            assert not cluster.alarms
            await broker.publish(name, Message(body=b"flows"), timeout_s=2.0)

        await eventually(over, within_s=WITHIN_S)


async def test_a_consumer_survives_its_node(own: RabbitServer) -> None:
    """What was unsettled comes again; the old delivery can no longer be settled, and says so."""
    async with opened(rabbit_settings(own.address())) as broker:
        await broker.ensure([DestinationSpec(name="survives")])
        await broker.publish("survives", Message(body=b"once"))
        async with aclosing(broker.receive("survives", "reader")) as deliveries:
            first = await asyncio.wait_for(anext(deliveries), WITHIN_S)
            await own.nodes[0].kill()
            await own.start()
            second = await asyncio.wait_for(anext(deliveries), WITHIN_S)
            assert (second.message.body, second.redelivered) == (b"once", True)
            with pytest.raises(BrokerUnavailable):
                await first.ack()
            await second.ack()


async def test_figures_by_the_prometheus_plugin(own: RabbitServer) -> None:
    settings = rabbit_settings(own.address(), prometheus_urls=own.address().prometheus_urls)
    async with opened(settings) as broker:
        filled = await fill(broker)
        snapshot = await eventually(lambda: whole(broker, filled), within_s=WITHIN_S)
        assert any("queue_coarse_metrics" in call.request for call in snapshot.calls)


async def test_without_plugins_the_named_queues_are_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted_here("rabbitmq")
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq-bare"), RabbitOptions(plugins=()))
    await server.start()
    try:
        closed = f"http://127.0.0.1:{free_port()}"
        bare = rabbit_settings(server.address(), management_url=closed)
        with pytest.raises(BrokerUnavailable, match="plugin"):
            await RabbitBroker(bare).connect()
        async with opened(rabbit_settings(server.address(), management_url=closed, queues=("named",))) as broker:
            await broker.ensure([DestinationSpec(name="named")])
            for _ in range(3):
                await broker.publish("named", Message(body=b"x"))
            snapshot = await broker.sweep()
            group = snapshot.groups["named"]
            assert (group.lag, group.lag_partial, group.in_flight, group.member_count) == (3, True, None, 0)
            assert (group.positions.arrived[0], group.positions.settled[0]) == (UNKNOWN, UNKNOWN)
            assert not snapshot.faults
            assert snapshot.cluster is not None
            assert "the management API" in " ".join(snapshot.cluster.notes)
    finally:
        await server.kill()


async def test_without_statistics_the_lag_is_right_and_the_rest_unknown(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    wanted_here("rabbitmq-4.0")
    settings = {"management_agent.disable_metrics_collector": "true"}
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq-mute"), RabbitOptions(version=DEBIAN_13, settings=settings))
    await server.start()
    try:
        async with opened(rabbit_settings(server.address())) as broker:
            await broker.ensure([DestinationSpec(name="mute")])
            for _ in range(3):
                await broker.publish("mute", Message(body=b"x"))
            await broker.sweep()
            snapshot = await broker.sweep()
            group = snapshot.groups["mute"]
            assert (group.lag, group.member_count) == (3, None)
            assert (group.positions.arrived[0], group.positions.settled[0]) == (UNKNOWN, UNKNOWN)
            assert snapshot.cluster is not None
            assert "statistics are switched off" in " ".join(snapshot.cluster.notes)
    finally:
        await server.kill()

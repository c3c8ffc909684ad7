"""Tests that every broker adapter must pass on its real server.

An adapter's test class extends `BrokerContract`, sets `adapter` and has a fixture `harness`. It sets a case that its broker cannot
have to None, with the reason; executed.py then counts one less.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from signalbox.brokers import errors
from signalbox.brokers.model import Capability, DestinationSpec, Message
from signalbox.brokers.port import Broker
from signalbox.servers.process import free_port
from tests.contracts import steps
from tests.contracts.harness import Harness
from tests.support.proxy import silent_port, web_port
from tests.support.waiting import eventually

CANARY = "canary-7f3a-never-shown"


class BrokerContract:
    """The cases. Each creates its own destinations."""

    adapter: str  # the key in executed.py

    @pytest.fixture
    async def broker(self, harness: Harness) -> AsyncIterator[Broker]:
        broker = harness.open()
        await broker.connect()
        yield broker
        await broker.close()

    # Publishing

    async def test_a_published_message_is_stored(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 3)
        await steps.shows_lag(harness, broker, destination, 3)

    async def test_publishing_to_a_missing_destination_is_unroutable(self, harness: Harness, broker: Broker) -> None:
        with pytest.raises(errors.Unroutable, match="nowhere"):
            await broker.publish(harness.unique("nowhere"), Message(body=b"x"))

    @pytest.mark.parametrize("size", ["empty", "every byte", "large"])
    async def test_a_body_arrives_byte_for_byte(self, harness: Harness, broker: Broker, size: str) -> None:
        large = bytes(range(251)) * (harness.large_body // 251)
        body = {"empty": b"", "every byte": bytes(range(256)), "large": large}[size]
        destination = await steps.create_destination(harness, broker)
        await broker.publish(destination, Message(body=body))
        (message,) = await steps.take(broker, destination, 1)
        assert message.body == body

    async def test_headers_arrive(self, harness: Harness, broker: Broker) -> None:
        headers = {"trace-id": "4bf92f3577b34da6", "Content-Type": "application/json", "customer": "Zoë 🚲 <b>"}
        destination = await steps.create_destination(harness, broker)
        await broker.publish(destination, Message(body=b"{}", headers=headers))
        (message,) = await steps.take(broker, destination, 1)
        assert {name: message.headers.get(name) for name in headers} == headers

    # Consuming

    async def test_acknowledged_messages_are_not_redelivered(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 3)
        assert steps.bodies(await steps.take(broker, destination, 2)) == ["0", "1"]
        assert steps.bodies(await steps.take(broker, destination, 1)) == ["2"]

    async def test_a_released_message_is_redelivered(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 1)
        async with aclosing(broker.receive(destination, "reader")) as deliveries:
            first = await steps.next_of(deliveries)
            await first.release()
            second = await steps.next_of(deliveries)
            assert second.message.body == first.message.body
            assert (first.redelivered, second.redelivered) == (False, harness.reports_redelivery)
            await second.ack()
        await steps.shows_lag(harness, broker, destination, 0)

    async def test_unacknowledged_messages_are_redelivered(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 2)
        async with aclosing(broker.receive(destination, "reader")) as deliveries:
            await steps.next_of(deliveries)
        assert sorted(steps.bodies(await steps.take(broker, destination, 2))) == ["0", "1"]

    async def test_a_consumer_waits_for_later_messages(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(steps.take(broker, destination, 1))
            await steps.publish(broker, destination, 1)
        assert steps.bodies(waiting.result()) == ["0"]

    async def test_receiving_from_a_missing_destination_is_an_error(self, harness: Harness, broker: Broker) -> None:
        async with aclosing(broker.receive(harness.unique("nowhere"), "reader")) as deliveries:
            with pytest.raises(errors.DestinationMissing, match="nowhere"):
                await steps.next_of(deliveries)

    async def test_a_consumer_continues_after_a_lost_connection(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 1)
        async with aclosing(broker.receive(destination, "reader")) as deliveries:
            await (await steps.next_of(deliveries)).ack()
            await harness.break_connections()
            await eventually(lambda: broker.publish(destination, Message(body=b"after")), within_s=steps.RECEIVE_WAIT_S)
            while (delivery := await steps.next_of(deliveries)).message.body != b"after":
                await delivery.ack()
            await delivery.ack()

    # Inspecting

    async def test_a_sweep_matches_the_brokers_own_tool(self, harness: Harness, broker: Broker) -> None:
        first, second = await steps.two_groups(harness, broker)

        async def right() -> None:
            snapshot = await broker.sweep()
            assert (steps.lag_of(harness, snapshot, *first), steps.lag_of(harness, snapshot, *second)) == (4, 5)
            assert not snapshot.faults

        await eventually(right, within_s=harness.figures_within_s)
        assert [await harness.actual_lag(*first), await harness.actual_lag(*second)] == [4, 5]

    async def test_watching_matches_a_sweep(self, harness: Harness, broker: Broker) -> None:
        first, second = await steps.two_groups(harness, broker)
        watched = harness.group_name(*first)

        async def same() -> None:
            full, partial = await broker.sweep(), await broker.watch([watched, "unknown"])
            assert set(partial.groups) == {watched}
            assert steps.figures(partial.groups[watched]) == steps.figures(full.groups[watched])
            assert steps.lag_of(harness, partial, *first) == 4
            assert partial.destinations[first[0]].identity == full.destinations[first[0]].identity
            assert steps.lag_of(harness, await broker.watch([harness.group_name(*second)]), *second) == 5

        await eventually(same, within_s=harness.figures_within_s)

    async def test_counters_count_arrived_and_settled_messages(self, harness: Harness, broker: Broker) -> None:
        first, _ = await steps.two_groups(harness, broker)

        async def right() -> None:
            positions = (await broker.sweep()).groups[harness.group_name(*first)].positions
            assert len(positions.names) == 1
            if Capability.RATES in broker.capabilities:
                assert (sum(positions.arrived), sum(positions.settled), sum(positions.lag)) == (7, 3, 4)
            else:
                assert set(positions.settled) == {-1}

        await eventually(right, within_s=harness.figures_within_s)

    async def test_the_time_of_the_oldest_unread_message(self, harness: Harness, broker: Broker) -> None:
        before = time.time()
        first, _ = await steps.two_groups(harness, broker)
        group = harness.group_name(*first)
        await steps.shows_lag(harness, broker, *first[:1], 4, group=first[1])
        oldest = await broker.oldest_unread([group, "unknown"])
        if Capability.TIME_LAG not in broker.capabilities:
            assert oldest == {}
            return
        assert set(oldest) == {group}
        (unread,) = oldest[group]
        assert unread.destination == first[0]
        assert before - 1 < unread.at < time.time() + 1

    async def test_members_are_listed_where_the_broker_reports_them(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        await steps.publish(broker, destination, 1)
        group = harness.group_name(destination, "reader")

        async def member_listed() -> None:
            swept = (await broker.sweep()).groups[group]
            if Capability.MEMBERS in broker.capabilities:
                assert swept.members is not None
                assert len(swept.members) == swept.member_count == 1
            else:
                assert not swept.members

        async with aclosing(broker.receive(destination, "reader")) as deliveries:
            await (await steps.next_of(deliveries)).ack()
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(steps.wait_for_next(deliveries))
                await eventually(member_listed, within_s=harness.figures_within_s + steps.RECEIVE_WAIT_S)
                await steps.publish(broker, destination, 1)
                async with asyncio.timeout(steps.RECEIVE_WAIT_S):
                    await (await waiting).ack()

    async def test_patterns_exclude_destinations(self, harness: Harness, broker: Broker) -> None:
        hints = ("shown", "hidden", "other")
        included, excluded, other = [await steps.create_destination(harness, broker, hint) for hint in hints]
        filtered = harness.open(include=("*shown*", "*hidden*"), exclude=("*hidden*",))
        await filtered.connect()
        try:
            snapshot = await filtered.sweep()
        finally:
            await filtered.close()
        assert included in snapshot.destinations
        assert not {excluded, other} & set(snapshot.destinations)
        assert not any(excluded in g.destinations or other in g.destinations for g in snapshot.groups.values())
        assert snapshot.excluded >= 2

    async def test_a_canceled_sweep_leaves_the_connection_usable(self, harness: Harness, broker: Broker) -> None:
        destination = await steps.create_destination(harness, broker)
        for pauses in range(5):
            sweep = asyncio.ensure_future(broker.sweep())
            for _ in range(pauses):
                await asyncio.sleep(0)
            sweep.cancel()
            await asyncio.gather(sweep, return_exceptions=True)
        assert destination in (await broker.sweep()).destinations

    # Names

    async def test_any_legal_destination_name_works(self, harness: Harness, broker: Broker) -> None:
        names = harness.nasty_destinations()
        await broker.ensure([DestinationSpec(name=name, groups=("reader",)) for name in names])
        for name in names:
            await broker.publish(name, Message(body=name.encode()))
            assert [m.body.decode() for m in await steps.take(broker, name, 1)] == [name]
            await broker.publish(name, Message(body=b"waiting"))

        async def all_visible() -> None:
            snapshot = await broker.sweep()
            missing = [name for name in names if name not in snapshot.destinations]
            assert not missing
            assert {name: steps.lag_of(harness, snapshot, name, "reader") for name in names} == dict.fromkeys(names, 1)

        await eventually(all_visible, within_s=harness.figures_within_s)

    async def test_any_legal_group_name_works(self, harness: Harness, broker: Broker) -> None:
        groups = harness.nasty_groups()
        assert groups
        destination = harness.unique("many-readers")
        await broker.ensure([DestinationSpec(name=destination, groups=tuple(groups))])
        await steps.publish(broker, destination, 2)
        for group in groups:
            assert steps.bodies(await steps.take(broker, destination, 1, group=group)) == ["0"]

        async def all_visible() -> None:
            snapshot = await broker.sweep()
            lags = {group: steps.lag_of(harness, snapshot, destination, group) for group in groups}
            assert lags == dict.fromkeys(groups, 1)

        await eventually(all_visible, within_s=harness.figures_within_s)
        watched = [harness.group_name(destination, group) for group in groups]
        assert set((await broker.watch(watched)).groups) == set(watched)

    async def test_an_illegal_name_is_refused(self, harness: Harness, broker: Broker) -> None:
        for name in harness.illegal_destinations():
            with pytest.raises(errors.InvalidName):
                await broker.ensure([DestinationSpec(name=name)])
            with pytest.raises((errors.InvalidName, errors.Unroutable)):
                await broker.publish(name, Message(body=b"x"), timeout_s=5.0)
        assert harness.illegal_destinations()

    async def test_ensuring_twice_changes_nothing(self, harness: Harness, broker: Broker) -> None:
        spec = DestinationSpec(name=harness.unique("twice"), groups=("reader",))
        await broker.ensure([spec])
        await steps.publish(broker, spec.name, 2)
        await broker.ensure([spec, spec])
        assert steps.bodies(await steps.take(broker, spec.name, 2)) == ["0", "1"]

    # Connecting

    async def test_a_closed_port_is_unavailable(self, harness: Harness) -> None:
        error = await steps.refused(harness.open(**harness.at(free_port())), timeout_s=3.0, within_s=4.0)
        assert isinstance(error, errors.BrokerUnavailable)
        assert not isinstance(error, errors.BrokerTimeout)

    async def test_a_silent_port_times_out(self, harness: Harness) -> None:
        async with silent_port() as port:
            error = await steps.refused(harness.open(**harness.at(port)), timeout_s=1.0, within_s=2.0)
        assert isinstance(error, errors.BrokerTimeout)

    async def test_a_web_server_is_not_a_broker(self, harness: Harness) -> None:
        async with web_port() as port:
            error = await steps.refused(harness.open(**harness.at(port)), timeout_s=2.0, within_s=3.0)
        assert isinstance(error, errors.WrongProtocol | errors.BrokerTimeout)

    async def test_a_wrong_login_is_refused_and_hidden(
        self, harness: Harness, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        broker = harness.open(**harness.wrong_login(CANARY))
        error = await steps.refused(broker, timeout_s=5.0, within_s=6.0)
        assert isinstance(error, errors.LoginRefused)
        displayed = [str(error), repr(error), repr(error.__cause__), repr(broker), repr(vars(broker)), caplog.text]
        assert not [text for text in displayed if CANARY in text]

    async def test_closing_is_always_allowed(self, harness: Harness) -> None:
        await harness.open().close()
        broker = harness.open()
        await broker.connect()
        await broker.close()
        await broker.close()
        with pytest.raises(errors.BrokerError):
            await broker.sweep()
        await broker.connect()
        assert (await broker.sweep()).cluster is not None
        await broker.close()

    async def test_errors_carry_the_connection_and_a_hint(self, harness: Harness) -> None:
        error = await steps.refused(
            harness.open(name="far-away", **harness.at(free_port())), timeout_s=2.0, within_s=3.0
        )
        assert error.connection == "far-away"
        assert str(error).startswith("far-away: ")
        assert error.hint

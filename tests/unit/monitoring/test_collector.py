"""The collector against a scripted broker: its requests, its recovery after every failure, and its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from typing_extensions import override

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, PermissionMissing
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Scope, Snapshot
from signalbox.brokers.port import Broker, Delivery
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.clock import Clock, system_clock
from signalbox.kernel.feed import Feed
from signalbox.monitoring import collector as module
from signalbox.monitoring import keys
from signalbox.monitoring.collector import WATCHED_MAX, Collector
from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.waiting import eventually
from tests.unit.monitoring.readings import T0, group, positions, snapshot

NAME = "scripted"


class ScriptedBroker(Broker):
    """Answers as the test wants, and counts the requests."""

    name = NAME
    kind = BrokerKind.KAFKA
    capabilities = frozenset((Capability.TIME_LAG, Capability.PARTITIONS))
    sweep_interval_s = 0.05
    watch_interval_s: float | None = 0.03

    def __init__(self, names: Sequence[str] = ("billing", "mail")) -> None:
        self.names = tuple(names)
        self.refuses: BrokerError | None = None  # to connect
        self.fails: BaseException | None = None  # to sweep
        self.hangs = False
        self.settled = 0
        self.connects = self.sweeps = self.closes = 0
        self.open = False
        self.watched: list[frozenset[str]] = []
        self.oldest_requests: list[frozenset[str]] = []

    @override
    async def connect(self, *, timeout_s: float = 5.0) -> None:
        self.connects += 1
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        self.open = True

    @override
    async def close(self) -> None:
        self.closes += 1
        self.open = False

    @override
    async def sweep(self) -> Snapshot:
        assert self.open
        self.sweeps += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails is not None:
            raise self.fails
        await asyncio.sleep(0)
        return self._snapshot(self.names, Scope.FULL)

    @override
    async def watch(self, groups: Collection[str]) -> Snapshot:
        self.watched.append(frozenset(groups))
        if self.fails is not None:
            raise self.fails
        return self._snapshot(groups, Scope.WATCHED)

    @override
    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        self.oldest_requests.append(frozenset(groups))
        at = system_clock() - 600
        return {name: [OldestUnread(destination="orders", partition=0, at=at, exact=True)] for name in groups}

    @override
    def cost_note(self, destinations: int) -> str | None:
        return None

    @override
    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        raise AssertionError("the collector only reads")

    @override
    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        raise AssertionError("the collector only reads")

    @override
    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        raise AssertionError("the collector only reads")

    def _snapshot(self, names: Collection[str], scope: Scope) -> Snapshot:
        groups = [group(positions([self.settled], [self.settled + 100]), name=name) for name in names]
        return snapshot(system_clock(), groups, scope=scope)


class Running:
    """A collector with its monitor and feed."""

    def __init__(self, broker: ScriptedBroker, clock: Clock = system_clock, /, **overrides: object) -> None:
        self.feed = Feed(epoch=1)
        database = Database(DatabaseSettings(url=SecretStr("sqlite+aiosqlite:///never-opened.db")))
        self.monitor = Monitor(feed=self.feed, clock=clock, series=Series(database, clock, 2**20))
        settings = ConnectionSettings.model_validate({"name": NAME, "kind": "kafka", "timeout_s": 0.3} | overrides)
        self.collector = Collector(broker, settings, self.monitor, self.feed, clock)

    @property
    def view(self) -> ConnectionView:
        view = self.monitor.connection(NAME)
        assert view is not None
        return view

    async def until(self, holds: Callable[[], bool], within_s: float = 10.0) -> None:
        async def check() -> None:
            assert holds()

        await eventually(check, within_s=within_s, every_s=0.01)


@asynccontextmanager
async def running(broker: ScriptedBroker, **overrides: object) -> AsyncIterator[Running]:
    bench = Running(broker, **overrides)
    await bench.collector.start()
    try:
        yield bench
    finally:
        await bench.collector.stop()
    assert not broker.open
    assert not bench.collector.healthy()


@pytest.fixture(autouse=True)
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_TIMEOUT_MIN_S", 0.2)
    monkeypatch.setattr(module, "SWEEP_STEPS_MAX", 1)
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(module, "TICK_S", 0.02)


async def test_it_sweeps_periodically() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: broker.sweeps > 3)
        assert bench.view.link is LinkState.CONNECTED
        assert {view.name for view in bench.monitor.groups()} == {"billing", "mail"}
        assert broker.connects == 1
        assert broker.watched == []
        assert bench.collector.healthy()


async def test_only_groups_on_pages_and_of_watch_patterns_are_watched() -> None:
    broker = ScriptedBroker(("billing", "mail", "audit/eu", "other"))
    async with running(broker, watch=("aud*",)) as bench:
        subscription = bench.feed.subscribe(
            [keys.group(NAME, "billing"), keys.group(NAME, "gone"), keys.group("elsewhere", "mail"), keys.GROUPS]
        )
        await bench.until(lambda: bool(broker.watched) and broker.watched[-1] == {"billing", "audit/eu"})
        view = bench.monitor.group(NAME, "billing")
        assert view is not None
        bench.feed.unsubscribe(subscription)
        await bench.until(lambda: broker.watched[-1] == {"audit/eu"})


async def test_at_most_two_hundred_groups_are_watched() -> None:
    broker = ScriptedBroker([f"g{n:04}" for n in range(500)])
    async with running(broker, watch=("*",)) as bench:
        await bench.until(lambda: bool(broker.watched))
        assert len(broker.watched[-1]) == WATCHED_MAX


async def test_the_oldest_unread_message_of_late_groups_is_read() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: bool(broker.oldest_requests))
        assert broker.oldest_requests[0] == {"billing", "mail"}

        def measured() -> bool:
            view = bench.monitor.group(NAME, "billing")
            return view is not None and view.flow.time_lag is not None and view.flow.time_lag.seconds > 590

        await bench.until(measured)


async def test_a_broker_that_refuses_is_down_with_the_error_and_retried() -> None:
    broker = ScriptedBroker()
    broker.refuses = BrokerUnavailable(NAME, "Connection refused by 127.0.0.1:1.", "Start it.")
    async with running(broker) as bench:
        await bench.until(lambda: bench.view.attempts > 3)
        assert (bench.view.link, bench.view.error) == (LinkState.DOWN, "Connection refused by 127.0.0.1:1.")
        assert bench.view.next_attempt_at is not None
        assert bench.collector.healthy()
        broker.refuses = None
        await bench.until(lambda: bench.view.link is LinkState.CONNECTED)
        assert bench.view.attempts == 0


class Refusing(ScriptedBroker):
    """Refuses all attempts to connect but one, and is lost after its first answer."""

    def __init__(self, answers_at: int) -> None:
        super().__init__()
        self.answers_at = answers_at
        self.before_connect: Callable[[], None] = lambda: None

    @override
    async def connect(self, *, timeout_s: float = 5.0) -> None:
        self.before_connect()
        self.refuses = None if self.connects + 1 == self.answers_at else BrokerUnavailable(NAME, "Refused.")
        await super().connect(timeout_s=timeout_s)

    @override
    async def sweep(self) -> Snapshot:
        self.fails = BrokerUnavailable(NAME, "Connection reset.") if self.sweeps else None
        return await super().sweep()


async def test_pauses_between_attempts_double_and_start_again_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(module, "RETRY_MAX_S", 0.008)
    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    broker, pauses = Refusing(answers_at=6), list[float]()

    def note() -> None:
        view = bench.monitor.connection(NAME)
        if view is not None and view.next_attempt_at is not None:
            pauses.append(round(view.next_attempt_at - T0, 4))

    broker.before_connect = note
    bench = Running(broker, lambda: T0)
    await bench.collector.start()
    await bench.until(lambda: len(pauses) >= 8)
    await bench.collector.stop()
    assert pauses[:8] == [0.001, 0.002, 0.004, 0.008, 0.008, 0.001, 0.002, 0.004]


async def test_a_broker_that_refuses_the_first_request_is_down_and_retried_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 60.0)
    broker = ScriptedBroker()
    broker.fails = PermissionMissing(NAME, "The user may list nothing.", "Grant it.")
    async with running(broker) as bench:
        await bench.until(lambda: bench.view.link is LinkState.DOWN)
        assert (bench.view.error, bench.view.hint) == ("The user may list nothing.", "Grant it.")
        assert bench.view.next_attempt_at is not None
        assert bench.view.next_attempt_at > system_clock() + 40
        await bench.until(lambda: broker.closes == 1)
        assert broker.connects == 1


async def test_a_broken_connection_is_reopened_and_keeps_its_figures() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: broker.sweeps > 2)
        broker.fails = BrokerUnavailable(NAME, "Connection reset.")
        broker.refuses = BrokerUnavailable(NAME, "Connection refused.")
        await bench.until(lambda: bench.view.link is LinkState.DOWN)
        view = bench.monitor.group(NAME, "billing")
        assert view is not None
        assert view.flow.lag == 100
        broker.fails = broker.refuses = None
        await bench.until(lambda: bench.view.link is LinkState.CONNECTED)
        assert broker.closes > 0


async def test_a_silent_broker_becomes_stale_and_is_reconnected() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: broker.sweeps > 2)
        broker.hangs = True
        await bench.until(lambda: bench.view.link is LinkState.STALE)
        assert {view.name for view in bench.monitor.groups()} == {"billing", "mail"}
        await bench.until(lambda: broker.connects > 1)
        assert bench.view.error == "The broker did not answer within the deadline."
        broker.hangs = False
        await bench.until(lambda: bench.view.link is LinkState.CONNECTED)


async def test_a_broker_that_has_not_answered_any_request_in_time_is_down() -> None:
    broker = ScriptedBroker()
    broker.fails = BrokerTimeout(NAME, "Cannot reach broker 1.", "Change advertised.listeners.")
    async with running(broker) as bench:
        await bench.until(lambda: bench.view.link is LinkState.DOWN)
        assert (bench.view.error, bench.view.hint) == ("Cannot reach broker 1.", "Change advertised.listeners.")
        broker.fails = None
        await bench.until(lambda: bench.view.link is LinkState.CONNECTED)


async def test_a_sweep_that_takes_longer_than_its_interval_lengthens_it() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: broker.sweeps > 2)
        broker.sweep_interval_s = 0.11
        await bench.until(lambda: bench.view.interval_s == 0.11)


async def test_a_single_timeout_does_not_reconnect() -> None:
    broker = ScriptedBroker()
    async with running(broker) as bench:
        await bench.until(lambda: broker.sweeps > 2)
        broker.fails = BrokerTimeout(NAME, "No answer within 2 s.")
        await bench.until(lambda: bench.view.attempts > 0)
        broker.fails = None
        await bench.until(lambda: bench.view.attempts == 0)
        assert broker.connects == 1


async def test_an_unexpected_exception_is_a_state_with_its_id_until_a_sweep_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = ScriptedBroker()
    broker.fails = RuntimeError("a fault of our own")
    async with running(broker) as bench:
        await bench.until(lambda: bench.view.attempts > 2)
        first = bench.view
        assert first.link is LinkState.DOWN
        assert first.error == f"Signalbox itself failed. Error {first.fault} is in the log."
        assert not bench.collector.healthy()
        assert caplog.text.count(f"fault {first.fault}: collector of scripted failed and restarts in") == 1
        await bench.until(lambda: bench.view.attempts > 4)
        assert (bench.view.fault, bench.view.since) == (first.fault, first.since)
        broker.fails = KeyError("another one")
        await bench.until(lambda: bench.view.fault != first.fault)
        broker.fails = None
        await bench.until(lambda: bench.view.link is LinkState.CONNECTED)
        assert (bench.view.fault, bench.view.error, bench.view.attempts) == ("", "", 0)
        await bench.until(bench.collector.healthy)


async def test_the_pause_after_an_exception_begins_anew_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_MAX_S", 0.32)
    broker = ScriptedBroker()
    async with running(broker) as bench:
        broker.fails = RuntimeError("a fault of our own")
        await bench.until(lambda: bench.view.attempts > 5)  # the pause is at its maximum now
        broker.fails = None
        await bench.until(bench.collector.healthy)
        broker.fails = RuntimeError("a fault of our own")
        await bench.until(lambda: bench.view.link is LinkState.DOWN)
        assert bench.view.next_attempt_at is not None
        assert bench.view.next_attempt_at - bench.view.since < 0.1


@pytest.mark.parametrize("part", ["watch", "oldest_unread"])
async def test_an_exception_beside_the_sweep_is_listed_and_the_sweep_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    calls = 0

    async def fails(_: Collection[str]) -> Snapshot:
        nonlocal calls
        calls += 1
        raise RuntimeError("a fault of our own")

    broker = ScriptedBroker()
    monkeypatch.setattr(broker, part, fails)
    async with running(broker, watch=("*",)) as bench:
        await bench.until(lambda: bool(bench.view.faults))
        [fault] = bench.view.faults
        assert f"fault {fault.detail.split()[4]}: {fault.resource} of {NAME} is not read" in caplog.text
        sweeps_before = broker.sweeps
        await bench.until(lambda: broker.sweeps > sweeps_before + 2)
        assert (bench.view.link, broker.connects, calls) == (LinkState.CONNECTED, 1, 1)
        assert not bench.collector.healthy()


async def test_starting_and_stopping_at_any_moment_leaves_no_task() -> None:
    before = len(asyncio.all_tasks())
    for pauses in range(60):
        broker = ScriptedBroker()
        broker.hangs = pauses % 3 == 0
        broker.refuses = BrokerUnavailable(NAME, "Refused.") if pauses % 5 == 0 else None
        bench = Running(broker, watch=("*",))
        await bench.collector.start()
        await bench.collector.start()
        for _ in range(pauses):
            await asyncio.sleep(0)
        await bench.collector.stop()
        await bench.collector.stop()
        assert not broker.open
    assert len(asyncio.all_tasks()) == before


async def test_stopping_before_the_start_is_allowed() -> None:
    bench = Running(ScriptedBroker())
    await bench.collector.stop()
    assert not bench.collector.healthy()

"""Unusual states of a real JetStream server, judged: what the monitor says must be true of the server."""

import secrets
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from signalbox.brokers.nats import groups
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.kernel.feed import Feed
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.model import DestinationView, GroupView, Reason, Status, TimeLagMethod
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.monitoring.settings import GroupThresholds
from signalbox.servers.nats import NatsServer
from signalbox.storage.engine import Database
from tests.support.database import settings as database_settings
from tests.support.nats import api, durable, nats_settings, stream
from tests.support.waiting import eventually

NAME = "nats-test"
EVERY_S = 5.0
T0 = 1_794_885_160.0


class Watch:
    """A monitor of the real server with a clock of its own: each reading is five seconds after the last."""

    def __init__(self, server: NatsServer, limits: GroupThresholds | None = None, **settings: object) -> None:
        self.now = T0
        self.broker = NatsBroker(nats_settings(server, **settings), clock=lambda: self.now)
        series = Series(Database(database_settings("sqlite+aiosqlite:///never-opened.db")), lambda: self.now, 2**20)
        thresholds = () if limits is None else (limits,)
        self.monitor = Monitor(feed=Feed(epoch=1), clock=lambda: self.now, series=series, thresholds=thresholds)
        self.monitor.add_connection(ConnectionFacts(name=NAME, kind=NatsBroker.kind, interval_s=EVERY_S))

    async def read(self, after_s: float = EVERY_S) -> None:
        self.now += after_s
        await self.monitor.apply(NAME, await self.broker.sweep(), interval_s=EVERY_S)
        lagging = [view.name for view in self.monitor.groups(NAME) if view.flow.lag]
        self.monitor.add_oldest_unread(NAME, await self.broker.oldest_unread(lagging))

    def group(self, name: str) -> GroupView:
        view = self.monitor.group(NAME, name)
        assert view is not None
        return view

    def destination(self, name: str) -> DestinationView:
        view = self.monitor.destination(NAME, name)
        assert view is not None
        return view

    def rates(self, name: str) -> tuple[float, float]:
        """Messages in and out over the whole time since the first reading, which a rate is the mean of."""
        flow = self.group(name).flow
        assert flow.rate_in is not None
        assert flow.rate_out is not None
        seconds = self.now - T0 - EVERY_S
        return round(flow.rate_in * seconds, 3), round(flow.rate_out * seconds, 3)


@pytest.fixture
def name() -> str:
    return f"s{secrets.token_hex(4)}"


@pytest.fixture
async def watch(nats_broker: NatsServer, name: str) -> AsyncIterator[Watch]:
    started = Watch(nats_broker, include=(f"{name}*", f"KV_{name}"))
    await started.broker.connect()
    yield started
    await started.broker.close()


async def publish(oracle: Client, name: str, count: int, subjects: int = 1) -> None:
    """Publish to `subjects` subjects of the stream in turn; returns when all are stored."""
    before = (await api(oracle, f"STREAM.INFO.{name}"))["state"]["last_seq"]
    for number in range(count):
        await oracle.publish(f"{name}.k{number % subjects}", b"x")
    await oracle.flush()

    async def stored() -> None:
        assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["last_seq"] == before + count

    await eventually(stored)


async def fetch(oracle: Client, name: str, consumer: str, count: int, *, ack: bool = True) -> None:
    subscription = await oracle.jetstream().pull_subscribe_bind(consumer, name)
    got = 0
    while got < count:
        for message in await subscription.fetch(min(count - got, 500), timeout=5):
            got += 1
            if ack:
                await message.ack_sync()
    await subscription.unsubscribe()


async def test_a_purge_is_no_throughput_and_is_told_as_loss(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    await publish(oracle, name, 2000)
    await watch.read()
    await fetch(oracle, name, "reader", 100)
    await watch.read()
    await api(oracle, f"STREAM.PURGE.{name}")
    for _ in range(3):
        await watch.read()
    view = watch.group(f"{name}/reader")
    assert (view.flow.lag, watch.rates(view.name)) == (0, (0.0, 100.0))
    assert (view.verdict.status, view.verdict.reason, view.verdict.lost) == (
        Status.WILL_LOSE_DATA,
        Reason.LOST_ALREADY,
        1900,
    )
    await watch.read(after_s=120.0)
    verdict = watch.group(view.name).verdict
    assert (verdict.lost, verdict.reason) == (1900, Reason.LOST_EARLIER), "a loss does not vanish after a minute"


async def test_one_message_per_subject_replaces_and_loses_nothing(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name, max_msgs_per_subject=1)
    await durable(oracle, name, "reader")
    await publish(oracle, name, 10, subjects=10)
    await watch.read()
    for _ in range(3):
        await publish(oracle, name, 200, subjects=10)
        await fetch(oracle, name, "reader", 10)
        await watch.read()
    view = watch.group(f"{name}/reader")
    assert watch.rates(view.name) == (600.0, 30.0)
    assert (view.flow.lag, view.verdict.status, view.verdict.lost) == (0, Status.OK, None)


async def test_deletes_and_gaps_are_no_throughput(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await publish(oracle, name, 600, subjects=3)
    await api(oracle, f"STREAM.PURGE.{name}", filter=f"{name}.k1")  # before the consumers exist: no loss for them
    await durable(oracle, name, "all")
    await durable(oracle, name, "one", filter_subject=f"{name}.k0")
    await watch.read()
    await publish(oracle, name, 30, subjects=3)
    await fetch(oracle, name, "all", 420)
    await fetch(oracle, name, "one", 50)
    await watch.read()
    assert watch.rates(f"{name}/all") == (30.0, 420.0)
    assert watch.rates(f"{name}/one") == (10.0, 50.0)
    assert {watch.group(f"{name}/{consumer}").verdict.lost for consumer in ("all", "one")} == {None}
    await api(oracle, f"STREAM.PURGE.{name}", filter=f"{name}.k0")  # 3 are unread by "all", 160 by "one"
    for _ in range(3):
        await watch.read()
    assert watch.rates(f"{name}/all") == (30.0, 420.0)
    assert watch.rates(f"{name}/one") == (10.0, 50.0)
    assert (watch.group(f"{name}/all").verdict.lost, watch.group(f"{name}/one").verdict.lost) == (3, 160)


async def test_messages_of_other_subjects_are_not_lost(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await durable(oracle, name, "one", filter_subject=f"{name}.k0")
    await watch.read()
    await publish(oracle, name, 300, subjects=3)
    await fetch(oracle, name, "one", 100)
    for _ in range(3):
        await watch.read()
    assert watch.rates(f"{name}/one") == (100.0, 100.0)
    assert watch.group(f"{name}/one").verdict.status is Status.OK


async def test_a_mirror_counts_messages_where_its_origin_has_gaps(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name, max_msgs_per_subject=1)
    await publish(oracle, name, 1000, subjects=10)
    await api(oracle, f"STREAM.CREATE.{name}-m", name=f"{name}-m", mirror={"name": name})
    await durable(oracle, f"{name}-m", "reader")
    await watch.read()
    await publish(oracle, name, 500, subjects=5)

    async def mirrored() -> None:
        assert (await api(oracle, f"STREAM.INFO.{name}-m"))["state"]["last_seq"] == 1500

    await eventually(mirrored)
    await fetch(oracle, f"{name}-m", "reader", 10)
    await watch.read()
    view = watch.group(f"{name}-m/reader")
    rate_in, rate_out = watch.rates(view.name)
    assert rate_out == 10.0
    assert rate_in <= 500.0
    assert view.verdict.lost is None


@pytest.mark.parametrize("limit", [{"max_msgs": 100}, {"max_age": 1_000_000_000}])
async def test_messages_that_limits_delete_unread_are_told(
    watch: Watch, oracle: Client, name: str, limit: dict[str, int]
) -> None:
    await stream(oracle, name, **limit)
    await durable(oracle, name, "reader")
    await publish(oracle, name, 40)
    await watch.read()
    await publish(oracle, name, 560)
    left = limit.get("max_msgs", 0)

    async def deleted() -> None:
        assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["messages"] == left

    await eventually(deleted)
    for _ in range(3):
        await watch.read()
    view = watch.group(f"{name}/reader")
    assert watch.rates(view.name) == (560.0, 0.0)
    assert (view.flow.lag, view.verdict.status, view.verdict.lost) == (left, Status.WILL_LOSE_DATA, 600 - left)
    assert watch.destination(name).verdict.status is Status.WILL_LOSE_DATA
    await watch.read(after_s=1200.0)
    assert watch.group(view.name).verdict.lost == 600 - left, "nobody has read on since"


async def test_a_worker_that_died_with_messages_in_flight_has_stopped(
    nats_broker: NatsServer, oracle: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "IDLE_S", 0.5)  # to wait less; its messages are older than the limit then
    limits = GroupThresholds(groups=("*",), ok_below_s=1.0)
    watch = Watch(nats_broker, limits, include=(name,))
    await watch.broker.connect()
    await stream(oracle, name)
    for consumer, config in (("some", {}), ("every", {}), ("gives-up", {"max_deliver": 5})):
        await durable(oracle, name, consumer, ack_wait=100_000_000, **config)
    await publish(oracle, name, 20)
    await fetch(oracle, name, "some", 4, ack=False)
    await fetch(oracle, name, "every", 20, ack=False)
    await fetch(oracle, name, "gives-up", 4, ack=False)

    async def stopped() -> None:
        await watch.read(after_s=time.time() - watch.now)  # the clocks of the server and the monitor agree
        for consumer in ("some", "every", "gives-up"):
            assert watch.group(f"{name}/{consumer}").verdict.status is Status.STOPPED

    await eventually(stopped, within_s=20.0, every_s=0.3)
    await watch.broker.close()


async def test_the_consumers_of_a_deleted_stream_go_with_it(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    for consumer in ("seen", "unseen"):
        await durable(oracle, name, consumer)
    await watch.read()
    await api(oracle, f"STREAM.DELETE.{name}")
    snapshot = await watch.broker.watch([f"{name}/seen"])  # a page shows one of them
    await watch.monitor.apply(NAME, snapshot, interval_s=1.0)
    await watch.read()
    assert (watch.monitor.groups(NAME), watch.monitor.destinations(NAME)) == ((), ())


async def test_the_consumers_of_a_configured_stream_go_with_it(
    nats_broker: NatsServer, oracle: Client, name: str
) -> None:
    watch = Watch(nats_broker, streams=(name,))
    await watch.broker.connect()
    await stream(oracle, name)
    await durable(oracle, name, "reader")
    await watch.read()
    assert [view.name for view in watch.monitor.groups(NAME)] == [f"{name}/reader"]
    await api(oracle, f"STREAM.DELETE.{name}")
    await watch.read()
    assert (watch.monitor.groups(NAME), watch.monitor.destinations(NAME)) == ((), ())
    await watch.broker.close()


async def test_a_mirror_tells_its_error_and_its_lag(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await publish(oracle, name, 5)
    copies = {"mirror": {"mirror": {"name": name}}, "lost": {"mirror": {"name": f"{name}-none"}}}
    copies["sourced"] = {"sources": [{"name": name}, {"name": f"{name}-none"}]}  # type: ignore[dict-item]
    for copy, config in copies.items():
        await api(oracle, f"STREAM.CREATE.{name}-{copy}", name=f"{name}-{copy}", **config)

    async def told() -> None:
        await watch.read()
        verdicts = {copy: watch.destination(f"{name}-{copy}").verdict for copy in copies}
        assert (verdicts["mirror"].status, verdicts["mirror"].reason) == (Status.OK, None)
        for copy in ("lost", "sourced"):
            assert (verdicts[copy].status, verdicts[copy].reason) == (Status.BEHIND, Reason.COPY_BROKEN)

    await eventually(told)
    (mirror,) = watch.destination(f"{name}-mirror").destination.origins
    assert (mirror.name, mirror.lag, mirror.silent_s, mirror.error) == (name, 0, None, "")
    (lost,) = watch.destination(f"{name}-lost").destination.origins
    assert (lost.name, lost.never_contacted, lost.error) == (f"{name}-none", True, "stream not found")
    origins = watch.destination(f"{name}-sourced").destination.origins
    assert [(origin.name, origin.error) for origin in origins] == [(name, ""), (f"{name}-none", "stream not found")]


async def test_a_mirror_of_a_recreated_stream_does_not_work(watch: Watch, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    await publish(oracle, name, 20)
    await api(oracle, f"STREAM.CREATE.{name}-m", name=f"{name}-m", mirror={"name": name})

    async def copied() -> None:
        await watch.read()
        destination = watch.destination(f"{name}-m")
        assert (destination.destination.messages, destination.verdict.status) == (20, Status.OK)

    await eventually(copied)
    await api(oracle, f"STREAM.DELETE.{name}")
    await stream(oracle, name)
    await publish(oracle, name, 3)
    for _ in range(2):
        await watch.read()
    mirror = watch.destination(f"{name}-m")
    assert (mirror.verdict.status, mirror.verdict.reason) == (Status.BEHIND, Reason.COPY_BROKEN)
    assert mirror.destination.origins[0].error == "it was recreated and ends at 3, before this copy at 20"


async def fill(oracle: Client, name: str) -> None:
    for _ in range(100):
        await oracle.jetstream().publish(name, b"x" * 20)


@pytest.mark.parametrize("limit", [{"max_msgs": 20}, {"max_bytes": 2000}])
async def test_a_full_stream_that_rejects_is_told(
    watch: Watch, oracle: Client, name: str, limit: dict[str, int]
) -> None:
    await stream(oracle, name, discard="new", **limit)
    bucket = await oracle.jetstream().create_key_value(bucket=name, history=1, max_bytes=100_000)
    await bucket.put("a", b"x")
    await watch.read()
    assert watch.destination(name).verdict.status is Status.OK
    with pytest.raises(APIError, match="maximum"):
        await fill(oracle, name)
    for _ in range(2):
        await watch.read()
    verdict = watch.destination(name).verdict
    assert (verdict.status, verdict.reason) == (Status.BEHIND, Reason.FULL)
    kept = watch.destination(f"KV_{name}")
    assert (kept.destination.kind, kept.verdict.status) == ("key-value bucket", Status.OK)


@pytest.mark.parametrize("ahead_s", [0.0, 180.0, -180.0])
async def test_an_age_is_right_whatever_our_clock_says(
    nats_broker: NatsServer, oracle: Client, name: str, ahead_s: float
) -> None:
    watch = Watch(nats_broker, include=(name,))
    await watch.broker.connect()
    await stream(oracle, name)
    await durable(oracle, name, "idle")
    await publish(oracle, name, 5)
    published_at = time.time()
    for _ in range(3):
        await watch.read(after_s=time.time() + ahead_s - watch.now)
    age = watch.group(f"{name}/idle").flow.time_lag
    assert age is not None
    assert age.method is TimeLagMethod.MEASURED
    assert age.seconds == pytest.approx(watch.now - ahead_s - published_at, abs=0.5)
    cluster = (await watch.broker.sweep()).cluster
    assert cluster is not None
    behind = {0.0: None, 180.0: "3 min behind", -180.0: "3 min ahead of"}[ahead_s]
    told = () if behind is None else (f"The broker's clock is {behind} the clock of Signalbox.",)
    assert tuple(text.replace("\u00a0", " ") for text in cluster.notes) == told
    await watch.broker.close()

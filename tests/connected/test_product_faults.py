"""`signalbox serve` among brokers that are wrong in every way at once: it says so, stays quick, and the healthy one stays live."""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from nats.aio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from signalbox.servers.nats import NatsServer, nats_server
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.servers.sqs import SqsServer
from signalbox.web import urls
from signalbox.web.live.socket import SOCKETS_PER_ADDRESS_MAX, TOO_MANY
from signalbox.web.live.viewer import FRAME_BYTES_MAX, REFUSED, TOO_LARGE
from signalbox.web.monitoring import urls as monitoring_urls
from tests.support import nats
from tests.support.faulty import HEALTHY, Brokers, faulty
from tests.support.kafka import KafkaUnderTest
from tests.support.serving import Serving, serving
from tests.support.tables import connection
from tests.support.visits import addresses
from tests.support.waiting import eventually

WATCHED_S = 25.0
PAGE_S_MAX = 1.0  # a page that waited for a broker would take its time limit, 2 s, or longer
GROWTH_BYTES_MAX = 16 * 1024**2  # garbage that goes at the next full collection is in it
TAG = re.compile(r"<[^>]+>")

SAID = {
    "kafka-closed": ("connection refused", "Is the broker running?"),
    "kafka-silent": ("did not respond in time", "Kafka port"),
    "kafka-web": ("is a web server", "Check the port"),
    "kafka-plain-to-tls": ("speaks TLS", "Set tls = true"),
    "kafka-tls-to-plain": ("does not speak TLS", "tls = false"),
    "kafka-login": ("as alice: wrong user or password", "Check user and password"),
    "kafka-slow": ("did not respond in time", "the broker hangs"),
    "rabbitmq-closed": ("Cannot reach", "Check host and port"),
    "rabbitmq-silent": ("did not answer within 2 s", "Is this RabbitMQ's port?"),
    "rabbitmq-web": ("does not speak AMQP", "Check host and port"),
    "rabbitmq-plain-to-tls": ("speaks TLS", "Set tls = true"),
    "rabbitmq-tls-to-plain": ("does not speak TLS", "turn TLS off"),
    "rabbitmq-login": ("refused the user name or password", "Check user and password"),
    "rabbitmq-slow": ("did not answer within 2 s", "overloaded"),
    "nats-closed": ("nothing answers at", "the port is right"),
    "nats-silent": ("did not answer within 2 s", "may be frozen"),
    "nats-web": ("did not answer within 2 s", "not a NATS port"),
    "nats-plain-to-tls": ("certificate", "Set ca_file"),
    "nats-foreign-ca": ("certificate", "Set ca_file"),
    "nats-tls-to-plain": ("speaks without TLS", "Switch TLS on at the server"),
    "nats-login": ("refused the login", "Check user and password"),
    "nats-slow": ("did not answer within 2 s", "may be frozen"),
    "sqs-closed": ("Could not connect", "Check region and endpoint_url"),
    "sqs-silent": ("gave no answer in 2 s", "Check the network"),
    "sqs-web": ("is not SQS", "Check endpoint_url"),
    "sqs-plain-to-tls": ("Connection was closed", "http:// or https://"),
    "sqs-tls-to-plain": ("no TLS there", "http:// or https://"),
    "sqs-slow": ("gave no answer in 2 s", "Check the network"),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Signalbox among all of them, and a client of the healthy one."""

    served: Serving
    names: tuple[str, ...]
    oracle: Client

    async def lag(self, client: httpx.AsyncClient, group: str) -> int | None:
        """Return what Signalbox says; None while it knows no such group."""
        answer = await client.get(urls.api("groups", HEALTHY, group))
        return answer.json()["flow"]["lag"] if answer.is_success else None

    async def asked(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.served.url, timeout=10)

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.served.process.pid}/statm").read_text().split()[1])
        return pages * 4096


@pytest.fixture(scope="module")
async def scene(
    tmp_path_factory: pytest.TempPathFactory,
    kafka: KafkaUnderTest,
    rabbitmq_3: RabbitServer,
    nats_broker: NatsServer,
    elasticmq: SqsServer,
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("faulty")
    oracle = await nats.plain_client(nats_broker)
    async with faulty(Brokers(kafka, rabbitmq_3, nats_broker, elasticmq), folder) as wrong:
        assert set(wrong.tables) == {*SAID, HEALTHY}
        async with serving(folder / "signalbox", "".join(wrong.tables.values()), verbose=True) as served:
            yield Scene(served, tuple(wrong.tables), oracle)
            log = served.process.log.read_text()
    await oracle.close()
    assert "Traceback" not in log
    assert "ERROR" not in log


async def test_every_connection_says_what_is_wrong_and_what_to_do(scene: Scene) -> None:
    async with await scene.asked() as client:
        for name, (found, do) in SAID.items():

            async def said(name: str = name, found: str = found, do: str = do) -> None:
                text = html.unescape(TAG.sub("", (await client.get(monitoring_urls.connection(name))).text))
                assert "Down for" in text, name
                assert found in text, name
                assert do in text, name
                told = (await client.get(urls.api("connections", name))).json()
                assert (told["status"], told["groups"]) == ("down", 0)

            await eventually(said, within_s=20)
        listed = (await client.get(monitoring_urls.connections())).text
        assert all(f">{name}<" in listed for name in scene.names)


async def test_pages_stay_quick_the_healthy_broker_stays_live_and_memory_stands(scene: Scene) -> None:
    await nats.stream(scene.oracle, "among-faults")
    await nats.durable(scene.oracle, "among-faults", "reader")
    slowest, published, begun = (0.0, ""), 0, time.monotonic()
    resident = 0
    async with await scene.asked() as client:
        while (passed := time.monotonic() - begun) < WATCHED_S:
            await scene.oracle.request("among-faults", b"x")
            published += 1
            for address in addresses(scene.names):
                asked = time.monotonic()
                answer = await client.get(address)
                slowest = max(slowest, (time.monotonic() - asked, address))
                assert answer.status_code < 500, address
            assert (await client.get(urls.HEALTH_READY)).text.strip() == "ready"
            if not resident and passed > WATCHED_S / 3:
                resident = scene.resident_bytes()

            async def counted(expected: int = published) -> None:
                assert await scene.lag(client, "among-faults/reader") == expected

            await eventually(counted, within_s=12)
    grown = scene.resident_bytes() - resident
    assert slowest[0] < PAGE_S_MAX, slowest
    assert grown < GROWTH_BYTES_MAX, f"{grown / 1e6:.1f} MB more after {WATCHED_S * 2 / 3:.0f} s"
    assert published > 3


async def test_streams_and_consumers_made_anew_never_show_a_wrong_figure(scene: Scene) -> None:
    oracle, seen = scene.oracle, set[int | None]()
    async with await scene.asked() as client:

        async def agreed() -> int:
            said = await nats.api(oracle, "CONSUMER.INFO.anew.reader")
            expected = int(said["num_pending"]) + int(said["num_ack_pending"])
            seen.add(told := await scene.lag(client, "anew/reader"))
            assert told == expected
            return expected

        async def gone(address: str) -> None:
            assert (await client.get(address)).status_code == 404

        true: set[int | None] = {None}
        for published in (9, 4):
            await nats.stream(oracle, "anew")
            await nats.durable(oracle, "anew", "reader")
            for _ in range(published):
                await oracle.request("anew", b"x")
            true |= set(range(published + 1))
            assert await eventually(agreed, within_s=15) == published
            await nats.api(oracle, "STREAM.DELETE.anew")
        await nats.stream(oracle, "anew")
        await oracle.request("anew", b"x")
        await nats.durable(oracle, "anew", "reader")
        assert await eventually(agreed, within_s=15) == 1
        await nats.api(oracle, "CONSUMER.DELETE.anew.reader")
        await eventually(lambda: gone(urls.api("groups", HEALTHY, "anew/reader")), within_s=20)
        await nats.durable(oracle, "anew", "reader", deliver_policy="new")
        for _ in range(6):
            await oracle.request("anew", b"x")
        assert await eventually(agreed, within_s=15) == 6
        await nats.api(oracle, "STREAM.DELETE.anew")
        await eventually(lambda: gone(urls.api("groups", HEALTHY, "anew/reader")), within_s=20)
        await eventually(lambda: gone(urls.api("destinations", HEALTHY, "anew")), within_s=20)
    assert seen <= true


async def test_a_thousand_sockets_from_one_address_leave_the_pages_alone(scene: Scene) -> None:
    address = scene.served.url.replace("http", "ws") + urls.LIVE
    opened = await asyncio.gather(*(connect(address, open_timeout=30) for _ in range(1000)))
    try:
        codes = [code for code in await asyncio.gather(*map(_greeted, opened)) if code is not None]
        assert codes == [TOO_MANY] * (1000 - SOCKETS_PER_ADDRESS_MAX)
        async with await scene.asked() as client:
            assert (await client.get(urls.overview())).status_code == 200
            assert (await client.get(urls.HEALTH_READY)).text.strip() == "ready"
    finally:
        await asyncio.gather(*(socket.close() for socket in opened))

    async def place_again() -> None:
        async with connect(address) as socket:
            assert await _greeted(socket) is None

    await eventually(place_again, within_s=10)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("x" * (FRAME_BYTES_MAX + 1), TOO_LARGE),
        ("\u00fc" * (FRAME_BYTES_MAX // 2 + 1), TOO_LARGE),
        ("[" * 100_000, REFUSED),
        ('{"watch": [["overview", "nothing", "0.0"]]}', REFUSED),
        ('{"watch": [["group/nats-healthy", "groups/head", "0.0"]]}', None),
        (
            '{"watch": [["group", "points", "1"], ["connection/a/b", "connections/head", ""], ["destination/a", "destinations/head", ""]]}',
            None,
        ),
        (b"\x00\xff\xfe", REFUSED),
    ],
    ids=["too large", "too large in bytes", "nested", "unknown", "half a key", "keys of any length", "binary"],
)
async def test_frames_that_no_page_sends_end_that_socket_alone(
    scene: Scene, frame: str | bytes, code: int | None
) -> None:
    address = scene.served.url.replace("http", "ws") + urls.LIVE
    async with connect(address) as other, connect(address) as socket:
        assert await _greeted(other) is None
        assert await _greeted(socket) is None
        await socket.send(frame)
        assert await _greeted(socket) == code
        await other.send('{"watch": [["overview", "overview/head", "0.0"]]}')
        assert "overview/head" in str(await asyncio.wait_for(other.recv(), 10))


async def _greeted(socket: ClientConnection) -> int | None:
    """Take one message; return the code by which the socket was closed instead, if it was."""
    try:
        await asyncio.wait_for(socket.recv(), 30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    return None


@dataclass(frozen=True, slots=True)
class Kept:
    """Signalbox and what it has kept of one group."""

    client: httpx.AsyncClient

    async def points(self) -> dict[float, int]:
        """Return the lag by time, once it has been seen to rise."""
        answer = await self.client.get(monitoring_urls.history("shop", "kept/reader"))
        assert answer.is_success
        told = answer.json()
        found = {at: lag for at, lag in zip(told["at"], told["lag"], strict=True) if lag is not None}
        assert 23 in found.values()
        return found

    async def saved_after(self, moment: float) -> float:
        """Return when history was saved, once that was after this time."""
        text = (await self.client.get(urls.METRICS)).text
        found = re.search(r"^signalbox_history_save_age_seconds (\S+)$", text, re.MULTILINE)
        assert found is not None
        saved_at = time.time() - float(found[1])
        assert saved_at > moment
        return saved_at


@pytest.fixture
async def backlog(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server on which one consumer has 23 messages to read."""
    async with nats_server(folder=tmp_path / "nats") as server:
        oracle = await nats.plain_client(server)
        await nats.stream(oracle, "kept")
        await nats.durable(oracle, "kept", "reader")
        for _ in range(23):
            await oracle.request("kept", b"x")
        await oracle.close()
        yield server


async def test_history_from_before_a_crash_is_there_after_it(tmp_path: Path, backlog: NatsServer) -> None:
    table = connection("shop", "nats", urls=[backlog.url], user=backlog.user, password=backlog.password)
    async with (
        serving(tmp_path / "signalbox", table) as served,
        httpx.AsyncClient(base_url=served.url, timeout=10) as client,
    ):
        kept = Kept(client)
        first_at = min(await eventually(kept.points, within_s=20))
        saved_at = await eventually(lambda: kept.saved_after(first_at + 6), within_s=30)
        before = {at: lag for at, lag in (await kept.points()).items() if at < saved_at - 1}
        assert before
        await served.process.kill()
        await served.process.start()

        async def read_back() -> None:
            after = await kept.points()
            assert {at: lag for at, lag in after.items() if at in before} == before
            assert max(after) > saved_at

        await eventually(read_back, within_s=30)

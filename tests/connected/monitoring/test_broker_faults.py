"""`signalbox serve` with brokers that fail in every way at once: it shows why, stays fast, and the healthy one stays live."""

import asyncio
import html
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import pytest
from nats.aio.client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from signalbox.servers.nats import NatsServer, nats_server
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.servers.sqs import SqsServer
from signalbox.web import urls
from signalbox.web.live.page import BAD_MESSAGE, FRAME_BYTES_MAX, TOO_LARGE
from signalbox.web.live.socket import SOCKETS_PER_ADDRESS_MAX, TOO_MANY
from signalbox.web.monitoring import urls as monitoring_urls
from tests.support import nats
from tests.support.faulty import HEALTHY, Brokers, faulty
from tests.support.kafka import KafkaUnderTest
from tests.support.pages import addresses
from tests.support.serving import Serving, serving
from tests.support.tables import connection
from tests.support.waiting import eventually

ROUNDS_MIN = 3  # of publishing and reading all pages, however slow the machine is
PAGE_S_MAX = 1.0  # a page that waits for a broker would take at least its timeout of 2 s
GROWTH_BYTES_MAX = 16 * 1024**2  # includes garbage until the next full collection
TAG = re.compile(r"<[^>]+>")

ERRORS = {
    "kafka-closed": ("connection refused", "Is the broker running?"),
    "kafka-silent": ("did not respond within 2 s", "Kafka port"),
    "kafka-web": ("is a web server", "Check the port"),
    "kafka-plain-to-tls": ("speaks TLS", "Set tls = true"),
    "kafka-tls-to-plain": ("does not speak TLS", "tls = false"),
    "kafka-login": ("as alice: wrong user or password", "Check user and password"),
    "kafka-slow": ("did not respond within 2 s", "the broker hangs"),
    "rabbitmq-closed": ("Cannot reach", "Check host and port"),
    "rabbitmq-silent": ("did not answer within 2 s", "Is this RabbitMQ's port?"),
    "rabbitmq-web": ("is the port of a web server", "AMQP port, usually 5672"),
    "rabbitmq-plain-to-tls": ("speaks TLS", "Set tls = true"),
    "rabbitmq-tls-to-plain": ("does not speak TLS", "turn TLS off"),
    "rabbitmq-login": ("refused the user name or password", "Check user and password"),
    "rabbitmq-slow": ("did not answer within 2 s", "overloaded"),
    "nats-closed": ("connection refused", "Is the server running"),
    "nats-silent": ("did not answer within 2 s", "may be frozen"),
    "nats-web": ("did not answer within 2 s", "not a NATS port"),
    "nats-plain-to-tls": ("certificate", "Set ca_file"),
    "nats-foreign-ca": ("certificate", "Set ca_file"),
    "nats-tls-to-plain": ("does not offer TLS", "Enable TLS on the server"),
    "nats-login": ("refused the login", "Check user and password"),
    "nats-slow": ("did not answer within 2 s", "may be frozen"),
    "sqs-closed": ("Could not connect", "Check region, endpoint_url"),
    "sqs-silent": ("did not answer within 2 s", "Check the network"),
    "sqs-web": ("is not SQS", "Check endpoint_url"),
    "sqs-plain-to-tls": ("Connection was closed", "http:// or https://"),
    "sqs-tls-to-plain": ("does not speak TLS", "http:// or https://"),
    "sqs-slow": ("did not answer within 2 s", "Check the network"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """Signalbox with all connections, and a client of the healthy broker."""

    served: Serving
    names: tuple[str, ...]
    oracle: Client

    async def lag(self, client: httpx.AsyncClient, group: str) -> int | None:
        """Return the lag that Signalbox reports; None while it does not know the group."""
        answer = await client.get(urls.api("groups", HEALTHY, group))
        return answer.json()["flow"]["lag"] if answer.is_success else None

    def http_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.served.url, timeout=10)

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.served.process.pid}/statm").read_text().split()[1])
        return pages * 4096


@pytest.fixture(scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory,
    kafka: KafkaUnderTest,
    rabbitmq_3: RabbitServer,
    nats_broker: NatsServer,
    elasticmq: SqsServer,
) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("faulty")
    oracle = await nats.plain_client(nats_broker)
    async with faulty(Brokers(kafka, rabbitmq_3, nats_broker, elasticmq), folder) as faulty_brokers:
        assert set(faulty_brokers.tables) == {*ERRORS, HEALTHY}
        async with serving(folder / "signalbox", "".join(faulty_brokers.tables.values()), verbose=True) as served:
            yield Site(served, tuple(faulty_brokers.tables), oracle)
            log = served.process.log.read_text()
    await oracle.close()
    assert "Traceback" not in log
    assert "ERROR" not in log


async def test_every_connection_shows_the_problem_and_a_hint(site: Site) -> None:
    async with site.http_client() as client:
        for name, (problem, hint) in ERRORS.items():

            async def shown(name: str = name, problem: str = problem, hint: str = hint) -> None:
                text = html.unescape(TAG.sub("", (await client.get(monitoring_urls.connection(name))).text))
                assert "Down since" in text, name
                assert problem in text, (name, text[text.find("Down since") :][:300])
                assert hint in text, name
                answer = (await client.get(urls.api("connections", name))).json()
                assert (answer["status"], answer["groups"]) == ("down", None)

            await eventually(shown, within_s=20)
        listed = (await client.get(monitoring_urls.connections())).text
        assert all(f">{name}<" in listed for name in site.names)


@pytest.mark.parametrize("watched_s", [10.0, pytest.param(60.0, marks=pytest.mark.soak)])
async def test_pages_stay_fast_the_healthy_broker_stays_live_and_memory_is_bounded(
    site: Site, watched_s: float
) -> None:
    await nats.stream(site.oracle, "among-faults")
    await nats.durable(site.oracle, "among-faults", "reader")
    durations: defaultdict[str, list[float]] = defaultdict(
        list
    )  # of each address; a busy machine delays single answers
    published, began = 0, time.monotonic()
    resident = 0
    async with site.http_client() as client:
        while (passed := time.monotonic() - began) < watched_s or published <= ROUNDS_MIN:
            await site.oracle.request("among-faults", b"x")
            published += 1
            for address in addresses(site.names):
                requested = time.monotonic()
                answer = await client.get(address)
                durations[address].append(time.monotonic() - requested)
                assert answer.status_code < 500, address
            assert (await client.get(urls.HEALTH_READY)).text.strip() == "ready"
            if not resident and passed > watched_s / 3:
                resident = site.resident_bytes()

            async def counted(expected: int = published) -> None:
                assert await site.lag(client, "among-faults/reader") == expected

            await eventually(counted, within_s=12)
    grown = site.resident_bytes() - resident
    assert [address for address, taken in durations.items() if median(taken) > PAGE_S_MAX] == []
    assert grown < GROWTH_BYTES_MAX, f"{grown / 1e6:.1f} MB more after {watched_s * 2 / 3:.0f} s"


async def test_recreated_streams_and_consumers_never_show_a_wrong_lag(site: Site) -> None:
    oracle, reported = site.oracle, set[int | None]()
    async with site.http_client() as client:

        async def agreed() -> int:
            info = await nats.api(oracle, "CONSUMER.INFO.recreated.reader")
            expected = int(info["num_pending"]) + int(info["num_ack_pending"])
            reported.add(lag := await site.lag(client, "recreated/reader"))
            assert lag == expected
            return expected

        async def gone(address: str) -> None:
            assert (await client.get(address)).status_code == 404

        true: set[int | None] = {None}
        for published in (9, 4):
            await nats.stream(oracle, "recreated")
            await nats.durable(oracle, "recreated", "reader")
            for _ in range(published):
                await oracle.request("recreated", b"x")
            true |= set(range(published + 1))
            assert await eventually(agreed, within_s=15) == published
            await nats.api(oracle, "STREAM.DELETE.recreated")
        await nats.stream(oracle, "recreated")
        await oracle.request("recreated", b"x")
        await nats.durable(oracle, "recreated", "reader")
        assert await eventually(agreed, within_s=15) == 1
        await nats.api(oracle, "CONSUMER.DELETE.recreated.reader")
        await eventually(lambda: gone(urls.api("groups", HEALTHY, "recreated/reader")), within_s=20)
        await nats.durable(oracle, "recreated", "reader", deliver_policy="new")
        for _ in range(6):
            await oracle.request("recreated", b"x")
        assert await eventually(agreed, within_s=15) == 6
        await nats.api(oracle, "STREAM.DELETE.recreated")
        await eventually(lambda: gone(urls.api("groups", HEALTHY, "recreated/reader")), within_s=20)
        await eventually(lambda: gone(urls.api("destinations", HEALTHY, "recreated")), within_s=20)
    assert reported <= true


async def test_a_thousand_sockets_from_one_address_do_not_slow_down_pages(site: Site) -> None:
    address = site.served.url.replace("http", "ws") + urls.LIVE
    opened = await asyncio.gather(*(connect(address, open_timeout=30) for _ in range(1000)))
    try:
        codes = [code for code in await asyncio.gather(*map(_close_code, opened)) if code is not None]
        assert codes == [TOO_MANY] * (1000 - SOCKETS_PER_ADDRESS_MAX)
        async with site.http_client() as client:
            assert (await client.get(urls.home())).status_code == 200
            assert (await client.get(urls.HEALTH_READY)).text.strip() == "ready"
    finally:
        await asyncio.gather(*(socket.close() for socket in opened))

    async def socket_accepted() -> None:
        async with connect(address) as socket:
            assert await _close_code(socket) is None

    await eventually(socket_accepted, within_s=10)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("x" * (FRAME_BYTES_MAX + 1), TOO_LARGE),
        ("\u00fc" * (FRAME_BYTES_MAX // 2 + 1), TOO_LARGE),
        ("[" * 100_000, BAD_MESSAGE),
        ('{"watch": [["overview", "nothing", "0.0"]]}', BAD_MESSAGE),
        ('{"watch": [["group/nats-healthy", "groups/head", "0.0"]]}', None),
        (
            '{"watch": [["group", "points", "1"], ["connection/a/b", "connections/head", ""], ["destination/a", "destinations/head", ""]]}',
            None,
        ),
        (b"\x00\xff\xfe", BAD_MESSAGE),
    ],
    ids=["too large", "too large in bytes", "nested", "unknown", "half a key", "keys of any length", "binary"],
)
async def test_an_invalid_frame_closes_only_its_own_socket(site: Site, frame: str | bytes, code: int | None) -> None:
    address = site.served.url.replace("http", "ws") + urls.LIVE
    async with connect(address) as other, connect(address) as socket:
        assert await _close_code(other) is None
        assert await _close_code(socket) is None
        await socket.send(frame)
        assert await _close_code(socket) == code
        await other.send('{"watch": [["overview", "overview/head", "0.0"]]}')
        assert "overview/head" in str(await asyncio.wait_for(other.recv(), 10))


async def _close_code(socket: ClientConnection) -> int | None:
    """Receive one message; return the close code if the socket was closed instead."""
    try:
        await asyncio.wait_for(socket.recv(), 30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
    return None


@dataclass(frozen=True, slots=True)
class HistoryClient:
    """The history of one group at Signalbox."""

    client: httpx.AsyncClient

    async def points(self) -> dict[float, int]:
        """Return the lag by time, once it has risen."""
        answer = await self.client.get(monitoring_urls.history("shop", "backlog/reader"))
        assert answer.is_success
        points = answer.json()
        lags = {at: lag for at, lag in zip(points["at"], points["lag"], strict=True) if lag is not None}
        assert 23 in lags.values()
        return lags

    async def saved_after(self, moment: float) -> float:
        """Return when history was saved, once that is after `moment`."""
        text = (await self.client.get(urls.METRICS)).text
        found = re.search(r"^signalbox_history_save_age_seconds (\S+)$", text, re.MULTILINE)
        assert found is not None
        saved_at = time.time() - float(found[1])
        assert saved_at > moment
        return saved_at


@pytest.fixture
async def backlog(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server with one consumer that has 23 unread messages."""
    async with nats_server(folder=tmp_path / "nats") as server:
        oracle = await nats.plain_client(server)
        await nats.stream(oracle, "backlog")
        await nats.durable(oracle, "backlog", "reader")
        for _ in range(23):
            await oracle.request("backlog", b"x")
        await oracle.close()
        yield server


async def test_history_survives_a_crash(tmp_path: Path, backlog: NatsServer) -> None:
    table = connection("shop", "nats", urls=[backlog.url], user=backlog.user, password=backlog.password)
    async with (
        serving(tmp_path / "signalbox", table) as served,
        httpx.AsyncClient(base_url=served.url, timeout=10) as client,
    ):
        history = HistoryClient(client)
        first_at = min(await eventually(history.points, within_s=20))
        saved_at = await eventually(lambda: history.saved_after(first_at + 6), within_s=30)
        before = {at: lag for at, lag in (await history.points()).items() if at < saved_at - 1}
        assert before
        await served.process.kill()
        await served.process.start()

        async def restored() -> None:
            after = await history.points()
            assert {at: lag for at, lag in after.items() if at in before} == before
            assert max(after) > saved_at

        await eventually(restored, within_s=30)

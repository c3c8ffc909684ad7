"""No secret appears in pages, API answers, logs or CLI output when brokers refuse, break, or echo the secret."""

import base64
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import nkeys
import pytest

from signalbox.brokers.settings import REDACTED
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from signalbox.servers.postgres import PostgresServer
from signalbox.servers.process import free_port
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.certificates import issue
from tests.support.commands import configured, signalbox
from tests.support.kafka import KafkaUnderTest
from tests.support.nats_jwt import Key, Operator
from tests.support.pages import everything
from tests.support.proxy import echo_port, silent_port, web_port
from tests.support.rabbitmq import management
from tests.support.serving import serving
from tests.support.tables import Value, connection
from tests.support.waiting import eventually

SPECIAL = '/+%@"\\ ü'  # URL, JSON and shell quoting change these characters
TIMEOUT_S = 1


def canary(kind: str) -> str:
    return f"canary-{kind}-{secrets.token_hex(8)}"


def encodings(secret: str) -> set[str]:
    """Return the secret in every encoding: plain, URL-quoted, JSON, hexadecimal, and base64 at each of its three alignments."""
    raw = secret.encode()
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), ascii(secret)[1:-1], raw.hex()}
    if plain := re.search(r"canary-\w+-\w+", secret):
        texts.add(plain[0])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            whole = encode(b"\0" * before + raw).decode().rstrip("=")
            texts.add(whole[4 if before else 0 : -2])
    return texts


@dataclass(slots=True)
class BrokenConnections:
    """Connections that cannot work, and their secrets."""

    tables: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    reachable: set[str] = field(default_factory=set)  # they sign in; the management API then refuses them
    secrets: list[str] = field(default_factory=list)

    def add(self, name: str, kind: str, *, secret: str, **keys: Value | None) -> None:
        self.names.append(name)
        self.secrets.append(secret)
        self.tables.append(connection(name, kind, timeout_s=TIMEOUT_S, **keys))

    def add_password(self, name: str, kind: str, **keys: Value | None) -> None:
        secret = canary(name.replace("-", "")) + SPECIAL
        self.add(name, kind, secret=secret, user="alice", password=secret, **keys)

    def assert_no_secret(self, source: str, text: str) -> None:
        for secret in self.secrets:
            leaks = [leak for leak in encodings(secret) if leak in text]
            assert not leaks, f"{source} shows {leaks[0]!r}: {text[max(0, text.index(leaks[0]) - 200) :][:400]}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports with no broker behind them."""

    closed: int
    silent: int
    web: int
    echo: int

    def by_name(self) -> Iterator[tuple[str, int]]:
        yield from (("closed", self.closed), ("silent", self.silent), ("web", self.web), ("echo", self.echo))


@pytest.fixture(scope="module")
async def broken(
    tmp_path_factory: pytest.TempPathFactory, kafka: KafkaUnderTest, rabbitmq_3: RabbitServer, nats_broker: NatsServer
) -> AsyncIterator[BrokenConnections]:
    broken = BrokenConnections()
    folder = tmp_path_factory.mktemp("secrets")
    async with AsyncExitStack() as stack:
        ports = Ports(
            free_port(),
            await stack.enter_async_context(silent_port()),
            await stack.enter_async_context(web_port()),
            await stack.enter_async_context(echo_port()),
        )
        operated = await stack.enter_async_context(
            nats_server(NatsOptions(login=False, config=Operator().configuration()), folder=folder / "operated")
        )
        foreign = issue(folder / "certificates").foreign_ca_file
        _kafka(broken, kafka, ports, foreign)
        _rabbitmq(broken, rabbitmq_3, ports, foreign)
        await _echoing(broken, rabbitmq_3, ports)
        _nats(broken, (nats_broker, operated), ports, folder)
        _sqs(broken, ports, foreign)
        yield broken
    await management(rabbitmq_3, "/api/users/alice", method="DELETE")


def _kafka(broken: BrokenConnections, kafka: KafkaUnderTest, ports: Ports, foreign: Path) -> None:
    plain = {"sasl_mechanism": "PLAIN"}
    listeners = {"login": "SASL", "no-login": "PLAINTEXT", "tls-to-plain": "SASL"}
    for name, listener in listeners.items():
        tls = name.startswith("tls")
        broken.add_password(f"kafka-{name}", "kafka", bootstrap=[kafka.server.address(listener)], tls=tls, **plain)
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        bootstrap = [kafka.server.address("SASL")]
        broken.add_password(f"kafka-{mechanism.lower()}", "kafka", bootstrap=bootstrap, sasl_mechanism=mechanism)
    secured = [kafka.server.address("SASL_SSL")]
    broken.add_password("kafka-ca", "kafka", bootstrap=secured, ca_file=foreign, **plain)
    broken.add_password("kafka-plain-to-tls", "kafka", bootstrap=secured, **plain)
    for name, port in ports.by_name():
        broken.add_password(f"kafka-{name}", "kafka", bootstrap=[f"127.0.0.1:{port}"], **plain)


def _rabbitmq(broken: BrokenConnections, rabbitmq: RabbitServer, ports: Ports, foreign: Path) -> None:
    address = rabbitmq.address()
    amqp: Mapping[str, Value] = {"host": address.host, "port": address.port or 0}
    broken.add_password("rabbitmq-login", "rabbitmq", **amqp, management_url=address.management_url)
    broken.add_password("rabbitmq-tls-to-plain", "rabbitmq", **amqp, tls=True, ca_file=foreign)
    for name, port in ports.by_name():
        web = f"http://127.0.0.1:{port}"
        broken.add_password(f"rabbitmq-{name}", "rabbitmq", host="127.0.0.1", port=port, management_url=web)
        broken.add_password(
            f"rabbitmq-management-{name}", "rabbitmq", **amqp, management_url=web, prometheus_urls=[web]
        )


async def _echoing(broken: BrokenConnections, rabbitmq: RabbitServer, ports: Ports) -> None:
    """A login that AMQP accepts, and that the management port echoes."""
    address, name = rabbitmq.address(), "rabbitmq-echoing"
    web = f"http://127.0.0.1:{ports.echo}"
    broken.add_password(name, "rabbitmq", host=address.host, port=address.port, management_url=web)
    user = {"password": broken.secrets[-1], "tags": ""}
    rights = {"configure": "", "write": "", "read": ""}
    await management(rabbitmq, "/api/users/alice", method="PUT", body=user)
    await management(rabbitmq, "/api/permissions/%2F/alice", method="PUT", body=rights)
    broken.reachable.add(name)


def _nats(broken: BrokenConnections, servers: tuple[NatsServer, NatsServer], ports: Ports, folder: Path) -> None:
    server, operated = servers
    urls = {"login": server.url, "tls-to-plain": server.url.replace("nats:", "tls:")}
    urls |= {name: f"nats://127.0.0.1:{port}" for name, port in ports.by_name()}
    for name, url in urls.items():
        broken.add_password(f"nats-{name}", "nats", urls=[url])
        token = canary(f"token{len(broken.names)}") + SPECIAL
        broken.add(f"nats-token-{name}", "nats", secret=token, urls=[url], token=token)
        seed = Key.make(nkeys.PREFIX_BYTE_USER).seed.decode()
        broken.add(f"nats-seed-{name}", "nats", secret=seed, urls=[url], nkey_seed=seed)
    wrong = canary("seed")
    broken.add("nats-no-seed", "nats", secret=wrong, urls=[server.url], nkey_seed=wrong)
    for name, text in {"foreign": "", "no-credentials": canary("credentials")}.items():
        file = folder / f"{name}.creds"
        Operator().credentials(file, foreign=True)
        if text:
            file.write_text(text)
        secret = text or re.findall(r"^SU\w+$", file.read_text(), re.MULTILINE)[0]
        broken.add(f"nats-{name}", "nats", secret=secret, urls=[operated.url], credentials_file=file)


def _sqs(broken: BrokenConnections, ports: Ports, foreign: Path) -> None:
    for name, port in ports.by_name():
        for scheme in ("http", "https"):
            key, token = canary(f"key{name}") + SPECIAL, canary(f"session{name}")
            broken.secrets.append(token)
            broken.add(
                f"sqs-{scheme}-{name}",
                "sqs",
                secret=key,
                region="eu-west-1",
                endpoint_url=f"{scheme}://127.0.0.1:{port}",
                access_key_id="AKIDTESTTESTTEST",
                secret_access_key=key,
                session_token=token,
                ca_file=foreign if scheme == "https" else None,
            )


@pytest.mark.parametrize(
    "words",
    [("check",), ("check", "--json"), ("-v", "check"), ("lag",), ("lag", "--json"), ("-v", "lag")],
    ids=" ".join,
)
async def test_no_command_prints_a_secret(tmp_path: Path, broken: BrokenConnections, words: tuple[str, ...]) -> None:
    configured(tmp_path, "".join(broken.tables))
    ran = await signalbox(*words, folder=tmp_path)
    assert ran.code == 1, ran.all
    for name in broken.names:
        assert name in ran.all, f"{name} is missing"
    assert "Traceback" not in ran.all
    broken.assert_no_secret(" ".join(words), ran.all)


async def test_serve_shows_no_secret_on_a_page_in_the_api_on_the_socket_or_in_its_log(
    tmp_path: Path, broken: BrokenConnections
) -> None:
    async with serving(tmp_path, "".join(broken.tables), verbose=True) as served:

        async def every_connection_failed() -> None:
            pages = dict([page async for page in everything(served.url, broken.names)])
            for name in broken.reachable:
                assert "not_authorised" in pages[f"/api/v1/connections/{name}"]
                assert REDACTED in pages[f"/api/v1/connections/{name}"]
            for name in set(broken.names) - broken.reachable:
                assert '"error":""' not in pages[f"/api/v1/connections/{name}"], name
            for url, text in pages.items():
                broken.assert_no_secret(url, text)

        await eventually(every_connection_failed, within_s=30)
        log = served.process.log.read_text()
    for name in set(broken.names) - broken.reachable:
        assert name in log, f"{name} is missing in the log"
    assert "Traceback" not in log
    broken.assert_no_secret("the log", log)


async def test_no_command_prints_the_password_of_the_database(tmp_path: Path, postgres: PostgresServer) -> None:
    for port in (postgres_port(postgres), free_port()):
        secret = canary("database") + SPECIAL
        url = f"postgresql+asyncpg://alice:{quote(secret, safe='')}@127.0.0.1:{port}/nowhere"
        configured(tmp_path, f'[server]\nport = {free_port()}\n[database]\nurl = "{url}"\n')
        broken = BrokenConnections(secrets=[secret])
        for words in (("serve",), ("-v", "serve"), ("migrate",), ("check",), ("-v", "check")):
            ran = await signalbox(*words, folder=tmp_path)
            assert ran.code == (0 if "check" in words else 2), ran.all
            assert "Traceback" not in ran.all
            assert f"127.0.0.1:{port}" in ran.all
            broken.assert_no_secret(" ".join(words), ran.all)


def postgres_port(postgres: PostgresServer) -> int:
    match = re.search(r":(\d+)/", postgres.url)
    assert match is not None
    return int(match[1])


async def test_configuration_faults_show_no_secret(tmp_path: Path) -> None:
    secret = canary("address")
    broken = BrokenConnections(secrets=[secret])
    wrong = [
        connection("a", "nats", urls=[f"nats://alice:{secret}@127.0.0.1:1"]),
        connection("b", "rabbitmq", host="h", password=secret, management_url=f"http://alice:{secret}@h:1"),
        connection("c", "kafka", bootstrap=[f"alice:{secret}@h"], user="alice", password=secret),
        connection("d", "sqs", endpoint_url=f"http://alice:{secret}@h/", secret_access_key=secret),
        connection("e", "nats", urls=["nats://h"], user="alice", pasword=secret),
        connection("f", "nats", urls=["nats://h"], token=secret, nkey_seed=secret),
        f'[database]\nurl = "mysql://alice:{secret}@h/x"\n',
    ]
    configured(tmp_path, "".join(wrong))
    for verb in ("serve", "check", "lag", "migrate"):
        ran = await signalbox(verb, folder=tmp_path)
        assert ran.code == 2
        assert "has" in ran.err
        broken.assert_no_secret(verb, ran.all)


def test_every_encoding_of_a_secret_is_detected() -> None:
    secret = canary("x") + SPECIAL
    broken = BrokenConnections(secrets=[secret])
    login = f"alice:{secret}".encode()
    for text in (
        f"Basic {base64.b64encode(login).decode()}",
        f"pw={quote(secret, safe='')}",
        f"{{'password': {secret!r}}}",
        secret.encode().hex(),
        base64.b64encode(b"\0alice\0" + secret.encode()).decode(),
    ):
        with pytest.raises(AssertionError):
            broken.assert_no_secret("here", f"before {text} after")

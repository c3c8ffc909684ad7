"""A secret of every kind, given to brokers that refuse, break, lie or say it back: it stands nowhere that anybody can read."""

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
from tests.support.proxy import echo_port, silent_port, web_port
from tests.support.rabbitmq import management
from tests.support.serving import serving
from tests.support.tables import Value, connection
from tests.support.visits import everything
from tests.support.waiting import eventually

SPECIAL = '/+%@"\\ ü'  # whoever writes a secret into an address, JSON or a shell changes these
TIMEOUT_S = 1


def canary(kind: str) -> str:
    return f"canary-{kind}-{secrets.token_hex(8)}"


def traces(secret: str) -> set[str]:
    """Return every text by which a secret would be known: plain, in an address, in JSON, in hexadecimal, in base64 wherever it begins."""
    raw = secret.encode()
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), ascii(secret)[1:-1], raw.hex()}
    if known := re.search(r"canary-\w+-\w+", secret):
        found.add(known[0])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            whole = encode(b"\0" * before + raw).decode().rstrip("=")
            found.add(whole[4 if before else 0 : -2])
    return found


@dataclass(slots=True)
class Estate:
    """Connections none of which works, and the secrets that they were given."""

    tables: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)  # those that sign in, and then are told off elsewhere
    secrets: list[str] = field(default_factory=list)

    def add(self, name: str, kind: str, *, secret: str, **keys: Value | None) -> None:
        self.names.append(name)
        self.secrets.append(secret)
        self.tables.append(connection(name, kind, timeout_s=TIMEOUT_S, **keys))

    def password(self, name: str, kind: str, **keys: Value | None) -> None:
        secret = canary(name.replace("-", "")) + SPECIAL
        self.add(name, kind, secret=secret, user="alice", password=secret, **keys)

    def assert_silent(self, where: str, text: str) -> None:
        for secret in self.secrets:
            told = [trace for trace in traces(secret) if trace in text]
            assert not told, f"{where} tells {told[0]!r}: {text[max(0, text.index(told[0]) - 200) :][:400]}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where things are that are no broker of the kind that is looked for."""

    closed: int
    silent: int
    web: int
    echo: int

    def named(self) -> Iterator[tuple[str, int]]:
        yield from (("closed", self.closed), ("silent", self.silent), ("web", self.web), ("echo", self.echo))


@pytest.fixture(scope="module")
async def estate(
    tmp_path_factory: pytest.TempPathFactory, kafka: KafkaUnderTest, rabbitmq_3: RabbitServer, nats_broker: NatsServer
) -> AsyncIterator[Estate]:
    made = Estate()
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
        _kafka(made, kafka, ports, foreign)
        _rabbitmq(made, rabbitmq_3, ports, foreign)
        await _told_off(made, rabbitmq_3, ports)
        _nats(made, (nats_broker, operated), ports, folder)
        _sqs(made, ports, foreign)
        yield made
    await management(rabbitmq_3, "/api/users/alice", method="DELETE")


def _kafka(made: Estate, kafka: KafkaUnderTest, ports: Ports, foreign: Path) -> None:
    plain = {"sasl_mechanism": "PLAIN"}
    at = {"login": "SASL", "no-login": "PLAINTEXT", "tls-to-plain": "SASL"}
    for name, listener in at.items():
        tls = name.startswith("tls")
        made.password(f"kafka-{name}", "kafka", bootstrap=[kafka.server.address(listener)], tls=tls, **plain)
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        where = [kafka.server.address("SASL")]
        made.password(f"kafka-{mechanism.lower()}", "kafka", bootstrap=where, sasl_mechanism=mechanism)
    secured = [kafka.server.address("SASL_SSL")]
    made.password("kafka-ca", "kafka", bootstrap=secured, ca_file=foreign, **plain)
    made.password("kafka-plain-to-tls", "kafka", bootstrap=secured, **plain)
    for name, port in ports.named():
        made.password(f"kafka-{name}", "kafka", bootstrap=[f"127.0.0.1:{port}"], **plain)


def _rabbitmq(made: Estate, rabbitmq: RabbitServer, ports: Ports, foreign: Path) -> None:
    address = rabbitmq.address()
    there: Mapping[str, Value] = {"host": address.host, "port": address.port or 0}
    made.password("rabbitmq-login", "rabbitmq", **there, management_url=address.management_url)
    made.password("rabbitmq-tls-to-plain", "rabbitmq", **there, tls=True, ca_file=foreign)
    for name, port in ports.named():
        web = f"http://127.0.0.1:{port}"
        made.password(f"rabbitmq-{name}", "rabbitmq", host="127.0.0.1", port=port, management_url=web)
        made.password(f"rabbitmq-management-{name}", "rabbitmq", **there, management_url=web, prometheus_urls=[web])


async def _told_off(made: Estate, rabbitmq: RabbitServer, ports: Ports) -> None:
    """A login that AMQP takes, and that the management port says back."""
    address, name = rabbitmq.address(), "rabbitmq-told-off"
    web = f"http://127.0.0.1:{ports.echo}"
    made.password(name, "rabbitmq", host=address.host, port=address.port, management_url=web)
    user = {"password": made.secrets[-1], "tags": ""}
    rights = {"configure": "", "write": "", "read": ""}
    await management(rabbitmq, "/api/users/alice", method="PUT", body=user)
    await management(rabbitmq, "/api/permissions/%2F/alice", method="PUT", body=rights)
    made.answered.add(name)


def _nats(made: Estate, servers: tuple[NatsServer, NatsServer], ports: Ports, folder: Path) -> None:
    server, operated = servers
    urls = {"login": server.url, "tls-to-plain": server.url.replace("nats:", "tls:")}
    urls |= {name: f"nats://127.0.0.1:{port}" for name, port in ports.named()}
    for name, url in urls.items():
        made.password(f"nats-{name}", "nats", urls=[url])
        token = canary(f"token{len(made.names)}") + SPECIAL
        made.add(f"nats-token-{name}", "nats", secret=token, urls=[url], token=token)
        seed = Key.make(nkeys.PREFIX_BYTE_USER).seed.decode()
        made.add(f"nats-seed-{name}", "nats", secret=seed, urls=[url], nkey_seed=seed)
    wrong = canary("seed")
    made.add("nats-no-seed", "nats", secret=wrong, urls=[server.url], nkey_seed=wrong)
    for name, text in {"foreign": "", "no-credentials": canary("credentials")}.items():
        file = folder / f"{name}.creds"
        Operator().credentials(file, foreign=True)
        if text:
            file.write_text(text)
        secret = text or re.findall(r"^SU\w+$", file.read_text(), re.MULTILINE)[0]
        made.add(f"nats-{name}", "nats", secret=secret, urls=[operated.url], credentials_file=file)


def _sqs(made: Estate, ports: Ports, foreign: Path) -> None:
    for name, port in ports.named():
        for scheme in ("http", "https"):
            key, token = canary(f"key{name}") + SPECIAL, canary(f"session{name}")
            made.secrets.append(token)
            made.add(
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
async def test_no_verb_tells_a_secret(tmp_path: Path, estate: Estate, words: tuple[str, ...]) -> None:
    configured(tmp_path, "".join(estate.tables))
    ran = await signalbox(*words, folder=tmp_path)
    assert ran.code == 1, ran.all
    for name in estate.names:
        assert name in ran.all, f"{name} is not told of"
    assert "Traceback" not in ran.all
    estate.assert_silent(" ".join(words), ran.all)


async def test_serve_tells_no_secret_on_any_page_in_any_answer_on_the_socket_or_in_its_log(
    tmp_path: Path, estate: Estate
) -> None:
    async with serving(tmp_path, "".join(estate.tables), verbose=True) as served:

        async def all_failed() -> None:
            pages = dict([page async for page in everything(served.url, estate.names)])
            for name in estate.answered:
                assert "not_authorised" in pages[f"/api/v1/connections/{name}"]
                assert REDACTED in pages[f"/api/v1/connections/{name}"]
            for name in set(estate.names) - estate.answered:
                assert '"error":""' not in pages[f"/api/v1/connections/{name}"], name
            for address, text in pages.items():
                estate.assert_silent(address, text)

        await eventually(all_failed, within_s=30)
        log = served.process.log.read_text()
    for name in set(estate.names) - estate.answered:
        assert name in log, f"the log does not tell of {name}"
    assert "Traceback" not in log
    estate.assert_silent("the log", log)


async def test_no_verb_tells_the_password_of_the_database(tmp_path: Path, postgres: PostgresServer) -> None:
    for port in (postgres_port(postgres), free_port()):
        secret = canary("database") + SPECIAL
        url = f"postgresql+asyncpg://alice:{quote(secret, safe='')}@127.0.0.1:{port}/nowhere"
        configured(tmp_path, f'[server]\nport = {free_port()}\n[database]\nurl = "{url}"\n')
        told = Estate(secrets=[secret])
        for words in (("serve",), ("-v", "serve"), ("migrate",), ("check",), ("-v", "check")):
            ran = await signalbox(*words, folder=tmp_path)
            assert ran.code == (0 if "check" in words else 2), ran.all
            assert "Traceback" not in ran.all
            assert f"127.0.0.1:{port}" in ran.all
            told.assert_silent(" ".join(words), ran.all)


def postgres_port(postgres: PostgresServer) -> int:
    found = re.search(r":(\d+)/", postgres.url)
    assert found is not None
    return int(found[1])


async def test_faults_of_the_configuration_tell_no_secret(tmp_path: Path) -> None:
    secret = canary("address")
    told = Estate(secrets=[secret])
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
        told.assert_silent(verb, ran.all)


def test_what_is_looked_for_is_found_in_every_form() -> None:
    secret = canary("x") + SPECIAL
    told = Estate(secrets=[secret])
    login = f"alice:{secret}".encode()
    for text in (
        f"Basic {base64.b64encode(login).decode()}",
        f"pw={quote(secret, safe='')}",
        f"{{'password': {secret!r}}}",
        secret.encode().hex(),
        base64.b64encode(b"\0alice\0" + secret.encode()).decode(),
    ):
        with pytest.raises(AssertionError):
            told.assert_silent("here", f"before {text} after")

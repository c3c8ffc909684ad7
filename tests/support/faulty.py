"""A configuration of connections that each fail in another way, and a healthy one."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from signalbox.servers.process import free_port
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.servers.sqs import SqsServer
from tests.support import sqs
from tests.support.certificates import Certificates, issue
from tests.support.kafka import KafkaUnderTest
from tests.support.proxy import Proxy, silent_port, tls_port, web_port
from tests.support.tables import Value, connection

HEALTHY = "nats-healthy"
ANSWERS_AFTER_S = 30.0
WRONG = "not-the-password"


@dataclass(frozen=True, slots=True)
class Brokers:
    kafka: KafkaUnderTest
    rabbitmq: RabbitServer
    nats: NatsServer
    sqs: SqsServer


@dataclass(slots=True)
class Faulty:
    """The connection tables by name."""

    brokers: Brokers
    tables: dict[str, str]

    def add(self, kind: str, fault: str, **keys: Value | None) -> None:
        name = f"{kind}-{fault}"
        self.tables[name] = connection(name, kind, **{"timeout_s": 2, **keys})

    def at(self, kind: str, fault: str, port: int, *, tls: Path | None = None, web: int | None = None) -> None:
        """Add a connection of a kind to a port; with `tls`, the file of an authority, it expects TLS there."""
        match kind:
            case "kafka":
                self.add(kind, fault, bootstrap=[f"127.0.0.1:{port}"], ca_file=tls)
            case "nats":
                self.add(kind, fault, urls=[f"nats://127.0.0.1:{port}"], ca_file=tls)
            case "rabbitmq":
                base = f"http{'s' if tls else ''}://127.0.0.1:{web or port}"
                keys: dict[str, Value | None] = {"tls": tls is not None, "ca_file": tls, "management_url": base}
                self.add(kind, fault, host="127.0.0.1", port=port, **keys)
            case _:
                base = f"http{'s' if tls else ''}://127.0.0.1:{port}"
                login = {"access_key_id": sqs.KEY_ID, "secret_access_key": sqs.SECRET}
                self.add("sqs", fault, region=sqs.REGION, endpoint_url=base, ca_file=tls, interval_s=5, **login)

    def logins(self) -> None:
        """Add connections with a wrong password, and the healthy one. ElasticMQ checks no password."""
        kafka, rabbitmq, nats = self.brokers.kafka.server, self.brokers.rabbitmq.address(), self.brokers.nats
        wrong = {"user": "alice", "password": WRONG}
        self.add("kafka", "login", bootstrap=[kafka.address("SASL")], sasl_mechanism="SCRAM-SHA-256", **wrong)
        web = rabbitmq.management_url
        self.add("rabbitmq", "login", host=rabbitmq.host, port=rabbitmq.port, management_url=web, **wrong)
        self.add("nats", "login", urls=[nats.url], **wrong)
        self.tables[HEALTHY] = connection(HEALTHY, "nats", urls=[nats.url], user=nats.user, password=nats.password)


@contextlib.asynccontextmanager
async def faulty(brokers: Brokers, folder: Path) -> AsyncIterator[Faulty]:
    """Open the ports of the faulty connections until the block ends."""
    faults, certificates = Faulty(brokers, {}), issue(folder / "certificates")
    async with AsyncExitStack() as stack:
        silent = await stack.enter_async_context(silent_port())
        web = await stack.enter_async_context(web_port())
        for kind in ("kafka", "rabbitmq", "nats", "sqs"):
            faults.at(kind, "closed", free_port())
            faults.at(kind, "silent", silent)
            faults.at(kind, "web", web)
        await _tls(faults, certificates, folder, stack)
        await _slow(faults, stack)
        faults.logins()
        yield faults


async def _tls(faults: Faulty, certificates: Certificates, folder: Path, stack: AsyncExitStack) -> None:
    """Add plain clients to ports that speak TLS, and the reverse."""
    brokers, ca = faults.brokers, certificates.ca_file
    identity = certificates.server
    tls = f'tls {{ cert_file: "{identity.cert_file}", key_file: "{identity.key_file}" }}'
    secured = await stack.enter_async_context(nats_server(NatsOptions(config=tls), folder=folder / "nats-tls"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.cert_file, identity.key_file)
    speaks_tls = await stack.enter_async_context(tls_port(context))
    faults.at("kafka", "plain-to-tls", brokers.kafka.server.port("SSL"))
    faults.at("rabbitmq", "plain-to-tls", speaks_tls)
    faults.at("nats", "plain-to-tls", secured.port)
    faults.at("sqs", "plain-to-tls", speaks_tls)
    faults.at("nats", "foreign-ca", secured.port, tls=certificates.foreign_ca_file)
    faults.at("kafka", "tls-to-plain", brokers.kafka.server.port("PLAINTEXT"), tls=ca)
    rabbit = brokers.rabbitmq.address()
    faults.at("rabbitmq", "tls-to-plain", rabbit.port, tls=ca, web=_port_of(rabbit.management_url))
    faults.at("nats", "tls-to-plain", brokers.nats.port, tls=ca)
    faults.at("sqs", "tls-to-plain", _port_of(brokers.sqs.endpoint), tls=ca)


async def _slow(faults: Faulty, stack: AsyncExitStack) -> None:
    """Add a proxy before each real broker that delays every answer by half a minute."""
    rabbit = faults.brokers.rabbitmq.address()
    behind = {
        "nats": faults.brokers.nats.port,
        "sqs": _port_of(faults.brokers.sqs.endpoint),
        "kafka": faults.brokers.kafka.server.port("PLAINTEXT"),
        "rabbitmq": rabbit.port,
        "web": _port_of(rabbit.management_url),
    }
    proxies = {name: await stack.enter_async_context(Proxy(port)) for name, port in behind.items()}
    for proxy in proxies.values():
        proxy.delay_s = ANSWERS_AFTER_S
    for kind in ("nats", "sqs", "kafka"):
        faults.at(kind, "slow", proxies[kind].port)
    faults.at("rabbitmq", "slow", proxies["rabbitmq"].port, web=proxies["web"].port)


def _port_of(address: str | None) -> int:
    assert address is not None
    return int(address.rstrip("/").rpartition(":")[2])

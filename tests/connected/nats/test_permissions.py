"""Users with limited permissions: what they may not read is a named fault, never an empty list and never "down"."""

import contextlib
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client

from signalbox.brokers.errors import BrokerUnavailable, PermissionMissing, PublishRefused
from signalbox.brokers.model import Message, Why
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from tests.support.nats import durable, nats_settings, opened, stream
from tests.support.servers import require_server
from tests.support.waiting import elapsed

OPERATIONS = ("INFO", "STREAM.LIST", "STREAM.INFO.*", "CONSUMER.LIST.*", "CONSUMER.INFO.*.*", "STREAM.MSG.GET.*")
LEAST = [f"$JS.API.{operation}" for operation in OPERATIONS]
USERS = {
    "least": (LEAST, ["_INBOX.>"]),
    "one-stream": (
        ["$JS.API.STREAM.INFO.orders", "$JS.API.CONSUMER.LIST.orders", "$JS.API.CONSUMER.INFO.orders.*"],
        ["_INBOX.>"],
    ),
    "no-letters": ([*LEAST[:3], "$JS.API.CONSUMER.LIST.orders", *LEAST[4:]], ["_INBOX.>"]),
    "no-inbox": (LEAST, ["something.else"]),
    "nothing": (["nowhere"], ["_INBOX.>"]),
}


def configuration() -> str:
    def quoted(subjects: list[str]) -> str:
        return "[" + ", ".join(f'"{subject}"' for subject in subjects) + "]"

    limited = "\n".join(
        f'{{ user: "{user}", password: "pw", permissions {{ publish: {quoted(pub)}, subscribe: {quoted(sub)} }} }}'
        for user, (pub, sub) in USERS.items()
    )
    return f"""accounts {{
      APP {{ jetstream: {{ max_streams: 5, max_file: 10MB }}, users: [ {{ user: admin, password: pw }}\n{limited} ] }}
      BARE {{ users: [ {{ user: bare, password: pw }} ] }}
    }}"""


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[NatsServer]:
    require_server("nats")
    async with nats_server(NatsOptions(login=False, config=configuration())) as server:
        async with admin(server) as client:
            for name, count in (("orders", 5), ("letters", 3)):
                await stream(client, name)
                await durable(client, name, "reader")
                for _ in range(count):
                    await client.jetstream().publish(name, b"x")
        yield server


@contextlib.asynccontextmanager
async def admin(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, user="admin", password="pw")
    yield client
    await client.close()


def login(user: str) -> dict[str, object]:
    return {"user": user, "password": "pw"}


async def test_the_least_permissions_are_enough(server: NatsServer) -> None:
    async with opened(nats_settings(server, **login("least"))) as broker:
        snapshot = await broker.sweep()
        watched = await broker.watch(["orders/reader", "letters/reader"])
        oldest = await broker.oldest_unread(["orders/reader"])
    assert not snapshot.faults
    for groups in (snapshot.groups, watched.groups):
        assert {name: group.lag for name, group in groups.items()} == {"orders/reader": 5, "letters/reader": 3}
    assert set(oldest) == {"orders/reader"}
    assert snapshot.cluster is not None
    assert not snapshot.cluster.missing_permissions
    limits = {limit.name: (limit.used, limit.maximum) for limit in snapshot.cluster.limits}
    assert limits["streams"] == (2, 5)
    assert limits["storage"][1] == 10 * 2**20


async def test_a_denied_list_is_a_fault(server: NatsServer) -> None:
    async with opened(nats_settings(server, **login("no-letters"))) as broker:
        async with elapsed() as took:
            snapshot = await broker.sweep()
        took_s = took.seconds
    assert set(snapshot.destinations) == {"orders", "letters"}
    assert set(snapshot.groups) == {"orders/reader"}
    (fault,) = snapshot.faults
    assert (fault.destination, fault.why) == ("letters", Why.NOT_PERMITTED)
    assert "$JS.API.CONSUMER.LIST.letters" in fault.detail
    assert took_s < 1.0  # a denial ends the request at once, not after a timeout
    assert snapshot.cluster is not None
    assert snapshot.cluster.missing_permissions == (fault.detail,)


async def test_a_user_of_one_stream_reads_it_by_name(server: NatsServer) -> None:
    async with opened(nats_settings(server, **login("one-stream"), streams=("orders", "letters", "none"))) as broker:
        snapshot = await broker.sweep()
        assert snapshot.groups["orders/reader"].lag == 5
        assert set(snapshot.destinations) == {"orders"}
        assert {f.resource: f.why for f in snapshot.faults} == dict.fromkeys(
            ("account", "stream letters", "stream none"), Why.NOT_PERMITTED
        )
        assert (await broker.watch(["orders/reader"])).groups["orders/reader"].lag == 5
        with pytest.raises(PublishRefused, match="may not publish to orders"):
            await broker.publish("orders", Message(body=b"x"))


@pytest.mark.parametrize(("user", "words"), [("nothing", r"may not publish to \$JS.API.INFO"), ("no-inbox", "_INBOX")])
async def test_a_user_without_permissions_gets_not_permitted(server: NatsServer, user: str, words: str) -> None:
    async with opened(nats_settings(server, **login(user))) as broker:
        with pytest.raises(PermissionMissing, match=words):
            await broker.sweep()


async def test_an_account_without_jetstream(server: NatsServer) -> None:
    with pytest.raises(PermissionMissing, match="not enabled for the account"):
        async with opened(nats_settings(server, **login("bare"))):
            pass


async def test_a_server_without_jetstream() -> None:
    require_server("nats")
    async with nats_server(NatsOptions(jetstream=False)) as server:
        with pytest.raises(BrokerUnavailable, match="JetStream does not"):
            async with opened(nats_settings(server)):
                pass


async def test_an_unknown_domain(server: NatsServer) -> None:
    with pytest.raises(BrokerUnavailable, match="domain hub"):
        async with opened(nats_settings(server, **login("admin"), domain="hub")):
            pass


async def test_refused_messages(server: NatsServer) -> None:
    async with admin(server) as client, opened(nats_settings(server, **login("admin"))) as broker:
        await stream(client, "full", max_msgs=2, discard="new")
        for _ in range(2):
            await broker.publish("full", Message(body=b"x"))
        with pytest.raises(PublishRefused, match="maximum messages exceeded"):
            await broker.publish("full", Message(body=b"x"))
        for headers in ({"a b": "c"}, {"a": "b\r\nc: d"}, {"a": " padded"}):
            with pytest.raises(PublishRefused, match="unchanged"):
                await broker.publish("full", Message(body=b"x", headers=headers))
        with pytest.raises(PublishRefused, match="1048576"):
            await broker.publish("full", Message(body=b"x" * 1_048_570))

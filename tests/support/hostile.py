"""Names that try to be something else on a page, and brokers that really hold groups, queues and streams of these names.

Every payload that could run sets `window.pwned` or opens a dialog: a page on which neither happened ran none of them.
"""

import contextlib
import glob
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aio_pika.abc import AbstractIncomingMessage

from app.brokers.model import Message, Wanted
from app.brokers.nats.adapter import NatsBroker
from app.brokers.rabbitmq.adapter import RabbitBroker
from app.servers.nats import NatsServer
from app.servers.rabbitmq import RabbitServer
from app.servers.sqs import SqsServer
from tests.support import nats, rabbitmq, sqs
from tests.support.kafka import KafkaUnderTest, Oracle, Reading
from tests.support.tables import connection

NAMES: Mapping[str, str] = {
    "script": "<script>alert(1);window.pwned=1</script>",
    "image": "<img src=x onerror=window.pwned=1>",
    "svg": "<svg onload=window.pwned=1><style>*{display:none}</style>",
    "attribute": '"\'` autofocus onfocus=window.pwned=1 x="',
    "out of script": "</script></title></textarea><script>window.pwned=1</script>",
    "address": "javascript:window.pwned=1",
    "data address": "data:text/html,<script>parent.pwned=1</script>",
    "style": "</style><style>body{width:9999px}*{position:fixed}",
    "htmx": '" hx-get="/metrics" hx-trigger="load" hx-on:load="window.pwned=1',
    "template": "{{7*7}}{%raw%}${7*7}#{7*7}<%=7*7%>",
    "entity": "&lt;b&gt;&#60;i&#62;&amp;",
    "slashes": "a/b//c/../d/",
    "backslashes": "..\\..\\c:\\x",
    "percent": "100%25 %2F %00 %zz %",
    "query": "a?b=c&d#e;f=+g",
    "only dots": "..",
    "tilde dots": "~..",
    "emoji": "\U0001f469\u200d\U0001f680 caf\u00e9 \U0001f1ea\U0001f1fa",
    "bidi": "safe\u202efdp.exe\u2066\u200f",
    "zero width": "pay\u200bments\u2060\ufeff",
    "controls": "bell\x07tab\tescape\x1b[31m del\x7f next\x85",
    "spaces": "two  spaces\u00a0\u3000",
    "quotes": 'it\'s "quoted" `so`',
    "hebrew": "\u05e9\u05dc\u05d5\u05dd orders",
    "combining": "z" + "\u0301" * 60,
    "longest": "x" * 249,
    "longest words": "m " * 124 + "m",
    "toml": 'a"]\n[[connections]]\nname="b',
}
HELD_BACK: Mapping[str, frozenset[str]] = {
    "rabbitmq": frozenset({"toml", "longest words"}),  # the broker strips line breaks; spaces have their case already
}
EXTRA: Mapping[str, Mapping[str, str]] = {
    "rabbitmq": {"nul": "nul\x00nul", "longest emoji": "\U0001f680" * 63, "shaped as json": '","name":"x'},
}
STREAMS = {
    "script": "<script",
    "image": "<img\u200bsrc=x\u200bonerror=pwned=1",
    "quotes": "\"'`{{7+7}}%2F%",
    "address": "javascript:pwned=1",
    "bidi": "a\u202eb\u200bc\U0001f680",
    "controls": "bell\x07esc\x1b",
    "query": "a?b=c&d#e",
    "longest": "s" * 120,
}
VHOST = '<img src=x onerror="window.pwned=1">/%'
TOO_LONG = "<b>" * 10_000  # Kafka lets a group have it; no page could bear fifty of them
TOPIC = "hostile-names"
PUBLISHED = 60  # a group of Kafka has read its own number of them: every lag is another, none is zero


def names(kind: str) -> list[str]:
    """Return the names of this kind of broker."""
    held_back = HELD_BACK.get(kind, frozenset())
    return [name for key, name in NAMES.items() if key not in held_back] + [*EXTRA.get(kind, {}).values()]


def exactly(texts: Sequence[str]) -> list[str]:
    """Return the patterns by which a connection shows these names alone, with nothing in them that reads as a variable."""
    return [glob.escape(text).replace("${", "$[{]") for text in texts]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be there under its exact name: name -> lag."""

    groups: Mapping[str, int]
    destinations: frozenset[str]


class HostileKafka:
    """Groups of any name on one topic, one of them with a member whose client id is hostile too."""

    def __init__(self, server: KafkaUnderTest) -> None:
        self._server = server
        self._oracle = Oracle(server.bootstrap)
        self._names = names("kafka")
        self._more = 0

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["HostileKafka"]:
        await self._oracle.create(TOPIC)
        await self._oracle.produce(TOPIC, 0, PUBLISHED)
        for settled, group in enumerate([*self._names, TOO_LONG]):
            await self._oracle.commit(group, {(TOPIC, 0): settled})
        reading = Reading(self._server.bootstrap, NAMES["quotes"], client_id=NAMES["image"])
        async with reading.subscribe(TOPIC):
            yield self

    def table(self) -> str:
        shown = exactly([TOPIC, *self._names, TOO_LONG])
        return connection("kafka", "kafka", bootstrap=[self._server.bootstrap], include=shown)

    async def one_more(self) -> None:
        """Publish one message that every group has yet to read."""
        self._more += 1
        await self._oracle.produce(TOPIC, 0, 1)

    def expected(self) -> Expected:
        lags = {group: PUBLISHED + self._more - settled for settled, group in enumerate(self._names)}
        return Expected(lags, frozenset({TOPIC}))


class HostileRabbit:
    """Queues of any name in a virtual host of a hostile name, one of which is read by a consumer of a hostile tag."""

    def __init__(self, server: RabbitServer) -> None:
        self._server = server
        self._names = names("rabbitmq")
        self._more = 0
        self._broker: RabbitBroker

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["HostileRabbit"]:
        user = self._server.address().user
        vhost = quote(VHOST, safe="")
        await rabbitmq.management(self._server, f"/api/vhosts/{vhost}", method="PUT")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        await rabbitmq.management(self._server, f"/api/permissions/{vhost}/{quote(user)}", method="PUT", body=rights)
        settings = rabbitmq.rabbit_settings(self._server.address(), vhosts=(VHOST,))
        async with rabbitmq.opened(settings) as self._broker, rabbitmq.oracle(self._server, VHOST) as channel:
            dead = {"x-dead-letter-exchange": NAMES["image"], "x-dead-letter-routing-key": NAMES["script"]}
            for count, queue in enumerate(self._names, start=1):
                await self._broker.ensure([Wanted(name=queue, settings=dead if count == 1 else {})])
                for _ in range(count):
                    await self._broker.publish(queue, Message(body=b"x"))
            await channel.set_qos(prefetch_count=1)
            queue_read = await channel.get_queue(NAMES["quotes"])
            await queue_read.consume(_keep, consumer_tag=NAMES["svg"])
            yield self

    def table(self) -> str:
        address = self._server.address()
        return connection(
            "rabbitmq",
            "rabbitmq",
            host=address.host,
            port=address.port,
            vhosts=[VHOST],
            user=address.user,
            password=address.password,
            management_url=address.management_url,
        )

    async def one_more(self) -> None:
        """Publish one message to every queue."""
        self._more += 1
        for queue in self._names:
            await self._broker.publish(queue, Message(body=b"x"))

    def expected(self) -> Expected:
        lags = {queue: count + self._more for count, queue in enumerate(self._names, start=1)}
        return Expected(lags, frozenset(self._names))


async def _keep(_: AbstractIncomingMessage) -> None:
    """Take a message and never settle it."""


class HostileNats:
    """Streams with a consumer each, as hostile as JetStream allows."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._streams = [*STREAMS.values()]
        self._more = 0
        self._broker: NatsBroker

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["HostileNats"]:
        async with nats.opened(nats.nats_settings(self._server)) as self._broker:
            for count, stream in enumerate(self._streams, start=1):
                await self._broker.ensure([Wanted(name=stream, groups=(stream,))])
                for _ in range(count):
                    await self._broker.publish(stream, Message(body=b"x"))
            yield self

    def table(self) -> str:
        server = self._server
        shown = exactly([*self._streams, *(f"{stream}/{stream}" for stream in self._streams)])
        return connection("nats", "nats", urls=[server.url], user=server.user, password=server.password, include=shown)

    async def one_more(self) -> None:
        """Publish one message to every stream."""
        self._more += 1
        for stream in self._streams:
            await self._broker.publish(stream, Message(body=b"x"))

    def expected(self) -> Expected:
        lags = {f"{stream}/{stream}": count + self._more for count, stream in enumerate(self._streams, start=1)}
        return Expected(lags, frozenset(self._streams))


class HostileSqs:
    """Queues with the worst name that SQS lets anybody give."""

    def __init__(self, server: SqsServer) -> None:
        self._server = server
        self._name = "javascript--" + "_" * 68
        self._client = sqs.plain_client(server.endpoint)
        self._sent = 0

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["HostileSqs"]:
        self._address = self._client.create_queue(QueueName=self._name)["QueueUrl"]
        for _ in range(7):
            await self.one_more()
        yield self
        self._client.close()

    def table(self) -> str:
        return connection(
            "sqs",
            "sqs",
            region=sqs.REGION,
            endpoint_url=self._server.endpoint,
            access_key_id=sqs.KEY_ID,
            secret_access_key=sqs.SECRET,
            queues=[self._name],
            interval_s=5,
            watched_interval_s=5,
        )

    async def one_more(self) -> None:
        self._sent += 1
        self._client.send_message(QueueUrl=self._address, MessageBody="x")

    def expected(self) -> Expected:
        return Expected({self._name: self._sent}, frozenset({self._name}))

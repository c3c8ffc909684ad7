"""Creates streams and durable consumers that do not exist."""

import json
from collections.abc import Sequence

from signalbox.brokers.errors import DestinationMissing, InvalidName
from signalbox.brokers.model import DestinationSpec
from signalbox.brokers.nats import client
from signalbox.brokers.nats.client import JetStreamError
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.names import name_problem


class JetStreamProvisioner:
    """`DestinationSpec.settings` are JetStream's own stream settings, values as JSON or plain text: {"max_msgs": "1000"}."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection
        self._timeout_s = connection.settings.timeout_s

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """As port.Provisioner.ensure. A stream's subject is its own name unless the setting `subjects` is given."""
        for spec in specs:
            for name in (spec.name, *spec.groups):
                self._check_name(name)
        await self._connection.connected_client()
        for spec in specs:
            await self._ensure_stream(spec)
            for group in spec.groups:
                await self.ensure_consumer(spec.name, group)

    async def ensure_consumer(self, stream: str, name: str) -> None:
        """Create a durable pull consumer that starts with the oldest message; leave an existing one as it is.

        Raises DestinationMissing if there is no such stream, InvalidName if no consumer can have this name.
        """
        self._check_name(name)
        config = {"durable_name": name, "name": name, "ack_policy": "explicit", "deliver_policy": "all"}
        body = {"stream_name": stream, "action": "create", "config": config}
        try:
            await self._connection.request_api(f"CONSUMER.CREATE.{stream}.{name}", timeout_s=self._timeout_s, **body)
        except JetStreamError as error:
            if error.code == client.STREAM_MISSING:
                problem = f"There is no stream {stream}."
                raise DestinationMissing(self._connection.settings.name, problem, "Create the stream first.") from None
            if error.code not in {client.CONSUMER_EXISTS, client.CONSUMER_NAME_TAKEN}:
                raise self._connection.broker_error(error) from None

    async def _ensure_stream(self, spec: DestinationSpec) -> None:
        config: dict[str, object] = {"name": spec.name, "subjects": [spec.name], "num_replicas": spec.replicas}
        config |= {name: _parse_setting(value) for name, value in spec.settings.items()}
        try:
            await self._connection.request_api(f"STREAM.CREATE.{spec.name}", timeout_s=self._timeout_s, **config)
        except JetStreamError as error:
            if error.code != client.STREAM_EXISTS:
                raise self._connection.broker_error(error) from None

    def _check_name(self, name: str) -> None:
        if problem := name_problem(name):
            text = f"JetStream does not allow the name {name[:300]!r}: {problem}."
            raise InvalidName(self._connection.settings.name, text)


def _parse_setting(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value

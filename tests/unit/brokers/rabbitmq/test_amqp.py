"""A refused AMQP connection is closed: the garbage collector would close it at an arbitrary moment."""

import gc

import aio_pika
import pytest

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.process import free_port


async def test_a_connection_that_is_refused_is_closed() -> None:
    port = free_port()
    settings = RabbitSettings.model_validate({"name": "gone", "kind": "rabbitmq", "host": "127.0.0.1", "port": port})
    with pytest.raises(BrokerUnavailable) as refused:
        await AmqpConnections(settings).check("/", timeout_s=5)
    objects = [value for value in gc.get_objects() if isinstance(value, aio_pika.Connection) and value.url.port == port]
    assert objects, f"the error's traceback references the connection: {refused.value}"
    assert all(connection.is_closed for connection in objects)

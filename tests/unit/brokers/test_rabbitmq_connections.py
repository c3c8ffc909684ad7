"""What an AMQP connection leaves behind: one that is not closed is closed by the garbage collector, wherever that runs."""

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
    made = [each for each in gc.get_objects() if isinstance(each, aio_pika.Connection) and each.url.port == port]
    assert made, f"the error's traceback holds the connection: {refused.value}"
    assert all(each.is_closed for each in made)

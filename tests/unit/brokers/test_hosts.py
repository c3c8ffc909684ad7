"""Host names that are none are faults of the configuration, for every kind of broker."""

from collections.abc import Callable, Mapping

import pytest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.config import ConfigurationError, from_document

SQS_KEYS = {"region": "eu-north-1", "access_key_id": "key-4711", "secret_access_key": "secret-4711"}
KEYS: Mapping[str, Callable[[str], Mapping[str, object]]] = {
    "kafka": lambda host: {"bootstrap": [f"{host}:9092"]},
    "nats": lambda host: {"urls": [f"nats://{host}:4222"]},
    "rabbitmq": lambda host: {"host": host},
    "sqs": lambda host: {"endpoint_url": f"http://{host}:9324", **SQS_KEYS},
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("host", ["x..y", "a" * 64 + ".example", "a b", ".".join(["abc"] * 64), "a\0b", "-|-"])
def test_a_name_that_is_no_host_is_a_fault(kind: str, host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_document({"connections": [{"name": "c", "kind": kind, **KEYS[kind](host)}]}, None, {})
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("host", ["nobody_here.invalid", "bücher.invalid", "nobody.invalid"])
async def test_a_name_that_cannot_be_resolved_is_an_error_of_ours(kind: str, host: str) -> None:
    table = {"name": "c", "kind": kind, "timeout_s": 2, **KEYS[kind](host)}
    (settings,) = from_document({"connections": [table]}, None, {}).many(ConnectionSettings)
    broker = open_broker(settings)
    with pytest.raises(BrokerError):
        await broker.connect(timeout_s=2)
    await broker.close()

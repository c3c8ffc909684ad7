"""The options of aiokafka's producer and consumer: the same addresses, TLS and login as our own connections."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from signalbox.brokers.kafka.addresses import join_address
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.settings import KafkaSettings

# While a broker is down, aiokafka logs hundreds of lines a second. We raise or log what matters, once.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

STOP_TIMEOUT_S = 3.0  # aiokafka's own `stop` waits for a broker that may never return


async def wait_for_stop(stop: Awaitable[None]) -> None:
    """Wait until a producer or consumer has stopped, at most STOP_TIMEOUT_S."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop, STOP_TIMEOUT_S)


async def aiokafka_options(settings: KafkaSettings, client: ClusterClient) -> dict[str, Any]:
    """Return keyword arguments for both. They contain the password: never log them."""
    addresses = [join_address(broker.host, broker.port) for broker in client.addresses.values()]
    options: dict[str, Any] = {
        "bootstrap_servers": addresses or list(settings.bootstrap),
        "client_id": settings.client_id,
        "request_timeout_ms": int(settings.timeout_s * 1000),
        "security_protocol": settings.security_protocol,
        "ssl_context": await client.tls_context(),
    }
    if settings.sasl_mechanism and settings.password:
        options |= {
            "sasl_mechanism": str(settings.sasl_mechanism),
            "sasl_plain_username": settings.user,
            "sasl_plain_password": settings.password.get_secret_value(),
        }
    return options

"""What aiokafka's own producer and consumer are opened with: the same address, TLS and login as our connections."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.settings import KafkaSettings

# A broker that is away makes both log hundreds of lines a second; what it means for us is raised or logged by us, once.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

STOP_WAIT_S = 3.0  # their own `stop` waits for a broker that may be gone for good


async def ended(stop: Awaitable[None]) -> None:
    """Wait for a producer or consumer to stop, but not for ever."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop, STOP_WAIT_S)


async def client_options(settings: KafkaSettings, nodes: Nodes) -> dict[str, Any]:
    """Return the keyword arguments that both take. Holds the password: never log it."""
    known = [f"{broker.host}:{broker.port}" for broker in nodes.addresses.values()]
    options: dict[str, Any] = {
        "bootstrap_servers": known or list(settings.bootstrap),
        "client_id": settings.client_id,
        "request_timeout_ms": int(settings.timeout_s * 1000),
        "security_protocol": settings.security_protocol,
        "ssl_context": await nodes.tls_context(),
    }
    if settings.sasl_mechanism and settings.password:
        options |= {
            "sasl_mechanism": str(settings.sasl_mechanism),
            "sasl_plain_username": settings.user,
            "sasl_plain_password": settings.password.get_secret_value(),
        }
    return options

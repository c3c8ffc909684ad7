"""What aiokafka's own producer and consumer are opened with: the same address, TLS and login as our connections."""

from typing import Any

from app.brokers.kafka.nodes import Nodes
from app.brokers.kafka.settings import KafkaSettings


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

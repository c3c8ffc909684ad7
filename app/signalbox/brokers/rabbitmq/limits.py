"""Which setting holds where an argument of a queue and a policy both give one: the rule of RabbitMQ 3.10 to 4.0."""

import re
from collections.abc import Mapping
from typing import Any

from signalbox.brokers.model import RetentionLimits
from signalbox.brokers.rabbitmq.rows import count, text

LOWER_HOLDS = frozenset({"message-ttl", "max-length", "max-length-bytes", "expires", "delivery-limit"})
POLICY_HOLDS = {"quorum": frozenset({"overflow"})}  # and every setting of a stream
SECONDS_PER_UNIT = {"Y": 31_536_000, "M": 2_592_000, "D": 86_400, "h": 3600, "m": 60, "s": 1}


def effective_definition(kind: str, arguments: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Merge arguments and the effective policy, by the names of a policy ("max-length")."""
    own = {key.removeprefix("x-"): value for key, value in arguments.items()}
    merged = {**policy, **own}
    for key in policy.keys() & own.keys():
        if kind == "stream" or key in POLICY_HOLDS.get(kind, ()):
            merged[key] = policy[key]
        elif key in LOWER_HOLDS:
            merged[key] = _lower(policy[key], own[key])
    return merged


def retention(kind: str, definition: Mapping[str, Any]) -> RetentionLimits:
    is_stream = kind == "stream"
    ttl_ms = count(definition.get("message-ttl"))
    ttl_s = None if ttl_ms is None else ttl_ms / 1000
    return RetentionLimits(
        age_s=_age(definition.get("max-age")) if is_stream else ttl_s,
        size_bytes=count(definition.get("max-length-bytes")),
        messages=count(definition.get("max-length")),
        policy="delete" if is_stream else "until acknowledged",
    )


def dead_letters_to(definition: Mapping[str, Any]) -> str | None:
    """Return the dead letter queue if the default exchange routes to it, else the dead letter exchange."""
    exchange, key = definition.get("dead-letter-exchange"), text(definition.get("dead-letter-routing-key"))
    if not isinstance(exchange, str):
        return None
    if not exchange:
        return key or None  # no key: each message keeps its own, which names the original queue
    return f"exchange {exchange}" + (f", key {key}" if key else "")


def _lower(of_policy: object, own: object) -> object:
    """Return the lower of two limits. A negative delivery limit means none."""
    limits = [value for value in (of_policy, own) if type(value) is int]
    return min((value for value in limits if value >= 0), default=own)


def _age(value: object) -> float | None:
    """Return the seconds of a stream's max-age, such as "7D"."""
    match = re.fullmatch(r"(\d{1,9})([YMDhms])", text(value))
    return float(match[1]) * SECONDS_PER_UNIT[match[2]] if match else None

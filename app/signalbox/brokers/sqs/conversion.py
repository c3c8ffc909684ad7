"""Converts a queue's attributes to a group and a destination. Pure. SQS only approximates its counts.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, Positions, RetentionLimits, Why

COUNTS = tuple(f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed"))
_SETTINGS = {"VisibilityTimeout": "visibility timeout", "DelaySeconds": "delay"}  # seconds, both
STATIC = ("CreatedTimestamp", "MessageRetentionPeriod", "MaximumMessageSize", "RedrivePolicy", *_SETTINGS)
_TEXT_MAX = 200  # characters of an attribute that cannot be parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticAttributes:
    """Attributes that rarely change."""

    identity: str
    retention_s: int | None
    dead_letters_to: str | None
    settings: Mapping[str, str] = field(default_factory=dict)


def parse_static_attributes(name: str, attributes: Mapping[str, str]) -> StaticAttributes:
    settings = {label: f"{attributes[key][:_TEXT_MAX]} s" for key, label in _SETTINGS.items() if key in attributes}
    if (max_size := _parse_count(attributes, "MaximumMessageSize")) is not None:
        settings["max message size"] = f"{max_size} bytes"
    target, policy = _parse_redrive_policy(attributes.get("RedrivePolicy", ""))
    return StaticAttributes(
        identity=attributes.get("CreatedTimestamp") or name,
        retention_s=_parse_count(attributes, "MessageRetentionPeriod"),
        dead_letters_to=target,
        settings=settings | policy,
    )


def _parse_redrive_policy(text: str) -> tuple[str | None, dict[str, str]]:
    """Return the dead letter queue and the settings. The policy is JSON; maxReceiveCount is a number or a string."""
    if not text:
        return None, {}
    try:
        policy = json.loads(text)
        target, receives = str(policy["deadLetterTargetArn"]), str(policy["maxReceiveCount"])
    except (ValueError, TypeError, KeyError):
        return None, {"redrive policy": text[:_TEXT_MAX]}
    return target.rpartition(":")[2] or None, {"dead letter after": f"{receives[:20]} receives"}


def to_destination(name: str, attributes: Mapping[str, str], static: StaticAttributes) -> Destination:
    age_s = static.retention_s
    return Destination(
        name=name,
        kind="FIFO queue" if name.endswith(".fifo") else "standard queue",
        identity=static.identity,
        partitions=None,
        messages=_lag(attributes)[0],
        # ElasticMQ reports none; on Amazon every queue has a retention
        retention=None if age_s is None else RetentionLimits(age_s=age_s, policy="until acknowledged"),
        approximate=True,
        settings=static.settings,
        dead_letters_to=static.dead_letters_to,
    )


def to_group(name: str, attributes: Mapping[str, str]) -> Group:
    """Return the queue's consumers as a group named like the queue. SQS reports nothing about consumers."""
    lag, partial = _lag(attributes)
    why = Why.KNOWN if lag is not None else Why.NOT_REPORTED
    waiting, in_flight, delayed = (_parse_count(attributes, key) for key in COUNTS)
    return Group(
        name=name,
        kind="queue consumers",
        state=GroupState.UNKNOWN,
        positions=Positions(
            names=(name,),
            destination=array("i", [0]),
            partition=array("i", [0]),
            settled=array("q", [UNKNOWN]),
            arrived=array("q", [UNKNOWN]),
            lag=array("q", [UNKNOWN if lag is None else lag]),
            why=None if lag is not None else (why,),
        ),
        lag=lag,
        lag_partial=partial,
        approximate=True,
        waiting=waiting,
        in_flight=in_flight,
        delayed=delayed,
        why=why,
    )


def _lag(attributes: Mapping[str, str]) -> tuple[int | None, bool]:
    """Return visible + in flight + delayed, and whether one of them is missing."""
    known = [count for key in COUNTS if (count := _parse_count(attributes, key)) is not None]
    return (sum(known) if known else None), 0 < len(known) < len(COUNTS)


def _parse_count(attributes: Mapping[str, str], key: str) -> int | None:
    """Return a count, or None if it is missing or not a number."""
    text = attributes.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None

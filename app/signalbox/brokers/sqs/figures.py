"""A queue's attributes as facts. Pure. Every count is Amazon's guess: it settles about a minute after the senders stop.

Attributes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, Positions, Retention, Why

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
STATIC = (
    "CreatedTimestamp",
    "MessageRetentionPeriod",
    "VisibilityTimeout",
    "DelaySeconds",
    "MaximumMessageSize",
    "RedrivePolicy",
)
_SETTINGS = {"VisibilityTimeout": "visibility timeout", "DelaySeconds": "delay"}  # seconds, both
_TEXT_MAX = 200  # characters of an attribute that is shown as it came


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """What rarely changes, and since when we know it (monotonic seconds)."""

    read_at: float
    identity: str
    retention_s: int | None
    dead_letters_to: str | None
    settings: Mapping[str, str] = field(default_factory=dict)


def static_of(name: str, attributes: Mapping[str, str], read_at: float) -> Static:
    settings = {shown: f"{attributes[key][:_TEXT_MAX]} s" for key, shown in _SETTINGS.items() if key in attributes}
    if (largest := _count(attributes, "MaximumMessageSize")) is not None:
        settings["largest message"] = f"{largest} bytes"
    target, policy = _redrive(attributes.get("RedrivePolicy", ""))
    return Static(
        read_at=read_at,
        identity=attributes.get("CreatedTimestamp") or name,
        retention_s=_count(attributes, "MessageRetentionPeriod"),
        dead_letters_to=target,
        settings=settings | policy,
    )


def _redrive(text: str) -> tuple[str | None, dict[str, str]]:
    """The policy is JSON in a string; its maxReceiveCount is a number, or a number in a string."""
    if not text:
        return None, {}
    try:
        policy = json.loads(text)
        target, most = str(policy["deadLetterTargetArn"]), str(policy["maxReceiveCount"])
    except (ValueError, TypeError, KeyError):
        return None, {"redrive policy": text[:_TEXT_MAX]}
    return target.rpartition(":")[2] or None, {"dead letter after": f"{most[:20]} receives"}


def destination_of(name: str, attributes: Mapping[str, str], static: Static) -> Destination:
    return Destination(
        name=name,
        kind="FIFO queue" if name.endswith(".fifo") else "standard queue",
        identity=static.identity,
        partitions=None,
        messages=_lag(attributes)[0],
        retention=_retention(static.retention_s),
        approximate=True,
        settings=static.settings,
        dead_letters_to=static.dead_letters_to,
    )


def _retention(age_s: int | None) -> Retention | None:
    """None where it is not told (ElasticMQ): on Amazon every queue has one."""
    return None if age_s is None else Retention(age_s=age_s, policy="until acknowledged")


def group_of(name: str, attributes: Mapping[str, str]) -> Group:
    """The queue's consumers, which SQS tells nothing of: the group is named as the queue."""
    lag, partial = _lag(attributes)
    waiting, in_flight, delayed = (_count(attributes, key) for key in COUNTS)
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
            why=None if lag is not None else (Why.NOT_REPORTED,),
        ),
        lag=lag,
        lag_partial=partial,
        approximate=True,
        waiting=waiting,
        in_flight=in_flight,
        delayed=delayed,
        why=Why.KNOWN if lag is not None else Why.NOT_REPORTED,
    )


def _lag(attributes: Mapping[str, str]) -> tuple[int | None, bool]:
    """Visible, in flight and delayed together, and whether one of them is missing."""
    known = [count for key in COUNTS if (count := _count(attributes, key)) is not None]
    return (sum(known) if known else None), 0 < len(known) < len(COUNTS)


def _count(attributes: Mapping[str, str], key: str) -> int | None:
    """A figure of the broker's, or None where it is absent or none: nothing says that it must be a number."""
    text = attributes.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None

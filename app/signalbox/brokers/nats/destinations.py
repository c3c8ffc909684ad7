"""Converts a stream to a destination. Pure.

Positions count as in Kafka: sequence n is position n - 1. The end is the last sequence, the start is the first sequence minus 1.
"""

from array import array

from signalbox.brokers.model import UNKNOWN, Destination, Partitions, RetentionLimits, Why
from signalbox.brokers.nats import fields
from signalbox.brokers.nats.fields import Answer, integer, limit, text
from signalbox.brokers.nats.ledger import BUCKETS
from signalbox.brokers.nats.origins import origins


def to_destination(stream: Answer, *, arrived: int | None = None) -> Destination:
    """Return a stream as a destination, from STREAM.INFO or a row of STREAM.LIST. Without `arrived` its sequences count."""
    name, led = text(stream, "config", "name"), fields.has_leader(stream)
    first, last = integer(stream, "state", "first_seq"), integer(stream, "state", "last_seq")
    why = Why.KNOWN if led else Why.NO_LEADER
    return Destination(
        name=name,
        kind=next((kind for prefix, kind in BUCKETS.items() if name.startswith(prefix)), "stream"),
        identity=text(stream, "created") or name,
        partitions=Partitions(
            index=array("i", [0]),
            leader=array("i", [UNKNOWN]),  # JetStream's servers have names, not ids: see the setting "leader"
            start=array("q", [UNKNOWN if first is None else max(first - 1, 0)]),
            end=array("q", [UNKNOWN if last is None else last]),
            stable=array("q", [UNKNOWN]),
            why=(why if last is not None else Why.NOT_REPORTED,),
        ),
        internal=is_internal(name),
        messages=integer(stream, "state", "messages"),
        size_bytes=integer(stream, "state", "bytes"),
        retention=RetentionLimits(
            age_s=fields.seconds(stream, "config", "max_age"),
            size_bytes=limit(stream, "config", "max_bytes"),
            messages=limit(stream, "config", "max_msgs"),
            policy=text(stream, "config", "retention"),
            rejects=text(stream, "config", "discard") == "new",
        ),
        arrived=last if arrived is None else arrived,
        state="running" if led else "no leader",
        healthy=led and not fields.lacks_a_replica(stream),
        why=why,
        settings=_settings(stream),
        origins=origins(stream),
    )


def is_internal(name: str) -> bool:
    """Return whether nats-server created this stream for itself: sessions and messages of its MQTT gateway."""
    return name.startswith("$MQTT_")


def _settings(stream: Answer) -> dict[str, str]:
    config = fields.mapping(stream, "config")
    subjects = config.get("subjects")
    settings = {
        "subjects": ", ".join(map(str, subjects[:20])) if isinstance(subjects, list) else "",
        "storage": text(config, "storage"),
        "discard": text(config, "discard"),
        "replicas": str(integer(config, "num_replicas") or ""),
        "leader": text(stream, "cluster", "leader"),
        "max messages per subject": str(limit(config, "max_msgs_per_subject") or ""),
        "max message size": str(limit(config, "max_msg_size") or ""),
        "mirror of": text(config, "mirror", "name"),
        "sources": ", ".join(text(source, "name") for source in fields.mappings(config, "sources")[:20]),
        "sealed": "yes" if config.get("sealed") is True else "",
    }
    return {name: value[: fields.TEXT_MAX] for name, value in settings.items() if value}

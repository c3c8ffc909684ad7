"""A stream's answer -> a destination. Pure.

Positions are counted as Kafka counts them: sequence n is position n - 1, so a stream's end is its last sequence, its start is its
first sequence less one, and what was settled below the start is lost.
"""

from array import array

from signalbox.brokers.model import UNKNOWN, Destination, Partitions, Retention, Why
from signalbox.brokers.nats.answers import TEXT_MAX, Answer, lacks_a_copy, led, limit, number, part, rows, seconds, text


def destination(stream: Answer) -> Destination:
    """Return a stream as a destination, from STREAM.INFO or a row of STREAM.LIST."""
    name, has_leader = text(stream, "config", "name"), led(stream)
    first, last = number(stream, "state", "first_seq"), number(stream, "state", "last_seq")
    why = Why.KNOWN if has_leader else Why.NO_LEADER
    return Destination(
        name=name,
        kind=_kind(name),
        identity=text(stream, "created") or name,
        partitions=Partitions(
            index=array("i", [0]),
            leader=array("i", [UNKNOWN]),  # JetStream names its servers: see the setting "leader"
            start=array("q", [UNKNOWN if first is None else max(first - 1, 0)]),
            end=array("q", [UNKNOWN if last is None else last]),
            stable=array("q", [UNKNOWN]),
            why=(why if last is not None else Why.NOT_REPORTED,),
        ),
        internal=internal(name),
        messages=number(stream, "state", "messages"),
        size_bytes=number(stream, "state", "bytes"),
        retention=Retention(
            age_s=seconds(stream, "config", "max_age"),
            size_bytes=limit(stream, "config", "max_bytes"),
            messages=limit(stream, "config", "max_msgs"),
            policy=text(stream, "config", "retention"),
        ),
        arrived=last,
        state="running" if has_leader else "no leader",
        healthy=has_leader and not lacks_a_copy(stream),
        why=why,
        settings=_settings(stream),
    )


def internal(name: str) -> bool:
    """Say whether nats-server made this stream for its own use: sessions and messages of its MQTT side."""
    return name.startswith("$MQTT_")


def _kind(name: str) -> str:
    if name.startswith("KV_"):
        return "key-value bucket"
    return "object bucket" if name.startswith("OBJ_") else "stream"


def _settings(stream: Answer) -> dict[str, str]:
    config = part(stream, "config")
    subjects = config.get("subjects")
    told = {
        "subjects": ", ".join(map(str, subjects[:20])) if isinstance(subjects, list) else "",
        "storage": text(config, "storage"),
        "discard": text(config, "discard"),
        "copies": str(number(config, "num_replicas") or ""),
        "leader": text(stream, "cluster", "leader"),
        "messages per subject": str(limit(config, "max_msgs_per_subject") or ""),
        "largest message": str(limit(config, "max_msg_size") or ""),
        "mirror of": text(config, "mirror", "name"),
        "fed by": ", ".join(text(source, "name") for source in rows(config, "sources")[:20]),
        "sealed": "yes" if config.get("sealed") is True else "",
    }
    return {name: value[:TEXT_MAX] for name, value in told.items() if value}

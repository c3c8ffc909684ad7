"""Reads where a mirror, or a stream with sources, copies its messages from. Pure."""

from dataclasses import replace

from signalbox.brokers.model import Origin
from signalbox.brokers.nats.arrivals import MirrorArrivals
from signalbox.brokers.nats.fields import NANOSECONDS, Answer, integer, mapping, mappings, text, timestamp

SILENT_S = 10.0  # origins send a heartbeat each second; the server itself reconnects after ten


def origins(stream: Answer) -> tuple[Origin, ...]:
    """Return the origins by name: each answer has them in another order."""
    mirror = mapping(stream, "mirror")
    rows = [_origin(mirror, stream, mirror=True)] if mirror else []
    rows += [_origin(source, stream, mirror=False) for source in mappings(stream, "sources")]
    return tuple(sorted(rows, key=lambda row: row.name))


def _origin(row: Answer, stream: Answer, *, mirror: bool) -> Origin:
    active = integer(row, "active")  # nanoseconds since the last contact, -1 without any
    never = active is not None and active < 0
    age_s = _age_s(stream) if never else None if active is None else active / NANOSECONDS
    return Origin(
        name=text(row, "name"),
        mirror=mirror,
        lag=None if never else integer(row, "lag"),
        silent_s=age_s if age_s is not None and age_s > SILENT_S else None,
        never_contacted=never,
        error=text(row, "error", "description"),
        external=bool(mapping(row, "external")),
    )


def _age_s(stream: Answer) -> float | None:
    """Return how long the stream has existed, by the server's clock."""
    created, now = timestamp(stream, "created"), timestamp(stream, "ts")
    return None if created is None or now is None else now - created


def with_recreation(origin: Origin, stream: Answer | None, before: MirrorArrivals | None) -> Origin:
    """Return a mirror's origin as broken if it ends before the mirror did earlier: it was recreated, and no copy follows.

    `stream` is the origin in the same account, if there is one of that name.
    """
    end = integer(stream, "state", "last_seq")
    if origin.error or origin.external or before is None or end is None or end >= before.last:
        return origin
    error = f"it was recreated and ends at {end:,}, before this copy at {before.last:,}"
    return replace(origin, error=error)

"""Counts the messages that arrive in a mirror, whose sequences have gaps where its origin deleted messages. Pure."""

from dataclasses import dataclass

from signalbox.brokers.nats.fields import Answer, integer, mapping, text


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorArrivals:
    """The counter at one reading: at least so many messages arrived. One that is deleted between two readings is not seen."""

    created: str
    last: int
    deleted: int  # gaps between the first and the last sequence
    arrived: int


def mirror_arrivals(before: MirrorArrivals | None, stream: Answer) -> MirrorArrivals | None:
    """Return the counter after one more reading; None for a stream that is no mirror."""
    first, last = integer(stream, "state", "first_seq"), integer(stream, "state", "last_seq")
    if not mapping(mapping(stream, "config"), "mirror") or first is None or last is None:
        return None
    created, deleted = text(stream, "created"), integer(stream, "state", "num_deleted") or 0
    if before is None or before.created != created or last < before.last:
        return MirrorArrivals(created=created, last=last, deleted=deleted, arrived=last)
    new = last - max(before.last, first - 1) - max(deleted - before.deleted, 0)
    return MirrorArrivals(created=created, last=last, deleted=deleted, arrived=before.arrived + max(new, 0))

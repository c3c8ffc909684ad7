"""A consumer's progress as a counter that rises only when messages are settled. Pure.

A sequence is no message: a purge, deletes and replaced messages move a consumer's sequence past many that nobody received. So
deliveries are counted, without the redeliveries as far as two answers reveal them.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a consumer at one reading. `settled` is the counter."""

    created: str  # tells apart consumers of the same name
    deliveries: int  # delivered.consumer_seq: includes redeliveries
    sequence: int  # delivered.stream_seq: the last first delivery
    in_flight: int
    settled: int
    dropped: int = 0  # deleted while they were in flight
    deleted_to: int | None = None  # a stream that keeps acknowledged messages has deleted all up to this sequence

    def continues(self, before: "Progress") -> bool:
        """Return whether the sequences went on from `before`: not for a recreated consumer, or a leader that knows less."""
        same = self.created == before.created
        return same and self.sequence >= before.sequence and self.deliveries >= before.deliveries

    def delivered_since(self, before: "Progress") -> int:
        """Return the first deliveries: at most the sequences passed, so none if the sequence did not move."""
        return min(self.deliveries - before.deliveries, self.sequence - before.sequence)


def follow_progress(
    before: Progress | None,
    *,
    filtered: bool,
    created: str,
    deliveries: int,
    sequence: int,
    in_flight: int,
    deleted_to: int | None = None,
) -> Progress:
    """Return the progress of a consumer after `before`.

    The counter of a consumer of some subjects (`filtered`) starts as the number of its deliveries, that of a consumer of the
    whole stream as its sequence.
    """
    settled = max((deliveries if filtered else sequence) - in_flight, 0)
    new = Progress(
        created=created,
        deliveries=deliveries,
        sequence=sequence,
        in_flight=in_flight,
        settled=settled,
        deleted_to=deleted_to,
    )
    return _continued(before, new)


def _continued(before: Progress | None, new: Progress) -> Progress:
    if before is None or new.created != before.created:
        return new
    if not new.continues(before):  # a leader that knows less, for a moment: nothing was settled
        return replace(new, settled=before.settled, dropped=before.dropped)
    delivered = new.delivered_since(before)
    settled = max(delivered - (new.in_flight - before.in_flight), 0)
    if not delivered and not new.in_flight and _deletes_up_to(before.sequence, before, new):
        return replace(new, settled=before.settled, dropped=before.dropped + settled)  # deleted, not acknowledged
    return replace(new, settled=before.settled + settled, dropped=before.dropped)


def _deletes_up_to(sequence: int, before: Progress, new: Progress) -> bool:
    """Return whether the stream deleted all up to that sequence between the two readings."""
    already = before.deleted_to is not None and before.deleted_to >= sequence
    return not already and new.deleted_to is not None and new.deleted_to >= sequence

"""A consumer's progress as a counter that rises only when messages are settled. Pure.

Without a filter it is the last delivered sequence minus the messages in flight. With a filter the sequences also count other
messages, so deliveries are counted instead, without the redeliveries as far as two answers reveal them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a consumer at one reading. `settled` is the counter."""

    created: str  # tells apart consumers of the same name
    deliveries: int  # delivered.consumer_seq: includes redeliveries
    sequence: int  # delivered.stream_seq: the last first delivery
    in_flight: int
    settled: int


def unfiltered_progress(*, created: str, deliveries: int, sequence: int, in_flight: int) -> Progress:
    """Return the progress of a consumer of the whole stream."""
    settled = max(sequence - in_flight, 0)
    return Progress(created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight, settled=settled)


def filtered_progress(
    before: Progress | None, *, created: str, deliveries: int, sequence: int, in_flight: int
) -> Progress:
    """Return the progress of a consumer of some subjects, based on the previous reading.

    The number of first deliveries is at most the number of sequences passed, and zero if the sequence did not move.
    """
    if before is None or before.created != created or sequence < before.sequence or deliveries < before.deliveries:
        settled = max(deliveries - in_flight, 0)
    else:
        first_deliveries = min(deliveries - before.deliveries, sequence - before.sequence)
        settled = before.settled + max(first_deliveries - (in_flight - before.in_flight), 0)
    return Progress(created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight, settled=settled)

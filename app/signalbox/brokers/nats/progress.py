"""How far a consumer has come, as a counter that moves when it settles messages and at no other time. Pure.

Without a filter one answer is enough: the last sequence handed out, less what is in flight. With a filter the sequences count
foreign messages too, so deliveries are counted; these include redeliveries, which are left out as far as two answers show them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One reading of a consumer. `settled` is the counter."""

    created: str  # which consumer of that name
    deliveries: int  # delivered.consumer_seq: redeliveries included
    sequence: int  # delivered.stream_seq: the last one handed out for the first time
    in_flight: int
    settled: int


def unfiltered(*, created: str, deliveries: int, sequence: int, in_flight: int) -> Progress:
    """Return where a consumer of the whole stream stands."""
    settled = max(sequence - in_flight, 0)
    return Progress(created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight, settled=settled)


def filtered(before: Progress | None, *, created: str, deliveries: int, sequence: int, in_flight: int) -> Progress:
    """Return where a consumer of some subjects stands, from the reading before.

    No more messages can have been handed out for the first time than the sequence moved on, and none when it stands.
    """
    if before is None or before.created != created or sequence < before.sequence or deliveries < before.deliveries:
        settled = max(deliveries - in_flight, 0)
    else:
        fresh = min(deliveries - before.deliveries, sequence - before.sequence)
        settled = before.settled + max(fresh - (in_flight - before.in_flight), 0)
    return Progress(created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight, settled=settled)

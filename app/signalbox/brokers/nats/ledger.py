"""Counts what arrived for a consumer and what left its stream unread. Pure; never counts a message that was delivered.

A stream deletes messages by limits, age, purge or command; it tells no counter of them. Two figures prove a loss: fewer messages
are pending although nobody received them, and the front of the stream is past the consumer.
"""

from dataclasses import dataclass, replace

from signalbox.brokers.nats.fields import Answer, filter_subjects, integer, limit, mapping, text
from signalbox.brokers.nats.progress import Progress

BUCKETS = {"KV_": "key-value bucket", "OBJ_": "object bucket"}  # by prefix of the stream's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequences:
    """What a stream's sequences mean for one consumer."""

    first: int | None
    last: int | None
    countable: bool  # each sequence from now on is a message for this consumer
    contiguous: bool  # no message between the first and the last is deleted
    replaces: bool  # newer messages replace older ones on purpose: what goes is not lost
    subjects: tuple[str, ...]  # what the consumer filters by
    keeps_settled: bool  # acknowledged messages stay in the stream

    @property
    def deleted_to(self) -> int | None:
        """The last sequence before the stream's front, where only a limit or a purge moves the front."""
        return self.first - 1 if self.first is not None and self.keeps_settled else None


def sequences(stream: Answer | None, consumer: Answer) -> Sequences:
    """Return the meaning of a stream's sequences for a consumer. A mirror has gaps where its origin deleted messages."""
    stream = stream or {}
    config = mapping(stream, "config")
    by_subject = text(consumer, "config", "deliver_policy") == "last_per_subject"
    bucket = text(config, "name").startswith(tuple(BUCKETS))
    replaces = (
        bucket or by_subject or bool(limit(config, "max_msgs_per_subject")) or config.get("allow_rollup_hdrs") is True
    )
    last = integer(stream, "state", "last_seq")
    return Sequences(
        first=integer(stream, "state", "first_seq"),
        last=last,
        countable=last is not None
        and not filter_subjects(consumer)
        and not by_subject
        and not mapping(config, "mirror"),
        contiguous=not integer(stream, "state", "num_deleted"),
        replaces=replaces,
        subjects=filter_subjects(consumer),
        keeps_settled=text(config, "retention") == "limits",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The counters of a consumer at one reading."""

    progress: Progress
    pending: int
    sequences: Sequences
    arrived: int
    removed: int = 0  # pending messages that went without a delivery
    passed: int = 0  # sequences that the consumer passed, or will, without a delivery
    lost: int = 0  # unread messages that were deleted: at least so many

    @property
    def gap(self) -> int:
        """How many messages the front of the stream is past the consumer."""
        return _position(self.progress, self.sequences) - self.progress.sequence

    @property
    def start(self) -> int | None:
        """The start of the stream in terms of `progress.settled`; None where sequences are no messages."""
        known = self.sequences
        if known.first is None or not known.countable or not known.contiguous or known.replaces:
            return None
        if self.gap:
            return self.progress.settled + self.gap
        retained = self.progress.sequence - self.progress.in_flight - (known.first - 1)
        return max(self.progress.settled - max(retained, 0), 0)


def follow(before: Ledger | None, progress: Progress, pending: int, now: Sequences) -> Ledger:
    """Return the counters after one more reading."""
    if before is None or progress.created != before.progress.created or now.subjects != before.sequences.subjects:
        gap = _position(progress, now) - progress.sequence
        lost = gap if now.contiguous and not now.replaces else 0
        arrived = progress.settled + gap + pending + progress.in_flight
        return Ledger(progress=progress, pending=pending, sequences=now, arrived=arrived, passed=lost, lost=lost)
    if not progress.continues(before.progress):
        arrived = _arrived(before, progress, pending, before.removed, now)
        return replace(before, progress=progress, pending=pending, sequences=now, arrived=arrived)
    delivered = progress.delivered_since(before.progress)
    removed = max(before.pending - delivered - pending, 0)
    skipped = max(_position(progress, now) - _position(before.progress, before.sequences) - delivered, 0)
    passed = before.passed + (skipped if now.countable and before.sequences.contiguous else 0)
    return Ledger(
        progress=progress,
        pending=pending,
        sequences=now,
        arrived=_arrived(before, progress, pending, before.removed + removed, now),
        removed=before.removed + removed,
        passed=passed,
        lost=0 if now.replaces else max(before.lost + removed, passed),
    )


def _position(progress: Progress, now: Sequences) -> int:
    """Return the sequence up to which every message was delivered or is gone."""
    first = now.first if now.countable else None
    return progress.sequence if first is None else max(progress.sequence, first - 1)


def _arrived(before: Ledger, progress: Progress, pending: int, removed: int, now: Sequences) -> int:
    """Return the counter of arrivals. Every stored message has a sequence, also one that was deleted or replaced at once."""
    if now.countable and now.last is not None and before.sequences.last is not None:
        return before.arrived + max(now.last - before.sequences.last, 0)
    gone = removed + progress.dropped
    return max(before.arrived, progress.settled + gone + pending + progress.in_flight)

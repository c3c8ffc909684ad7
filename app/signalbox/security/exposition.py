"""Prometheus metrics of the door: actions by outcome, and their duration."""

from signalbox.kernel.exposition import Sample, encode, metric
from signalbox.security.door import Door


def exposition(door: Door) -> bytes:
    """Return the metrics of all actions since the process started."""
    counts: list[Sample] = [({"action": a, "outcome": o}, count) for (a, o), count in sorted(door.counts.items())]
    seconds: list[Sample] = [({"action": action}, total) for action, total in sorted(door.seconds.items())]
    ended = metric("signalbox_actions_total", "counter", "Actions that ended, by outcome", counts)
    took = metric("signalbox_action_seconds_total", "counter", "Total duration of actions", seconds)
    return encode((*ended, *took))

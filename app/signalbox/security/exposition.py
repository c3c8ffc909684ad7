"""What Prometheus is told of the door: how often which action ended how, and how long it took."""

from signalbox.kernel.exposition import Sample, encode, metric
from signalbox.security.door import Door


def exposition(door: Door) -> bytes:
    """Return the lines of all actions since the start."""
    ended: list[Sample] = [({"action": a, "outcome": o}, count) for (a, o), count in sorted(door.counts.items())]
    took: list[Sample] = [({"action": action}, seconds) for action, seconds in sorted(door.seconds.items())]
    counted = metric("signalbox_actions_total", "counter", "Actions that ended, by outcome", ended)
    timed = metric("signalbox_action_seconds_total", "counter", "How long actions took, all together", took)
    return encode((*counted, *timed))

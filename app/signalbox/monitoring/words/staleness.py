"""What a sentence says when its data is old."""

from collections.abc import Sequence

from signalbox.kernel import figures
from signalbox.monitoring.model import Status
from signalbox.monitoring.words.spans import Span, Spans, spans, strong


def as_of(sentence: Sequence[Span], read_at: float, now: float, *, unknown: bool) -> Spans:
    """Date a sentence to its last update; `unknown`: the connection is down, so the present state is unknown."""
    at = figures.utc_time(read_at, now)
    if unknown:
        return spans(strong("Unknown", Status.UNKNOWN), f" since {at}. At the last update: ", *sentence)
    return spans(f"As of {at}: ", *sentence)

"""What is said when figures are not of now."""

from collections.abc import Sequence

from signalbox.kernel import figures
from signalbox.monitoring.model import Status
from signalbox.monitoring.words.spans import Span, Spans, said, strong


def when_last_read(sentence: Sequence[Span], read_at: float, now: float, *, unseen: bool) -> Spans:
    """Say that a sentence was so when it was last read; `unseen`: nothing is known of it any more."""
    clock = figures.utc_time(read_at, now)
    if unseen:
        return said(strong("Unknown", Status.UNKNOWN), f" since {clock}. When last read: ", *sentence)
    return said(f"At {clock}, when last read: ", *sentence)

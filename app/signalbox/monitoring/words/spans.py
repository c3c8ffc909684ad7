"""Pieces of a sentence, and the mark and tone that a status or link bears."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.monitoring.model import Link, Status

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True, slots=True)
class Span:
    """Words that are drawn alike. A broker's name is always a span of its own: hostile text, escaped where it is drawn."""

    text: str
    strong: bool = False
    tone: str | None = None
    mono: bool = False


Spans = tuple[Span, ...]


def plain(spans: Iterable[Span]) -> str:
    """Return the sentence as bare text, for the API and a terminal. Names are still the broker's own characters."""
    return "".join(span.text for span in spans)


def said(*pieces: str | Span) -> Spans:
    """Put pieces together as they are; a bare text is a plain span, and an empty one is left out."""
    return tuple(Span(piece) if isinstance(piece, str) else piece for piece in pieces if piece not in ("", Span("")))


def strong(text: str, status: Status | Link | None = None) -> Span:
    return Span(text, strong=True, tone=tone(status) if status else None)


def named(text: str) -> Span:
    """Return a broker's name as a span."""
    return Span(text, mono=True)


def number_word(number: int) -> str:
    """Write a number at the beginning of a sentence: Two, but 13."""
    return NUMBERS[number] if 0 <= number < len(NUMBERS) else f"{number:,}"


def of_things(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def listed(spans: Iterable[Spans]) -> Spans:
    """Put sentences side by side with a space between."""
    parts: list[Span] = []
    for sentence in spans:
        if sentence:
            parts.extend((Span(" "), *sentence) if parts else sentence)
    return tuple(parts)


_LOOKS: dict[Status | Link, tuple[str, str]] = {
    Status.WILL_LOSE_DATA: ("m-loss", "danger"),
    Status.STOPPED: ("m-stopped", "danger"),
    Status.STALLED: ("m-stalled", "danger"),
    Status.HELD_BACK: ("m-behind", "caution"),
    Status.BEYOND_END: ("m-rewound", "caution"),
    Status.REWOUND: ("m-rewound", "caution"),
    Status.BEHIND: ("m-behind", "caution"),
    Status.NEVER_COMMITTED: ("m-never", "caution"),
    Status.UNKNOWN: ("m-unknown", "quiet"),
    Status.NOT_PERMITTED: ("m-unknown", "quiet"),
    Status.REBALANCING: ("m-rebalance", "motion"),
    Status.CATCHING_UP: ("m-catching", "motion"),
    Status.NO_MEMBERS: ("m-nobody", "caution"),
    Status.OK: ("m-ok", "clear"),
    Link.CONNECTING: ("m-waiting", "motion"),
    Link.CONNECTED: ("m-up", "clear"),
    Link.STALE: ("m-stale", "caution"),
    Link.DOWN: ("m-down", "danger"),
}


def mark(status: Status | Link) -> str:
    """Return the name of its mark in the sprite."""
    return _LOOKS[status][0]


def tone(status: Status | Link) -> str:
    """Return its tone: clear, caution, danger, motion or quiet."""
    return _LOOKS[status][1]

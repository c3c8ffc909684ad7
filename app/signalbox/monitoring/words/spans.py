"""Pieces of a sentence, and the mark and tone of each status and link."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.model import LinkState, Status

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
SLOW_PER_S = 0.95  # below it `figures.rate` writes a rate by the minute or hour


@dataclass(frozen=True, slots=True)
class Span:
    """Text of one style. A broker's name is always a span of its own: it is hostile text, and the template escapes it."""

    text: str
    strong: bool = False
    tone: str | None = None
    mono: bool = False


Spans = tuple[Span, ...]


def plain(sentence: Iterable[Span]) -> str:
    """Return the sentence as bare text, for the API and a terminal. Broker names are not escaped."""
    return "".join(span.text for span in sentence)


def spans(*pieces: str | Span) -> Spans:
    """Build a sentence from pieces; a string becomes a plain span, empty pieces are dropped."""
    return tuple(Span(piece) if isinstance(piece, str) else piece for piece in pieces if piece not in ("", Span("")))


def strong(text: str, status: Status | LinkState | None = None) -> Span:
    return Span(text, strong=True, tone=tone(status) if status else None)


def name_span(text: str) -> Span:
    return Span(text, mono=True)


def number_word(number: int) -> str:
    """Write a number that starts a sentence: Two, but 13."""
    return NUMBERS[number] if 0 <= number < len(NUMBERS) else f"{number:,}"


def quantity(number: int, one: str, many: str) -> str:
    """Write a number with its noun: 1 group, 1,204 groups."""
    return f"{number:,} {one if number == 1 else many}"


def share(number: int, total: int, noun: str) -> str:
    """Write a part of a total: 2 of 12 groups, the only group."""
    return f"the only {noun}" if total == 1 else f"{number:,} of {total:,} {noun}s"


def message_rate(per_s: float) -> str:
    return figures.rate(per_s, "messages")


def in_and_out(rate_in: float, rate_out: float, *, in_at_least: bool = False) -> str:
    """Write both rates in brackets after their difference, in the unit that `figures.rate` gives the difference."""
    net = abs(rate_in - rate_out)
    scale = 3600 if net < 1 / 60 else 60 if net < SLOW_PER_S else 1
    bound = "at least " if in_at_least else ""
    return f"({bound}{figures.rate_number(rate_in * scale)} in, {figures.rate_number(rate_out * scale)} out)"


def paragraph(sentences: Iterable[Spans]) -> Spans:
    """Join sentences with a space; empty ones are dropped."""
    parts: list[Span] = []
    for sentence in sentences:
        if sentence:
            parts.extend((Span(" "), *sentence) if parts else sentence)
    return tuple(parts)


_LOOKS: dict[Status | LinkState, tuple[str, str]] = {
    Status.WILL_LOSE_DATA: ("m-loss", "danger"),
    Status.STOPPED: ("m-stopped", "danger"),
    Status.STALLED: ("m-stalled", "danger"),
    Status.HELD_BACK: ("m-behind", "caution"),
    Status.PAST_END: ("m-rewound", "caution"),
    Status.REWOUND: ("m-rewound", "caution"),
    Status.BEHIND: ("m-behind", "caution"),
    Status.NEVER_COMMITTED: ("m-never", "caution"),
    Status.UNKNOWN: ("m-unknown", "quiet"),
    Status.NOT_PERMITTED: ("m-unknown", "quiet"),
    Status.REBALANCING: ("m-rebalance", "motion"),
    Status.CATCHING_UP: ("m-catching", "motion"),
    Status.NO_MEMBERS: ("m-nobody", "caution"),
    Status.OK: ("m-ok", "clear"),
    LinkState.CONNECTING: ("m-waiting", "motion"),
    LinkState.CONNECTED: ("m-up", "clear"),
    LinkState.STALE: ("m-stale", "caution"),
    LinkState.DOWN: ("m-down", "danger"),
}


def mark(status: Status | LinkState) -> str:
    return _LOOKS[status][0]


def tone(status: Status | LinkState) -> str:
    """Return the tone: clear, caution, danger, motion or quiet."""
    return _LOOKS[status][1]

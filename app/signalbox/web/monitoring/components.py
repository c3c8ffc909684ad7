"""Small parts that several pages of monitoring show."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import ConnectionView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring.context import MonitoringContext


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure at the top of a page."""

    label: str
    figure: str
    unit: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about a whole page or section: stale, down, partial, not permitted."""

    tone: str
    mark: str
    strong: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence at the top of a list: one live fragment."""

    key: str
    fragment: str
    sentence: Sequence[Span]
    reason: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Detail:
    """A label and its text. `mono` marks text that a machine wrote."""

    label: str
    text: str
    note: str = ""
    mono: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The top of the page of one connection, group or destination: one live fragment."""

    key: str
    name: str
    status: StatusLabel
    read_at: float | None
    interval_s: float
    sentence: Sequence[Span]
    reason: Sequence[Span]
    facts: tuple[Fact, ...]
    stale: bool
    notices: tuple[Notice, ...]


def status_label(status: Status | LinkState, text: str = "", *, stale: bool = False) -> StatusLabel:
    text = text or status.value
    return StatusLabel(words.tone(status), words.mark(status), f"{text} (stale)" if stale else text)


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def rate_fact(label: str, per_s: float | None, note: str) -> Fact:
    figure, _, unit = figures.rate(per_s, "messages").partition(figures.NBSP)
    return Fact(label, figure, unit=unit, note=note)


def in_note(*, at_least: bool) -> str:
    """Return the note of a rate of arrivals."""
    return "at least, 1 min average: the broker does not count all arrivals" if at_least else "1 min average"


def size_fact(label: str, size_bytes: int | None, note: str) -> Fact:
    figure, _, unit = figures.size(size_bytes).partition(figures.NBSP)
    return Fact(label, figure, unit=unit, note=note)


def connection_notices(
    context: MonitoringContext, view: ConnectionView | None, read_at: float | None
) -> tuple[Notice, ...]:
    if view is None or view.link is LinkState.CONNECTED:
        return ()
    cause = f"{view.error} {view.hint}".strip()
    mark = words.mark(view.link)
    if view.link is LinkState.CONNECTING:
        return (Notice("motion", mark, f"{view.name} has not responded yet.", cause),)
    age = "No data yet." if read_at is None else f"Data from {figures.utc_time(read_at, context.now)}."
    return (Notice("caution", mark, age, f"{view.name} is {view.link}. {cause}".strip()),)

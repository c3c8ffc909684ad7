"""Small pieces that pages of one thing share: facts, notices, rows of key and value. Texts are ready to be shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.monitoring.words import Span
from signalbox.web.monitoring.glance import Glance


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure at the head of a page."""

    label: str
    figure: str
    unit: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What holds for a whole page or part: stale, down, partial, not permitted."""

    tone: str
    mark: str
    strong: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The sentence at the head of a list: one live fragment."""

    key: str
    fragment: str
    sentence: Sequence[Span]
    why: Sequence[Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One line of what is configured or kept; `note` is quiet, `mono` is what a machine wrote."""

    label: str
    text: str
    note: str = ""
    mono: bool = False


def rate_fact(label: str, per_s: float | None, note: str) -> Fact:
    """Return a rate as a figure with its unit small behind it."""
    if per_s is None:
        return Fact(label=label, figure=figures.UNKNOWN_WORD, note=note)
    figure, slash, unit = figures.rate(per_s).partition("/")
    return Fact(label=label, figure=figure, unit=slash + unit, note=note)


def size_fact(label: str, number: int | None, note: str) -> Fact:
    if number is None:
        return Fact(label=label, figure=figures.UNKNOWN_WORD, note=note)
    figure, _, unit = figures.size(number).partition(figures.NBSP)
    return Fact(label=label, figure=figure, unit=unit, note=note)


def link_notices(glance: Glance, view: ConnectionView | None, read_at: float | None) -> tuple[Notice, ...]:
    """Say that what stands on a page is old, and why, when its connection does not answer."""
    if view is None or view.link is LinkState.CONNECTED:
        return ()
    why = f"{view.error} {view.hint}".strip()
    if view.link is LinkState.CONNECTING:
        return (
            Notice(tone="motion", mark=words.mark(view.link), strong=f"{view.name} has not answered yet.", text=why),
        )
    seen = "This was never read."
    if read_at is not None:
        seen = f"What you see is from {figures.utc_time(read_at, glance.now)}."
    told = f"{view.name} is {view.link}. {why}".strip()
    return (Notice(tone="caution", mark=words.mark(view.link), strong=seen, text=told),)

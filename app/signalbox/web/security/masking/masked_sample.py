"""A masked sample as the page shows it: a tree of values with collapsible branches, bounded in depth and length."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from signalbox.security.masking.body_lines import BodyLine, LineKind
from signalbox.security.masking.engine import HiddenBody
from signalbox.security.masking.model import MaskedText, TextPart
from signalbox.security.masking.trial import Trial
from signalbox.web import markup

LINES_MAX: Final = 1000  # a sample of 64 KiB can hold 32,000 values
NESTED_MAX: Final = 24  # levels; deeper values are shown at this level, with a note

_CSS: Final = {LineKind.STRING: "s", LineKind.NUMBER: "n", LineKind.LITERAL: "n", LineKind.MASKED: "z"}


@dataclass(frozen=True, slots=True)
class SamplePart:
    """A piece of text, and the rule that masked it."""

    text: str
    masked: bool
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLine:
    """One value."""

    closes: int  # branches that end before this line
    opens: bool  # whether a branch begins
    label: tuple[SamplePart, ...]  # empty for the body itself
    css: str
    value: tuple[SamplePart, ...]
    quoted: bool
    rule: str  # that masked the value
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTree:
    lines: tuple[SampleLine, ...]
    closes: int  # branches that end after the last line
    more: int  # values not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenSample:
    reason: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedSample:
    """The sample as a user without the payloads permission sees it: one of the three."""

    tree: SampleTree | None = None
    text: tuple[SamplePart, ...] | None = None  # of a sample that is not JSON
    hidden: HiddenSample | None = None


def masked_sample(trial: Trial) -> MaskedSample:
    if isinstance(trial.body, HiddenBody):
        hidden = HiddenSample(reason=trial.body.why, rule=rule_name(trial.body.rule, trial))
        return MaskedSample(hidden=hidden)
    if isinstance(trial.body, MaskedText):
        return MaskedSample(text=_text(trial.body, trial))
    return MaskedSample(tree=_tree(trial))


def rule_name(number: int | None, trial: Trial) -> str:
    """Return "rule 2" or "new rule"; "" for no rule."""
    if number is None:
        return ""
    return "new rule" if number == trial.candidate else f"rule {number}"


def _tree(trial: Trial) -> SampleTree:
    lines: Sequence[BodyLine] = trial.lines
    values = lines if len(lines) == 1 else lines[1:]  # the body has a line of its own only if it is the only value
    shown: list[SampleLine] = []
    level = 0
    open_levels: list[int] = []
    for line in values[:LINES_MAX]:
        level = min(line.depth, NESTED_MAX)
        closes = sum(1 for _ in _closed(open_levels, level))
        opens = line.value is None and line.items > 0 and line.depth < NESTED_MAX
        shown.append(_line(line, trial, closes=closes, opens=opens))
        if opens:
            open_levels.append(level)
    return SampleTree(lines=tuple(shown), closes=len(open_levels), more=max(0, len(values) - LINES_MAX))


def _closed(open_levels: list[int], level: int) -> Iterator[int]:
    while open_levels and open_levels[-1] >= level:
        yield open_levels.pop()


def _line(line: BodyLine, trial: Trial, *, closes: int, opens: bool) -> SampleLine:
    value = line.value
    is_null = value is not None and value.text == "null" and line.kind is LineKind.LITERAL
    return SampleLine(
        closes=closes,
        opens=opens,
        label=_label(line),
        css="z" if is_null else _CSS.get(line.kind, ""),
        value=() if value is None else _parts(value),
        quoted=line.kind is LineKind.STRING,
        rule=rule_name(line.rule, trial),
        note=_note(line),
    )


def _label(line: BodyLine) -> tuple[SamplePart, ...]:
    if line.name is not None:
        return _parts(line.name)
    return () if line.index is None else (SamplePart(f"{line.index:,}", masked=False),)


def _parts(shown: MaskedText) -> tuple[SamplePart, ...]:
    return tuple(SamplePart(markup.visible(part.text), part.rule is not None) for part in shown.parts)


def _note(line: BodyLine) -> str:
    number = ""
    if line.value is None:
        thing = "field" if line.kind is LineKind.OBJECT else "item"
        number = f"{line.items:,} {thing}{'' if line.items == 1 else 's'}" if line.items else f"no {thing}s"
    depth = f"at depth {line.depth}" if line.depth > NESTED_MAX else ""
    return ", ".join(text for text in (number, depth) if text)


def _text(shown: MaskedText, trial: Trial) -> tuple[SamplePart, ...]:
    return tuple(
        SamplePart(_visible_lines(part.text), part.rule is not None, rule_name(part.rule, trial))
        for part in _not_empty(shown.parts)
    )


def _not_empty(parts: Iterable[TextPart]) -> Iterator[TextPart]:
    return (part for part in parts if part.text)


def _visible_lines(text: str) -> str:
    return "\n".join(markup.visible(line, len(line) or 1) for line in text.split("\n"))

"""A masked sample as the page draws it: from the trial's lines to branches that open and close, bounded in every direction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from signalbox.security.masking.body_lines import BodyLine, LineKind
from signalbox.security.masking.engine import HiddenBody
from signalbox.security.masking.model import MaskedText, TextPart
from signalbox.security.masking.trial import Trial
from signalbox.web import markup

LINES_MAX: Final = 1000  # 64 KiB may hold 32,000 values
NESTED_MAX: Final = 24  # levels; what lies deeper is drawn at this one, with its depth

_LOOKS: Final = {LineKind.STRING: "s", LineKind.NUMBER: "n", LineKind.LITERAL: "n", LineKind.MASKED: "z"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; whether it is a mark, and of which rule it is to say so."""

    text: str
    masked: bool
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeLine:
    """One value."""

    closes: int  # how many branches end before it
    opens: bool  # what it holds follows
    label: tuple[Piece, ...]  # none: the body itself
    look: str
    value: tuple[Piece, ...]
    quoted: bool
    tag: str  # the rule that masked it
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """All values, as many as are drawn."""

    lines: tuple[TreeLine, ...]
    closes: int  # after the last line
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenSample:
    """A sample of which nothing is shown."""

    why: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What others would see of a sample: one of these."""

    tree: Tree | None = None
    text: tuple[Piece, ...] | None = None  # of what is no JSON
    hidden: HiddenSample | None = None


def seen(trial: Trial) -> Seen:
    if isinstance(trial.body, HiddenBody):
        return Seen(hidden=HiddenSample(why=trial.body.why, tag=tag(trial.body.rule, trial)))
    if isinstance(trial.body, MaskedText):
        return Seen(text=_text(trial.body, trial))
    return Seen(tree=_tree(trial))


def tag(number: int | None, trial: Trial) -> str:
    """Return the rule in words: rule 2, or new rule."""
    if number is None:
        return ""
    return "new rule" if number == trial.candidate else f"rule {number}"


def _tree(trial: Trial) -> Tree:
    whole: Sequence[BodyLine] = trial.lines
    held = whole if len(whole) == 1 else whole[1:]  # the body itself is a line only where it is all there is
    drawn: list[TreeLine] = []
    level = 0  # of the line before
    open_at: list[int] = []  # the levels of the branches that are open
    for line in held[:LINES_MAX]:
        level = min(line.depth, NESTED_MAX)
        closes = sum(1 for _ in _closed(open_at, level))
        opens = line.value is None and line.items > 0 and line.depth < NESTED_MAX
        drawn.append(_line(line, trial, closes=closes, opens=opens))
        if opens:
            open_at.append(level)
    return Tree(lines=tuple(drawn), closes=len(open_at), more=max(0, len(held) - LINES_MAX))


def _closed(open_at: list[int], level: int) -> Iterator[int]:
    while open_at and open_at[-1] >= level:
        yield open_at.pop()


def _line(line: BodyLine, trial: Trial, *, closes: int, opens: bool) -> TreeLine:
    value = line.value
    return TreeLine(
        closes=closes,
        opens=opens,
        label=_label(line),
        look="z"
        if value is not None and value.text == "null" and line.kind is LineKind.LITERAL
        else _LOOKS.get(line.kind, ""),
        value=()
        if value is None
        else tuple(Piece(markup.visible(one.text), one.rule is not None) for one in value.parts),
        quoted=line.kind is LineKind.STRING,
        tag=tag(line.rule, trial),
        note=_note(line),
    )


def _label(line: BodyLine) -> tuple[Piece, ...]:
    if line.name is not None:
        return tuple(Piece(markup.visible(one.text), one.rule is not None) for one in line.name.parts)
    return () if line.index is None else (Piece(f"{line.index:,}", masked=False),)


def _note(line: BodyLine) -> str:
    many = ""
    if line.value is None:
        thing = "member" if line.kind is LineKind.OBJECT else "item"
        many = f"{line.items:,} {thing}{'' if line.items == 1 else 's'}" if line.items else f"no {thing}s"
    deep = f"at depth {line.depth}" if line.depth > NESTED_MAX else ""
    return ", ".join(one for one in (many, deep) if one)


def _text(shown: MaskedText, trial: Trial) -> tuple[Piece, ...]:
    return tuple(
        Piece(_lines_visible(one.text), one.rule is not None, tag(one.rule, trial)) for one in _joined(shown.parts)
    )


def _joined(parts: Iterable[TextPart]) -> Iterator[TextPart]:
    return (part for part in parts if part.text)


def _lines_visible(text: str) -> str:
    return "\n".join(markup.visible(line, len(line) or 1) for line in text.split("\n"))

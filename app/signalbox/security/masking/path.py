"""The JSON paths of masking rules: RFC 9535 without filters, slices and functions.

`$.a.b`, `$['a b']`, `$[0]`, `$[*]`, `$.*`, and each of these after `..` for any depth: `$..email`. `$` is the whole body.
"""

import re
from dataclasses import dataclass
from typing import Final

from signalbox.security.masking.errors import InvalidRule

LENGTH_MAX: Final = 256  # characters
STEPS_MAX: Final = 32
INDEX_DIGITS_MAX: Final = 7  # enough for a body of 1 MiB

UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # includes characters that databases do not store
_STEP: Final = re.compile(
    r"(?P<dots>\.{0,2})"
    r"(?:(?P<name>[^\W\d]\w*)|(?P<star>\*)"
    r"|\[(?:'(?P<single>(?:[^'\\]|\\['\\])*)'|\"(?P<double>(?:[^\"\\]|\\[\"\\])*)\"|(?P<index>0|[1-9]\d*)|(?P<all>\*))\])",
    re.ASCII,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_FORMS: Final = "a JSON path of .name, ['any name'], [0], [*], .* and ..name"


@dataclass(frozen=True, slots=True)
class Step:
    """A step from a value to its children. `at` is a name, an index, or None for all."""

    at: str | int | None
    deep: bool  # also from all descendants


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path. `text` is the original."""

    text: str
    steps: tuple[Step, ...]


def parse(text: str) -> JsonPath:
    """Parse a path.

    Raises:
        InvalidRule: the path is malformed or too long.
    """
    if not text.startswith("$") or UNPRINTABLE.search(text):
        raise _fault(text, _FORMS, "$.address.name")
    if len(text) > LENGTH_MAX:
        raise _fault(text, f"a JSON path of at most {LENGTH_MAX} characters", "$..email")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (step := _step(match)) is None:
            raise _fault(text[at:], f"{_FORMS} from the character {at + 1} on", "$['reply-to'] or $.lines[*].sku")
        steps.append(step)
        at = match.end()
    if len(steps) > STEPS_MAX:
        raise _fault(text, f"a JSON path of at most {STEPS_MAX} steps", "$..email")
    return JsonPath(text, tuple(steps))


def _step(match: re.Match[str]) -> Step | None:
    """Return the matched step, or None if its dots are wrong: `.name` has one or two, `[0]` none or two."""
    dots = len(match["dots"])
    bare = match["name"] is not None or match["star"] is not None
    if dots == (0 if bare else 1):
        return None
    deep = dots == 2
    if match["name"] is not None:
        return Step(match["name"], deep)
    if match["index"] is not None:
        return Step(int(match["index"]), deep) if len(match["index"]) <= INDEX_DIGITS_MAX else None
    quoted = match["single"] if match["single"] is not None else match["double"]
    return Step(None if quoted is None else _ESCAPED.sub(r"\1", quoted), deep)


def _fault(got: str, expected: str, example: str) -> InvalidRule:
    return InvalidRule("what", expected, example, got)

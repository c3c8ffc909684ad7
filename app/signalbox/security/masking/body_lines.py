"""A masked body as flat lines with a depth, so that templates need no recursion."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from signalbox.security.masking.model import MaskedText, TextPart
from signalbox.security.masking.tree import JsonObject, Node, Number, scalar


class LineKind(StrEnum):
    """The kind of a line's value."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"  # without quotes; possibly masked in part
    NUMBER = "number"
    LITERAL = "word"  # true, false, null
    MASKED = "masked"  # the whole value


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLine:
    """One value of the body."""

    depth: int  # 0: the root
    name: MaskedText | None  # of a member; None: the root or an element
    index: int | None  # of an element
    kind: LineKind
    value: MaskedText | None  # None: an object or array; its values follow, one level deeper
    items: int  # their number

    @property
    def rule(self) -> int | None:
        """The number of the rule that masked the value, from 1."""
        return None if self.value is None else self.value.rule


def body_lines(root: Node) -> Iterator[BodyLine]:
    """Yield every value of a body, parents first."""
    todo: list[tuple[int, str | MaskedText | int | None, Node]] = [(0, None, root)]
    while todo:
        depth, at, node = todo.pop()
        yield _line(depth, at, node)
        if isinstance(node, JsonObject):
            todo.extend((depth + 1, name, value) for name, value in reversed(node.pairs))
        elif isinstance(node, list):
            todo.extend((depth + 1, index, node[index]) for index in range(len(node) - 1, -1, -1))


def _line(depth: int, at: str | MaskedText | int | None, node: Node) -> BodyLine:
    kind, value = _kind_and_value(node)
    return BodyLine(
        depth=depth,
        name=MaskedText((TextPart(at),)) if isinstance(at, str) else at if isinstance(at, MaskedText) else None,
        index=at if isinstance(at, int) else None,
        kind=kind,
        value=value,
        items=len(node.pairs) if isinstance(node, JsonObject) else len(node) if isinstance(node, list) else 0,
    )


def _kind_and_value(node: Node) -> tuple[LineKind, MaskedText | None]:
    if isinstance(node, JsonObject):
        return LineKind.OBJECT, None
    if isinstance(node, list):
        return LineKind.ARRAY, None
    if isinstance(node, MaskedText):
        whole = all(part.rule is not None for part in node.parts)
        return (LineKind.MASKED if whole else LineKind.STRING), node
    if isinstance(node, str):
        return (LineKind.NUMBER if isinstance(node, Number) else LineKind.STRING), MaskedText((TextPart(node),))
    return LineKind.LITERAL, MaskedText((TextPart(scalar(node)),))

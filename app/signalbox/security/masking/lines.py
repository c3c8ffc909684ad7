"""A masked body line by line, for a page: depth is a number, so that no depth is too much for a template."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from signalbox.security.masking.model import Part, Shown
from signalbox.security.masking.tree import Members, Node, Number, scalar


class Kind(StrEnum):
    """What a line shows."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"  # also one of which a part is masked; without its quotes
    NUMBER = "number"
    WORD = "word"  # true, false, null
    MASKED = "masked"  # whole: its mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value of the body."""

    depth: int  # 0: the body itself
    name: Shown | None  # of a member; None: the body itself, or an element
    index: int | None  # of an element
    kind: Kind
    value: Shown | None  # None: an object or an array, whose values follow one deeper
    items: int  # how many those are

    @property
    def rule(self) -> int | None:
        """The number of the rule that changed the value, from 1."""
        return None if self.value is None else self.value.rule


def lines(root: Node) -> Iterator[Line]:
    """Yield every value of a body, each before what it holds."""
    todo: list[tuple[int, str | Shown | int | None, Node]] = [(0, None, root)]
    while todo:
        depth, at, node = todo.pop()
        yield _line(depth, at, node)
        if isinstance(node, Members):
            todo.extend((depth + 1, name, value) for name, value in reversed(node.pairs))
        elif isinstance(node, list):
            todo.extend((depth + 1, index, node[index]) for index in range(len(node) - 1, -1, -1))


def _line(depth: int, at: str | Shown | int | None, node: Node) -> Line:
    kind, value = _told(node)
    return Line(
        depth=depth,
        name=Shown((Part(at),)) if isinstance(at, str) else at if isinstance(at, Shown) else None,
        index=at if isinstance(at, int) else None,
        kind=kind,
        value=value,
        items=len(node.pairs) if isinstance(node, Members) else len(node) if isinstance(node, list) else 0,
    )


def _told(node: Node) -> tuple[Kind, Shown | None]:
    if isinstance(node, Members):
        return Kind.OBJECT, None
    if isinstance(node, list):
        return Kind.ARRAY, None
    if isinstance(node, Shown):
        whole = all(part.rule is not None for part in node.parts)
        return (Kind.MASKED if whole else Kind.STRING), node
    if isinstance(node, str):
        return (Kind.NUMBER if isinstance(node, Number) else Kind.STRING), Shown((Part(node),))
    return Kind.WORD, Shown((Part(scalar(node)),))

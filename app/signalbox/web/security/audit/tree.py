"""Parameters of an action as a tree of texts, bounded: what stands in a row may have been put there by anybody. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

NODES_MAX: Final = 200
DEPTH_MAX: Final = 8
SHORT_LIST_MAX: Final = 12  # numbers and the like that stand in one line


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value under its key. `css` is the class of its kind: s text, n number or the like, z a remark of ours."""

    key: str
    text: str
    css: str
    children: tuple["Node", ...] = ()


def tree(text: str) -> tuple[Node, ...]:
    """Return the values of a JSON object; where there is something else, that, as far as it can be shown."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return (Node(key="", text="not what Signalbox writes: it cannot be read as JSON", css="z"), _leaf("", text))
    left = iter(range(NODES_MAX))
    return _children(value, left, DEPTH_MAX) if isinstance(value, dict) else (_node("", value, left, DEPTH_MAX),)


def _children(value: object, left: Iterator[int], depth: int) -> tuple[Node, ...]:
    made = []
    for key, one in _items(value):
        if next(left, None) is None:
            made.append(Node(key="", text="more, which is not shown", css="z"))
            break
        made.append(_node(key, one, left, depth))
    return tuple(made)


def _items(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return ((str(key), one) for key, one in value.items())
    return (("", one) for one in value) if isinstance(value, list) else ()


def _node(key: str, value: object, left: Iterator[int], depth: int) -> Node:
    if not isinstance(value, dict | list):
        return _leaf(key, value)
    if not value:
        return Node(key=key, text="none", css="z")
    if isinstance(value, list) and len(value) <= SHORT_LIST_MAX and not any(map(_is_long, value)):
        return Node(key=key, text=f"[ {', '.join(_leaf('', one).text for one in value)} ]", css="n")
    if depth == 0:
        return Node(key=key, text="more, which is not shown", css="z")
    return Node(key=key, text="", css="", children=_children(value, left, depth - 1))


def _is_long(value: object) -> bool:
    return isinstance(value, dict | list | str)


def _leaf(key: str, value: object) -> Node:
    if isinstance(value, str):
        return Node(key=key, text=f'"{value}"', css="s")
    words = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return Node(key=key, text=words[value], css="n")
    return Node(key=key, text=str(value), css="n")

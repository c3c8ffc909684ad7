"""Parameters of an action as a bounded tree: a tampered row can hold anything. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

NODES_MAX: Final = 200
DEPTH_MAX: Final = 8
INLINE_LIST_MAX: Final = 12  # numbers shown on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterNode:
    """A value under its key. `css`: s for text, n for numbers and the like, z for a remark."""

    key: str
    text: str
    css: str
    children: tuple["ParameterNode", ...] = ()


def parameter_tree(text: str) -> tuple[ParameterNode, ...]:
    """Return the values of a JSON object; text that is not JSON comes back as it is, after a remark."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return (_remark("not valid JSON: Signalbox did not write this"), _leaf("", text))
    budget = iter(range(NODES_MAX))
    return _children(value, budget, DEPTH_MAX) if isinstance(value, dict) else (_node("", value, budget, DEPTH_MAX),)


def _children(value: object, budget: Iterator[int], depth: int) -> tuple[ParameterNode, ...]:
    nodes = []
    for key, item in _items(value):
        if next(budget, None) is None:
            nodes.append(_remark("more, not shown"))
            break
        nodes.append(_node(key, item, budget, depth))
    return tuple(nodes)


def _items(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return ((str(key), item) for key, item in value.items())
    return (("", item) for item in value) if isinstance(value, list) else ()


def _node(key: str, value: object, budget: Iterator[int], depth: int) -> ParameterNode:
    if not isinstance(value, dict | list):
        return _leaf(key, value)
    if not value:
        return _remark("none", key)
    if isinstance(value, list) and len(value) <= INLINE_LIST_MAX and not any(map(_is_long, value)):
        return ParameterNode(key=key, text=f"[ {', '.join(_leaf('', item).text for item in value)} ]", css="n")
    if depth == 0:
        return _remark("more, not shown", key)
    return ParameterNode(key=key, text="", css="", children=_children(value, budget, depth - 1))


def _is_long(value: object) -> bool:
    return isinstance(value, dict | list | str)


def _leaf(key: str, value: object) -> ParameterNode:
    if isinstance(value, str):
        return ParameterNode(key=key, text=f'"{value}"', css="s")
    text = (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else str(value)
    )
    return ParameterNode(key=key, text=text, css="n")


def _remark(text: str, key: str = "") -> ParameterNode:
    return ParameterNode(key=key, text=text, css="z")

"""Lossless JSON: members in order with duplicates, numbers as text; parsed and written without recursion."""

import json
import re
from collections.abc import Iterator
from decimal import Context, Decimal
from itertools import accumulate
from typing import Final, NoReturn

from signalbox.security.masking.model import MaskedText, UnreadableReason

BYTES_MAX: Final = 1024**2
DEPTH_MAX: Final = 512
NUMBER_LENGTH_MAX: Final = 64  # characters; longer ones are not normalized

_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_DEEPER: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_EXACT: Final = Context(prec=2 * NUMBER_LENGTH_MAX)
_quoted = json.encoder.encode_basestring


class Number(str):
    """A number as text: 1.0, 1e400 and 9007199254740993 stay unchanged."""

    __slots__ = ()

    @property
    def plain(self) -> str:
        """The number without exponent and trailing zeros: equal numbers have equal texts."""
        if self.isdigit() or len(self) > NUMBER_LENGTH_MAX:
            return str(self)
        try:
            value = Decimal(self)
        except ArithmeticError:  # the exponent is too large
            return str(self)
        if abs(value.adjusted()) > NUMBER_LENGTH_MAX:
            return str(self)
        text = format(value.normalize(_EXACT), "f")
        return "0" if text == "-0" else text


class JsonObject:
    """A JSON object: members in order; a name may occur twice."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple["str | MaskedText", "Node"]]) -> None:
        self.pairs = pairs


Node = JsonObject | list["Node"] | str | MaskedText | bool | None
"""A `Number` is a number, other `str` are strings; `MaskedText` was changed by a rule."""


class UnreadableBody(Exception):
    """The bytes cannot be parsed as JSON. The message contains none of them."""

    def __init__(self, why: UnreadableReason) -> None:
        super().__init__(why)
        self.why = why


def decode(data: bytes) -> str:
    """Decode a body. Raises UnreadableBody if it is too large or not UTF-8."""
    if len(data) > BYTES_MAX:
        raise UnreadableBody(UnreadableReason.TOO_LARGE)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableBody(UnreadableReason.NO_TEXT) from None


def parse(text: str) -> Node:
    """Parse JSON. Raises UnreadableBody if it is too deep or not JSON."""
    if text.count("[") + text.count("{") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        raise UnreadableBody(UnreadableReason.TOO_DEEP)
    try:
        return _DECODER.decode(text)  # type: ignore[no-any-return]  # it returns what the hooks build
    except ValueError:
        raise UnreadableBody(UnreadableReason.NO_JSON) from None
    except RecursionError:
        raise UnreadableBody(UnreadableReason.TOO_DEEP) from None


def _depth(text: str) -> int:
    brackets = _BRACKET.findall(_STRING.sub("", text))
    return max(accumulate(_DEEPER[bracket] for bracket in brackets), default=0)


def _reject_constant(_: str) -> NoReturn:
    raise ValueError  # NaN and Infinity


_DECODER: Final = json.JSONDecoder(
    parse_int=Number,
    parse_float=Number,
    parse_constant=_reject_constant,
    object_pairs_hook=JsonObject,  # type: ignore[arg-type]  # the list of str may later hold MaskedText too
)


def encode(root: Node) -> bytes:
    """Write JSON without spaces, so that spacing does not reveal what was masked."""
    parts: list[str] = []
    stack: list[tuple[Iterator[tuple[str, Node]], str]] = [(iter([("", root)]), "")]
    while stack:
        children, end = stack[-1]
        for before, node in children:
            parts.append(before)
            if isinstance(node, JsonObject | list):
                parts.append("{" if isinstance(node, JsonObject) else "[")
                stack.append((_members(node), "}") if isinstance(node, JsonObject) else (_elements(node), "]"))
                break
            parts.append(scalar(node))
        else:
            parts.append(end)
            stack.pop()
    text = "".join(parts)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only escape
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def _members(node: JsonObject) -> Iterator[tuple[str, Node]]:
    """Yield each value with the text before it."""
    for at, (name, value) in enumerate(node.pairs):
        yield f"{',' if at else ''}{scalar(name)}:", value


def _elements(node: list[Node]) -> Iterator[tuple[str, Node]]:
    for at, value in enumerate(node):
        yield "," if at else "", value


def scalar(node: "str | MaskedText | bool | None") -> str:
    """Return the JSON of a string, number, literal or masked text."""
    if isinstance(node, Number):
        return str(node)
    if isinstance(node, str):
        return _quoted(node)
    return _quoted(node.text) if isinstance(node, MaskedText) else _WORDS[node]


_WORDS: Final = {True: "true", False: "false", None: "null"}


def leaves(root: Node, *, names: bool = False) -> Iterator[Node]:
    """Yield every value that is not an object or array; with `names` also member names."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, JsonObject):
            if names:
                yield from (name for name, _ in node.pairs)
            stack.extend(value for _, value in reversed(node.pairs))
        elif isinstance(node, list):
            stack.extend(reversed(node))
        else:
            yield node

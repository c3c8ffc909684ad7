"""Rules, and any JSON with an independent writer and reader, to compare the engine with."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from signalbox.security.masking.engine import JsonBody, MaskedMessage, mask
from signalbox.security.masking.model import ClearMessage, Rule, parse_rule
from signalbox.security.masking.path import JsonPath, Step
from signalbox.security.masking.rules import Ruleset

KEY = b"k" * 32


class Literal(str):
    """A number, true, false or null as text."""

    __slots__ = ()


class Object(list[tuple[str, Any]]):
    """Members in order, with duplicates."""


Value = Any  # Object | list[Value] | str | Literal

NAMES = st.sampled_from(["a", "b", "email", "a b", "", "é", "x\ud800"])
NUMBERS = st.integers().map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just("1e99999")
SCALARS = (
    st.text(st.characters(exclude_categories=[]), max_size=12)
    | NUMBERS.map(Literal)
    | st.sampled_from(["true", "false", "null"]).map(Literal)
)


def _holding(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.lists(inner, max_size=4) | st.lists(st.tuples(NAMES, inner), max_size=4).map(Object)


VALUES: st.SearchStrategy[Value] = st.recursive(SCALARS, _holding, max_leaves=25)

STEPS = st.builds(Step, NAMES.filter(str.isprintable) | st.integers(0, 3) | st.none(), st.booleans())


def path_text(steps: Sequence[Step]) -> str:
    return "$" + "".join(_step_text(step) for step in steps)


def _step_text(step: Step) -> str:
    dots = ".." if step.deep else ""
    if step.at is None:
        return f"{dots}[*]"
    if isinstance(step.at, int):
        return f"{dots}[{step.at}]"
    return dots + "['" + step.at.replace("\\", "\\\\").replace("'", "\\'") + "']"


PATHS = st.lists(STEPS, min_size=1, max_size=4).map(path_text)


def written(value: Value) -> str:
    """Write JSON recursively."""
    if isinstance(value, Object):
        return "{ " + " , ".join(f"{json.dumps(name)} : {written(inner)}" for name, inner in value) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Literal) else json.dumps(value)


def read(data: bytes) -> Value:
    """Parse JSON with the library, numbers as text."""

    def literal(found: Value) -> Value:
        if isinstance(found, Object):
            return Object((name, literal(inner)) for name, inner in found)
        if isinstance(found, list):
            return [literal(inner) for inner in found]
        words = {True: "true", False: "false", None: "null"}
        return found if isinstance(found, str) else Literal(words[found])

    return literal(json.loads(data, parse_int=Literal, parse_float=Literal, object_pairs_hook=Object))


def fits(steps: Sequence[Step], place: tuple[str | int, ...]) -> bool:
    """Return whether a path matches a place, in the simplest way."""
    if not steps or not place:
        return not steps and not place
    first, *rest = steps
    here = first.at is None or (type(first.at) is type(place[0]) and first.at == place[0])
    return (here and fits(rest, place[1:])) or (first.deep and fits(steps, place[1:]))


def first_fit(paths: Sequence[JsonPath], place: tuple[str | int, ...]) -> int | None:
    return next((number for number, path in enumerate(paths, start=1) if fits(path.steps, place)), None)


def replaced(
    value: Value, rule: Callable[[tuple[str | int, ...]], int | None], by: Callable[[Value, int], str]
) -> Value:
    """Return the value with a mark wherever a rule's path matches."""

    def at(inner: Value, place: tuple[str | int, ...]) -> Value:
        if (number := rule(place)) is not None:
            return by(inner, number)
        if isinstance(inner, Object):
            return Object((name, at(one, (*place, name))) for name, one in inner)
        if isinstance(inner, list):
            return [at(one, (*place, index)) for index, one in enumerate(inner)]
        return inner

    return at(value, ())


def rule(*what: str, how: str = "hide", name: str = "a rule", where: str = "*", types: Sequence[str] = ("*",)) -> Rule:
    return parse_rule(name=name, destinations=[where], types=types, what=what, how=how)


def message(
    body: bytes | str | None = None,
    *,
    where: str = "prod/orders",
    key: bytes | None = None,
    headers: Sequence[tuple[str, str]] = (),
    texts: Sequence[str] = (),
    kind: str | None = None,
) -> ClearMessage:
    connection, _, destination = where.partition("/")
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return ClearMessage(
        connection=connection,
        destination=destination,
        type=kind,
        key=key,
        headers=tuple(headers),
        body=data,
        texts=tuple(texts),
    )


def view(shown: ClearMessage, *rules: Rule) -> MaskedMessage:
    return mask(shown, Ruleset(rules), KEY)


def masked(body: bytes | str, *rules: Rule) -> str:
    """Return the masked JSON."""
    found = view(message(body), *rules).body
    assert isinstance(found, JsonBody), found
    return found.encoded().decode()

"""Paths are parsed strictly, and the automaton agrees with the simplest implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.masking.automaton import STATES_MAX, Automaton
from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.path import Step, parse
from tests.unit.security.masking.bodies import NAMES, PATHS, STEPS, first_fit, path_text


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", ()),
        ("$.a.b", (Step("a", False), Step("b", False))),
        ("$['a b'][\"it's\"]", (Step("a b", False), Step("it's", False))),
        (r"$['it\'s \\ so']", (Step(r"it's \ so", False),)),
        ("$['']", (Step("", False),)),
        ("$.lines[*].sku", (Step("lines", False), Step(None, False), Step("sku", False))),
        ("$[0][10]", (Step(0, False), Step(10, False))),
        ("$..email", (Step("email", True),)),
        ("$.a..['b c'].*", (Step("a", False), Step("b c", True), Step(None, False))),
        ("$..*", (Step(None, True),)),
        ("$..[2]", (Step(2, True),)),
    ],
)
def test_valid_paths(text: str, steps: tuple[Step, ...]) -> None:
    assert parse(text).steps == steps


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "$a",
            "$.",
            "$..",
            "$...a",
            "$.a.",
            "$.[0]",
            "$[01]",
            "$[-1]",
            "$[a]",
            "$['a]",
            "$[]",
            "$.a b",
            "$.1a",
        ),
        *(
            "$.reply-to",
            "$[0:2]",
            "$[?@.a]",
            "$['a','b']",
            "$ ",
            " $",
            "$.é",
            "$[12345678]",
            "$['a\\n']",
            "$['\0']",
            "$['\ud800']",
        ),
        *("$" + ".a" * 33, "$." + "a" * 300),
    ],
)
def test_other_paths_are_rejected_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRule, match=r"^what: expected a JSON path .*, such as \$.*, got ") as refused:
        parse(text)
    assert len(str(refused.value)) < 300


@given(st.lists(STEPS, max_size=5))
def test_written_rows_are_read_back(steps: list[Step]) -> None:
    assert parse(path_text(steps)).steps == tuple(steps)


@given(st.lists(PATHS, max_size=6), st.lists(st.lists(NAMES | st.integers(0, 5), max_size=6), max_size=6))
def test_automaton_finds_the_first_matching_path(texts: list[str], places: list[list[str | int]]) -> None:
    paths = [parse(text) for text in texts]
    automaton = Automaton(list(enumerate(paths, start=1)))
    for place in places:
        state, number = automaton.root
        for at in place:
            state, number = (None, None) if state is None else automaton.child(state, at)
        assert number == first_fit(paths, tuple(place))


def test_hostile_names_and_many_states_cost_no_memory() -> None:
    deep = [parse(f"$..a{n}..b{n}..c{n}..d{n}") for n in range(8)]
    automaton = Automaton(list(enumerate(deep, start=1)))
    for turn in range(20_000):
        state, _ = automaton.root
        for step in range(12):
            assert state is not None
            letter = "abcd"[(turn >> step) % 4]
            state, _ = automaton.child(state, f"{letter}{(turn * 7 + step * 3) % 8}")
    start, _ = automaton.root
    assert start is not None
    for turn in range(1000):
        automaton.child(start, f"hostile {turn}")
    assert len(automaton._states) <= STATES_MAX
    assert len(start.edges) <= 8 * 4 + 1
    assert automaton.child(start, "a3")[1] is None

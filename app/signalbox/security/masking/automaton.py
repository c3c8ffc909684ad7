"""All paths of a set of rules at once: one look-up for each value of a body, however many rules there are.

A state is the set of steps that may come next. States and the edges between them are made when a body first leads there. Only
names that stand in a rule have edges of their own; every other name shares one, so that hostile names cost no memory.
"""

from collections.abc import Sequence
from typing import Final

from signalbox.security.masking.path import JsonPath, Step

STATES_MAX: Final = 4096  # then they are forgotten and made anew

PathPosition = tuple[int, int]
"""Which path, and which of its steps comes next."""

Edge = tuple["State | None", int | None]
"""Where it leads (None: no rule reaches further down) and the number of the first rule whose path ends there."""

NOWHERE: Final[Edge] = (None, None)


class State:
    """A set of positions, and the edges that have been asked for."""

    __slots__ = ("edges", "positions")

    def __init__(self, positions: frozenset[PathPosition]) -> None:
        self.positions = positions
        self.edges: dict[str | int | None, Edge] = {}


class Automaton:
    """Follows a body from its root down."""

    def __init__(self, paths: Sequence[tuple[int, JsonPath]]) -> None:
        """Take (number of the rule, path) of every rule; of those that fit one value the lowest number wins."""
        self._numbers = [number for number, _ in paths]
        self._steps: list[tuple[Step, ...]] = [path.steps for _, path in paths]
        self._literals = frozenset(step.at for steps in self._steps for step in steps)
        self._states: dict[frozenset[PathPosition], State] = {}
        self.first = min(self._numbers, default=None)  # the first rule that has a path at all
        self.root: Edge = (
            self._state(frozenset((which, 0) for which, steps in enumerate(self._steps) if steps)),
            min((number for number, path in paths if not path.steps), default=None),
        )

    def child(self, state: State, at: str | int) -> Edge:
        """Return the edge to the member of this name, or to the element at this index."""
        known = at if at in self._literals else None
        edge = state.edges.get(known)
        if edge is None:
            edge = state.edges[known] = self._edge(state, known)
        return edge

    def _edge(self, state: State, at: str | int | None) -> Edge:
        after: set[PathPosition] = set()
        ends: list[int] = []
        for which, place in state.positions:
            step = self._steps[which][place]
            if step.deep:
                after.add((which, place))
            if step.at is None or step.at == at:
                if place + 1 == len(self._steps[which]):
                    ends.append(self._numbers[which])
                else:
                    after.add((which, place + 1))
        return self._state(frozenset(after)), min(ends, default=None)

    def _state(self, positions: frozenset[PathPosition]) -> State | None:
        if not positions:
            return None
        if positions not in self._states:
            if len(self._states) >= STATES_MAX:
                for state in self._states.values():
                    state.edges.clear()
                self._states.clear()
            self._states[positions] = State(positions)
        return self._states[positions]

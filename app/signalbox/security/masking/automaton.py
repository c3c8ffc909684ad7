"""Matches all paths of a set of rules at once: one lookup for each value of a body, however many rules there are.

States and edges are built when a body first reaches them. Names that no rule contains share one edge, so hostile names
cost no memory.
"""

from collections.abc import Sequence
from typing import Final

from signalbox.security.masking.path import JsonPath, Step

STATES_MAX: Final = 4096  # then all are dropped and rebuilt on demand

PathPosition = tuple[int, int]
"""The index of a path, and of its next step."""

Edge = tuple["State | None", int | None]
"""The next state (None: no rule goes deeper), and the number of the first rule whose path ends here."""

NOWHERE: Final[Edge] = (None, None)


class State:
    """A set of positions, and the edges built so far."""

    __slots__ = ("edges", "positions")

    def __init__(self, positions: frozenset[PathPosition]) -> None:
        self.positions = positions
        self.edges: dict[str | int | None, Edge] = {}


class Automaton:
    """Follows a body down from its root."""

    def __init__(self, paths: Sequence[tuple[int, JsonPath]]) -> None:
        """Take (rule number, path) pairs; if several paths match a value, the lowest number wins."""
        self._numbers = [number for number, _ in paths]
        self._steps: list[tuple[Step, ...]] = [path.steps for _, path in paths]
        self._literals = frozenset(step.at for steps in self._steps for step in steps)
        self._states: dict[frozenset[PathPosition], State] = {}
        self.first = min(self._numbers, default=None)  # the first rule with a path
        self.root: Edge = (
            self._state(frozenset((path_index, 0) for path_index, steps in enumerate(self._steps) if steps)),
            min((number for number, path in paths if not path.steps), default=None),
        )

    def child(self, state: State, at: str | int) -> Edge:
        """Return the edge to a member name or an element index."""
        key = at if at in self._literals else None
        edge = state.edges.get(key)
        if edge is None:
            edge = state.edges[key] = self._edge(state, key)
        return edge

    def _edge(self, state: State, at: str | int | None) -> Edge:
        after: set[PathPosition] = set()
        ends: list[int] = []
        for path_index, step_index in state.positions:
            step = self._steps[path_index][step_index]
            if step.deep:
                after.add((path_index, step_index))
            if step.at is None or step.at == at:
                if step_index + 1 == len(self._steps[path_index]):
                    ends.append(self._numbers[path_index])
                else:
                    after.add((path_index, step_index + 1))
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

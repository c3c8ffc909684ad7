"""Where partitions begin and end: each leader is asked on its own, with its own deadline, after the groups' positions were read."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from app.brokers.errors import BrokerError
from app.brokers.kafka.known import Known, broker_fault
from app.brokers.kafka.layout import EndRows
from app.brokers.kafka.nodes import Purpose
from app.brokers.kafka.protocol.frames import Question, Unsupported
from app.brokers.kafka.protocol.offsets import END, READ_COMMITTED, READ_UNCOMMITTED, START, ask_ends
from app.brokers.model import Fault

TOPICS_PER_SLICE = 100

Rows = list[tuple[str, bytes, str]]


class Which(Enum):
    """Which offset is asked for: (timestamp, isolation)."""

    ENDS = (END, READ_UNCOMMITTED)
    STABLES = (
        END,
        READ_COMMITTED,
    )  # after the ends: what was written in between must not look like an open transaction
    STARTS = (START, READ_UNCOMMITTED)


@dataclass(slots=True, kw_only=True, eq=False)
class Plan:
    """Who leads what, and the questions about it, as long as the metadata stays the same."""

    generation: object = None
    leaders: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    questions: dict[tuple[int, Which], Question[Rows]] = field(default_factory=dict)

    def question(self, leader: int, which: Which) -> Question[Rows]:
        if (leader, which) not in self.questions:
            timestamp, isolation = which.value
            found = ask_ends(self.leaders[leader], timestamp=timestamp, isolation=isolation)
            self.questions[leader, which] = found
        return self.questions[leader, which]


async def read_ends(known: Known, plan: Plan, wanted: Sequence[Which], purpose: Purpose) -> list[Fault]:
    """Ask every leader of the plan; return a fault per broker that did not answer."""
    began = known.clock()
    asked = [(leader, which) for leader in plan.leaders for which in wanted]
    failures = await asyncio.gather(*(_read_which(known, plan, leader, which, purpose) for leader, which in asked))
    rows = sum(len(partitions) for topics in plan.leaders.values() for partitions in topics.values())
    for which in wanted:
        known.note(f"ListOffsets {which.name.lower()}", _interval(known, which), began, rows)
    return [broker_fault(leader, error) for (leader, _), error in zip(asked, failures, strict=True) if error]


def _interval(known: Known, which: Which) -> float:
    every = known.intervals
    return {Which.ENDS: every.sweep_s, Which.STABLES: every.stables_s, Which.STARTS: every.starts_s}[which]


async def _read_which(known: Known, plan: Plan, leader: int, which: Which, purpose: Purpose) -> BrokerError | None:
    """Read one offset of everything that this broker leads; return what went wrong."""
    asked_at = known.clock()
    failure: BrokerError | None = None
    try:
        async with asyncio.timeout(known.deadline_s()):
            answers = await known.nodes.ask(leader, plan.question(leader, which), purpose)
            await _take(known, leader, which, answers, asked_at)
    except BrokerError as error:
        failure = error
    except (TimeoutError, Unsupported):
        failure = known.nodes.silent(leader)
    if failure is not None and which is Which.ENDS:
        known.layout.lose_leader(leader, plan.leaders[leader])
    return failure


async def _take(known: Known, leader: int, which: Which, answers: Rows, asked_at: float) -> None:
    layout = known.layout
    take = {Which.ENDS: layout.take_ends, Which.STABLES: layout.take_stables, Which.STARTS: layout.take_starts}[which]
    for number, (topic, rows, form) in enumerate(answers):
        take(EndRows(leader, topic, rows, form, asked_at))
        if number % TOPICS_PER_SLICE == TOPICS_PER_SLICE - 1:
            await asyncio.sleep(0)


def plan_of(leaders: Mapping[int, dict[str, list[int]]]) -> Plan:
    """Return a plan for a single use."""
    return Plan(leaders=dict(leaders))

"""Where partitions begin and end: each leader is asked on its own, with its own deadline, after the groups' positions were read."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.known import Known, broker_fault
from signalbox.brokers.kafka.layout import EndRows
from signalbox.brokers.kafka.nodes import Purpose
from signalbox.brokers.kafka.protocol.frames import Question, Unsupported
from signalbox.brokers.kafka.protocol.offsets import END, READ_COMMITTED, READ_UNCOMMITTED, START, ask_ends
from signalbox.brokers.model import Fault

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
class Share:
    """What is asked of one leader over one connection, which keeps the order of the questions about a partition."""

    leader: int
    purpose: Purpose
    topics: Mapping[str, Sequence[int]]
    questions: dict[Which, Question[Rows]] = field(default_factory=dict)

    def question(self, which: Which) -> Question[Rows]:
        if which not in self.questions:
            timestamp, isolation = which.value
            self.questions[which] = ask_ends(self.topics, timestamp=timestamp, isolation=isolation)
        return self.questions[which]


@dataclass(slots=True, kw_only=True, eq=False)
class Plan:
    """Who leads what, and the questions about it, as long as the metadata stays the same."""

    generation: object = None
    shares: list[Share] = field(default_factory=list)

    @classmethod
    def of(
        cls, leaders: Mapping[int, Mapping[str, Sequence[int]]], purposes: Sequence[Purpose], generation: object = None
    ) -> "Plan":
        """Deal out each leader's topics to these connections."""
        shares = [
            Share(leader=leader, purpose=purpose, topics=topics)
            for leader, led in leaders.items()
            for number, purpose in enumerate(purposes)
            if (topics := dict(list(led.items())[number :: len(purposes)]))
        ]
        return cls(generation=generation, shares=shares)


async def read_ends(known: Known, plan: Plan, wanted: Sequence[Which]) -> list[Fault]:
    """Ask every leader of the plan; return a fault per broker that did not answer."""
    began = known.clock()
    asked = [(share, which) for share in plan.shares for which in wanted]
    failures = await asyncio.gather(*(_read_which(known, share, which) for share, which in asked))
    rows = sum(len(partitions) for share in plan.shares for partitions in share.topics.values())
    for which in wanted:
        known.note(f"ListOffsets {which.name.lower()}", _interval(known, which), began, rows)
    return [broker_fault(share.leader, error) for (share, _), error in zip(asked, failures, strict=True) if error]


def _interval(known: Known, which: Which) -> float:
    every = known.intervals
    return {Which.ENDS: every.sweep_s, Which.STABLES: every.stables_s, Which.STARTS: every.starts_s}[which]


async def _read_which(known: Known, share: Share, which: Which) -> BrokerError | None:
    """Read one offset of all that is in this share; return what went wrong."""
    requested_at, leader = known.clock(), share.leader
    failure: BrokerError | None = None
    try:
        async with asyncio.timeout(known.deadline_s()):
            answers = await known.nodes.ask(leader, share.question(which), share.purpose)
            await _take(known, leader, which, answers, requested_at)
    except BrokerError as error:
        failure = error
    except (TimeoutError, Unsupported):
        failure = known.nodes.silent(leader)
    if failure is not None and which is Which.ENDS:
        known.layout.lose_leader(leader, share.topics)
    return failure


async def _take(known: Known, leader: int, which: Which, answers: Rows, requested_at: float) -> None:
    layout = known.layout
    take = {Which.ENDS: layout.take_ends, Which.STABLES: layout.take_stables, Which.STARTS: layout.take_starts}[which]
    for number, (topic, rows, form) in enumerate(answers):
        take(EndRows(leader, topic, rows, form, requested_at))
        if number % TOPICS_PER_SLICE == TOPICS_PER_SLICE - 1:
            await asyncio.sleep(0)

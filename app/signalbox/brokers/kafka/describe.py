"""Who reads for each group: asked when its state changed, when it is not known, and in turn so that all are asked anew in time."""

import asyncio
import math
from heapq import nsmallest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.errors import DENIED, GROUP_OF_OTHER_TYPE
from signalbox.brokers.kafka.held import Held
from signalbox.brokers.kafka.known import Known
from signalbox.brokers.kafka.nodes import Purpose
from signalbox.brokers.kafka.protocol.frames import Unsupported
from signalbox.brokers.kafka.protocol.groups import Described, ask_described

GROUPS_PER_REQUEST = 200
NOBODY = frozenset({"Empty", "Dead"})


async def read_members(known: Known, names: set[str]) -> None:
    """Describe those of these groups whose turn it is. What does not answer keeps what was known, with its age."""
    began = known.clock()
    requests = _requests(known, names)
    async with asyncio.TaskGroup() as tasks:
        for (node, kind), groups in requests.items():
            tasks.create_task(_read_node(known, node, kind, groups))
    if requests:
        known.note("DescribeGroups", known.intervals.members_s, began, sum(map(len, requests.values())))


def _requests(known: Known, names: set[str]) -> dict[tuple[int, str], list[str]]:
    now = known.clock()
    urgent: list[Held] = []
    later: list[Held] = []
    for name in names:
        held = known.groups[name]
        if held.error:
            continue
        if held.listed.state in NOBODY:
            _note_nobody(held, now)
        elif held.described_state != held.state or not held.listed.state or held.described_at is None:
            urgent.append(held)
        else:
            later.append(held)
    turn = math.ceil(len(later) * known.intervals.sweep_s / known.intervals.members_s)
    requests: dict[tuple[int, str], list[str]] = {}
    for held in [*urgent, *nsmallest(turn, later, key=lambda one: one.described_at or 0.0)]:
        requests.setdefault((held.node, held.listed.type), []).append(held.listed.group)
    return requests


def _note_nobody(held: Held, now: float) -> None:
    if held.members != ():
        held.describe(Described(group=held.listed.group, error=0, message="", state="", members=()), now)


async def _read_node(known: Known, node: int, kind: str, groups: list[str]) -> None:
    try:
        async with asyncio.timeout(known.deadline_s()):
            for first in range(0, len(groups), GROUPS_PER_REQUEST):
                batch = groups[first : first + GROUPS_PER_REQUEST]
                for described in await known.nodes.ask(node, ask_described(kind, batch), Purpose.HEAVY):
                    _take(known, described)
                await asyncio.sleep(0)
    except (BrokerError, Unsupported, TimeoutError):
        pass  # the sweep itself says when a broker is down; members show their age


def _take(known: Known, described: Described) -> None:
    held = known.groups.get(described.group)
    if held is None or described.error == GROUP_OF_OTHER_TYPE:
        return
    if described.error in DENIED:
        held.hide_members(known.clock())
    elif not described.error:
        held.describe(described, known.clock())

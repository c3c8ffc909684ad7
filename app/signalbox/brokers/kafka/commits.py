"""Where every group stands: each broker is asked for the groups that it coordinates, on its own, with its own deadline."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.known import Known
from signalbox.brokers.kafka.nodes import WHOLE, Purpose
from signalbox.brokers.kafka.protocol.frames import Question, Unsupported
from signalbox.brokers.kafka.protocol.groups import SHARE, Listed, Listing, ShareOffsets, ask_groups, ask_share_offsets
from signalbox.brokers.kafka.protocol.offsets import OFFSET_FETCH, Commits, ask_commits, ask_commits_of_one

ROWS_PER_BATCH = 10_000  # decoded in one piece: 4 ms
ROWS_EXPECTED = 50  # of a group not read yet
IN_FLIGHT = 10
OLD_IN_FLIGHT = 50  # where each request holds one group
GROUPS_PER_SLICE = 200
PROTOCOLS = frozenset({"consumer", "", "share", "streams"})  # others (Connect's workers) read no topic

T = TypeVar("T")
Answer = Commits | ShareOffsets


@dataclass(slots=True, kw_only=True, eq=False)
class Told:
    """What one broker told in one sweep. `positions` holds (asked at, answer), or None where it is as before."""

    node: int
    listing: Listing | None = None
    positions: dict[str, tuple[float, Answer | None]] = field(default_factory=dict)
    failure: BrokerError | None = None


async def read_commits(known: Known) -> list[Told]:
    """Ask every broker for its groups and where they stand."""
    began = known.clock()
    told = [Told(node=node) for node in sorted(known.nodes.addresses)]
    async with asyncio.TaskGroup() as tasks:
        for one in told:
            tasks.create_task(_read_node(known, one))
    known.note("OffsetFetch", known.intervals.sweep_s, began, sum(len(one.positions) for one in told))
    return told


async def _read_node(known: Known, told: Told) -> None:
    """Ask for the list and, without waiting for it, for the groups that are known; then for what the list has besides."""
    owned = {name: held.listed.type for name, held in known.groups.items() if held.node == told.node}
    try:
        async with asyncio.timeout(known.deadline_s()):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_read_list(known, told))
                tasks.create_task(read_positions(known, told, owned, WHOLE))
            if told.listing is not None:
                rows = wanted(known, told.node, told.listing)
                new = {name: row.type for name, row in rows.items() if owned.get(name) != row.type}
                await read_positions(known, told, new, WHOLE)
    except TimeoutError:
        told.failure = known.nodes.silent(told.node)


async def _read_list(known: Known, told: Told) -> None:
    try:
        told.listing = await known.nodes.ask(told.node, ask_groups(known.listings.get(told.node)))
    except BrokerError as error:
        told.failure = error
    except Unsupported as error:
        told.failure = known.nodes.silent(told.node)
        told.failure.__cause__ = error


def wanted(known: Known, node: int, listing: Listing) -> dict[str, Listed]:
    """Return the rows that are consumer groups and that the patterns show, by name; looked at once for each listing."""
    seen = known.wanted.get(node)
    if seen is None or seen[0] is not listing:
        shows = known.settings.includes
        rows = {row.group: row for row in listing.rows if row.protocol in PROTOCOLS and shows(row.group)}
        seen = known.wanted[node] = (listing, rows)
    return seen[1]


async def read_positions(known: Known, told: Told, types: dict[str, str], purposes: Sequence[Purpose]) -> None:
    """Ask this broker where these groups (name -> type) stand, in batches dealt out to these connections, several in flight.

    What fails is noted in `told`, too.
    """
    if not types:
        return
    shares = [name for name, kind in types.items() if kind == SHARE]
    others = [name for name, kind in types.items() if kind != SHARE]
    try:
        many = await known.nodes.offers(told.node, OFFSET_FETCH, purposes[0])
    except BrokerError as error:
        told.failure = error
        return
    places = asyncio.Semaphore(IN_FLIGHT if many else OLD_IN_FLIGHT)
    batches = _batches(known, others) if many else [[name] for name in others]
    async with asyncio.TaskGroup() as tasks:
        for batch, purpose in zip(batches, itertools.cycle(purposes), strict=False):
            tasks.create_task(_read_batch(known, told, batch, many=many, places=places, purpose=purpose))
        for first in range(0, len(shares), GROUPS_PER_SLICE):
            batch = shares[first : first + GROUPS_PER_SLICE]
            tasks.create_task(_read_shares(known, told, batch, places=places, purpose=purposes[0]))


def _batches(known: Known, groups: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    rows = ROWS_PER_BATCH
    for name in groups:
        held = known.groups.get(name)
        expected = len(held.commits.partition) + 1 if held and held.commits else ROWS_EXPECTED
        if rows + expected > ROWS_PER_BATCH:
            batches.append([])
            rows = 0
        batches[-1].append(name)
        rows += expected
    return batches


async def _read_batch(
    known: Known, told: Told, batch: list[str], *, many: bool, places: asyncio.Semaphore, purpose: Purpose
) -> None:
    async with places:
        requested_at = known.clock()
        before = [held.raw if (held := known.groups.get(name)) else b"" for name in batch]
        question = ask_commits(batch, before) if many else ask_commits_of_one(batch[0], before[0])
        answers = await _ask(known, told, question, purpose)
        for answer in answers or ():
            if isinstance(answer, int):
                told.positions[batch[answer]] = (requested_at, None)
            else:
                told.positions[answer.group] = (requested_at, answer)
        await asyncio.sleep(0)


async def _read_shares(
    known: Known, told: Told, batch: list[str], *, places: asyncio.Semaphore, purpose: Purpose
) -> None:
    async with places:
        requested_at = known.clock()
        for answer in await _ask(known, told, ask_share_offsets(batch), purpose) or ():
            before = known.groups.get(answer.group)
            same = before is not None and before.share == answer
            told.positions[answer.group] = (requested_at, None if same else answer)


async def _ask(known: Known, told: Told, question: Question[T], purpose: Purpose) -> T | None:
    try:
        return await known.nodes.ask(told.node, question, purpose)
    except BrokerError as error:
        told.failure = error
    except Unsupported:
        pass  # share groups of a broker that cannot tell where they stand: they stay unread
    return None

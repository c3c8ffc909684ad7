"""What the brokers told about groups, taken together into what is known.

Error 0 does not mean true. A broker that has just restarted lists no group at all, one that was paused still tells what it knew:
so a list alone removes nothing, two tellers are settled by a third, and a position that fell is read again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.commits import Answer, Told, read_positions, wanted
from signalbox.brokers.kafka.errors import DENIED, NONE, said, why_of
from signalbox.brokers.kafka.held import Held
from signalbox.brokers.kafka.known import Known, broker_fault
from signalbox.brokers.kafka.nodes import Purpose
from signalbox.brokers.kafka.protocol.cluster import ask_coordinators
from signalbox.brokers.kafka.protocol.frames import Unsupported
from signalbox.brokers.kafka.protocol.groups import Listed
from signalbox.brokers.kafka.protocol.offsets import Commits
from signalbox.brokers.model import Fault, Why

GROUPS_PER_SLICE = 500
OFFSETS_TOPIC = "__consumer_offsets"
SETTLED = frozenset({NONE, *DENIED})  # errors of a group that are an answer; the others say "ask again"


@dataclass(slots=True, kw_only=True, eq=False)
class Outcome:
    """What all brokers told together: groups that were read, those of them that were read twice, groups that are gone."""

    read: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    excluded: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Claims:
    """Who lists each group, and who told where it stands: of those that are not as before."""

    listed: dict[str, dict[int, Listed]] = field(default_factory=dict)
    positions: dict[str, dict[int, tuple[float, Answer | None]]] = field(default_factory=dict)
    excluded: int = 0


async def merge(known: Known, told: list[Told]) -> Outcome:
    """Take all answers; what is in doubt is asked once more, of another broker."""
    outcome = Outcome()
    _take_unchanged(known, told, outcome.read)
    claims = _claims(known, told, outcome)
    outcome.excluded = claims.excluded
    names = {*claims.listed, *known.groups} - outcome.read
    tellers = {name: _teller(known, name, claims) for name in names}
    disputed = [name for name, nodes in tellers.items() if len(nodes) > 1]
    settled = await _coordinators(known, disputed, avoid={n for name in disputed for n in tellers[name]})
    whole = all(one.failure is None and one.listing is not None and one.listing.error == NONE for one in told)
    fell: dict[str, int] = {}
    for number, (name, nodes) in enumerate(tellers.items()):
        node = settled.get(name, nodes[0]) if nodes else None
        if node in nodes and _take(known, name, node, claims, fell):
            outcome.read.add(name)
        elif name not in fell:
            _take_silence(name, outcome, known)
        if whole and name not in claims.listed and _empty(known.groups.get(name)) and name in outcome.read:
            outcome.gone.add(name)
        if number % GROUPS_PER_SLICE == GROUPS_PER_SLICE - 1:
            await asyncio.sleep(0)
    await _read_again(known, fell, outcome)
    for name in outcome.gone:
        known.groups.pop(name, None)
    outcome.read -= outcome.gone
    _note_denied(known, outcome)
    return outcome


def _claims(known: Known, told: list[Told], outcome: Outcome) -> _Claims:
    claims = _Claims()
    for one in told:
        if one.failure is not None:
            outcome.faults.append(broker_fault(one.node, one.failure))
        if one.listing is not None:
            _claim_listing(known, one, claims, outcome)
        for name, answer in one.positions.items():
            if name not in outcome.read:
                claims.positions.setdefault(name, {})[one.node] = answer
    return claims


def _claim_listing(known: Known, told: Told, claims: _Claims, outcome: Outcome) -> None:
    listing = told.listing
    assert listing is not None  # noqa: S101 - asked by the caller
    if listing.error:
        # Before the first group there is no offsets topic, and every broker says that it cannot tell.
        if OFFSETS_TOPIC in known.layout.topics:
            detail = f"its list of groups: {said(listing.error)}"
            fault = Fault(resource=f"groups of broker {told.node}", why=why_of(listing.error), detail=detail)
            outcome.faults.append(fault)
        return
    known.listings[told.node] = listing
    rows = wanted(known, told.node, listing)
    claims.excluded += len(listing.rows) - len(rows)
    for name, row in rows.items():
        if name not in outcome.read:
            claims.listed.setdefault(name, {})[told.node] = row


def _take_unchanged(known: Known, told: list[Told], read: set[str]) -> None:
    """Take into `read` each group of which the only teller and lister says what it said before, as nearly all do."""
    seen, twice = set[str](), set[str]()
    for one in told:
        names = one.positions.keys() | (wanted(known, one.node, one.listing).keys() if one.listing else set())
        twice |= seen & names
        seen |= names
    for one in told:
        rows = wanted(known, one.node, one.listing) if one.listing else {}
        for name, (requested_at, answer) in one.positions.items():
            held, row = known.groups.get(name), rows.get(name)
            if (
                answer is not None
                or held is None
                or row is None
                or held.error
                or held.node != one.node
                or name in twice
            ):
                continue
            if row is held.listed or row == held.listed:
                held.listed, held.requested_at = row, max(held.requested_at, requested_at)
                read.add(name)


def _teller(known: Known, name: str, claims: _Claims) -> list[int]:
    """Return the brokers that told where this group stands and are no longer loading or replaced."""
    held = known.groups.get(name)
    found = []
    for node, (_, answer) in claims.positions.get(name, {}).items():
        error = answer.error if answer is not None else held.error if held else NONE
        if error in SETTLED:
            found.append(node)
    if len(found) > 1 and (listing := [node for node in found if node in claims.listed.get(name, {})]):
        return listing
    return found


def _take(known: Known, name: str, node: int, claims: _Claims, fell: dict[str, int]) -> bool:
    """Take one group's answer; False when it is to be read again first."""
    listed = claims.listed.get(name, {}).get(node) or next(iter(claims.listed.get(name, {}).values()), None)
    held = known.groups.get(name)
    if held is None:
        if listed is None:
            return False
        held = known.groups[name] = Held(listed=listed, node=node, state=listed.state)
    requested_at, answer = claims.positions[name][node]
    if answer is not None and requested_at >= held.requested_at:
        if isinstance(answer, Commits) and held.fell(answer):
            fell[name] = node
            return False
        held.take(answer, requested_at)
    held.requested_at = max(held.requested_at, requested_at)
    if listed is not None:
        held.relist(listed, node)
    return True


def _empty(held: Held | None) -> bool:
    """Say whether the broker answered without error and without one row."""
    if held is None or held.error:
        return False
    return not held.share.rows if held.share is not None else held.commits is None or not held.commits.topics


def _take_silence(name: str, outcome: Outcome, known: Known) -> None:
    detail = "its coordinator did not tell where it stands"
    held = known.groups.get(name)
    if held is not None:
        detail = f"broker {held.node}, its coordinator, did not tell where it stands"
    outcome.faults.append(Fault(resource=f"group {name}", why=Why.NO_ANSWER, detail=detail, group=name))


async def _coordinators(known: Known, names: list[str], *, avoid: set[int]) -> Mapping[str, int]:
    """Ask a broker, another one than these if there is any, who coordinates these groups."""
    if not names:
        return {}
    nodes = sorted(known.nodes.addresses, key=lambda node: (node in avoid, node))
    for node in nodes:
        try:
            async with asyncio.timeout(known.deadline_s()):
                return await known.nodes.ask(node, ask_coordinators(names), Purpose.WATCH)
        except (BrokerError, Unsupported, TimeoutError):
            continue
    return {}


async def _read_again(known: Known, fell: dict[str, int], outcome: Outcome) -> None:
    """Read groups whose positions fell once more, from whom another broker says is their coordinator; then believe it."""
    coordinators = await _coordinators(known, list(fell), avoid=set(fell.values()))
    again: dict[int, dict[str, str]] = {}
    for name, node in fell.items():
        again.setdefault(coordinators.get(name, node), {})[name] = known.groups[name].listed.type
    for node, types in again.items():
        told = Told(node=node)
        try:
            async with asyncio.timeout(known.deadline_s()):
                await read_positions(known, told, types, [Purpose.WATCH])
        except TimeoutError:
            pass  # told holds what came
        for name in types:
            requested_at, answer = told.positions.get(name, (0.0, None))
            if name not in told.positions or (answer is not None and answer.error not in SETTLED):
                _take_silence(name, outcome, known)
                continue
            if answer is not None:
                known.groups[name].take(answer, requested_at)
            known.groups[name].node = node
            outcome.read.add(name)
            outcome.again.add(name)


def _note_denied(known: Known, outcome: Outcome) -> None:
    for name in outcome.read:
        held = known.groups[name]
        if held.error:
            detail = f"{said(held.error)}: the user needs DESCRIBE on this group"
            outcome.faults.append(Fault(resource=f"group {name}", why=why_of(held.error), detail=detail, group=name))

"""Merge all brokers' answers about groups into the cache.

Error code 0 does not prove an answer. A restarted broker lists no groups, a paused one returns old offsets: so a missing row
deletes nothing, a third broker decides between two coordinators, and lower offsets are read again.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from signalbox.brokers.kafka.cached_group import CachedGroup
from signalbox.brokers.kafka.cluster_cache import ClusterCache, broker_fault
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import DENIED, NONE, error_name, why_unknown
from signalbox.brokers.kafka.group_offsets import GroupOffsets, NodeAnswers, NodeReader, select_groups
from signalbox.brokers.kafka.protocol.cluster import find_coordinators_request
from signalbox.brokers.kafka.protocol.groups import GroupListing, ListedGroups
from signalbox.brokers.model import Fault, Why
from signalbox.kernel.slices import in_slices

GROUPS_PER_SLICE = 500
OFFSETS_TOPIC = "__consumer_offsets"
FINAL_ERRORS = frozenset({NONE, *DENIED})  # all other errors of a group mean "ask again"


@dataclass(slots=True, kw_only=True, eq=False)
class MergeResult:
    """Groups that were read, those of them that were read twice, and groups that are gone."""

    read: set[str] = field(default_factory=set)
    read_twice: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    excluded: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _AnswersByGroup:
    """Group -> node -> what that node returned, for groups that are not simply unchanged."""

    listings: dict[str, dict[int, GroupListing]] = field(default_factory=dict)
    offsets: dict[str, dict[int, tuple[float, GroupOffsets | None]]] = field(default_factory=dict)
    excluded: int = 0


async def merge_answers(cache: ClusterCache, all_answers: list[NodeAnswers]) -> MergeResult:
    """Store all answers; doubtful ones are requested once more, from another broker."""
    result = MergeResult()
    _store_unchanged(cache, all_answers, result.read)
    by_group = _index_by_group(cache, all_answers, result)
    result.excluded = by_group.excluded
    names = {*by_group.listings, *cache.groups} - result.read
    candidates = {name: _coordinator_candidates(cache, name, by_group) for name in names}
    disputed = [name for name, nodes in candidates.items() if len(nodes) > 1]
    coordinators = await _find_coordinators(cache, disputed, avoid={n for name in disputed for n in candidates[name]})
    complete = all(a.failure is None and a.group_list is not None and a.group_list.error == NONE for a in all_answers)
    rewound: dict[str, int] = {}
    async for name, nodes in in_slices(candidates.items(), GROUPS_PER_SLICE):
        node = coordinators.get(name, nodes[0]) if nodes else None
        if node in nodes and _store(cache, name, node, by_group, rewound):
            result.read.add(name)
        elif name not in rewound:
            _add_fault(cache, name, result)
        unlisted = complete and name not in by_group.listings
        if unlisted and name in result.read and _has_no_offsets(cache.groups.get(name)):
            result.gone.add(name)
    await _read_again(cache, rewound, result)
    for name in result.gone:
        cache.groups.pop(name, None)
    result.read -= result.gone
    _add_permission_faults(cache, result)
    return result


def _index_by_group(cache: ClusterCache, all_answers: list[NodeAnswers], result: MergeResult) -> _AnswersByGroup:
    by_group = _AnswersByGroup()
    for answers in all_answers:
        if answers.failure is not None:
            result.faults.append(broker_fault(answers.node, answers.failure))
        if answers.group_list is not None:
            _index_list(cache, answers.node, answers.group_list, by_group, result)
        for name, offsets in answers.offsets.items():
            if name not in result.read:
                by_group.offsets.setdefault(name, {})[answers.node] = offsets
    return by_group


def _index_list(
    cache: ClusterCache, node: int, group_list: ListedGroups, by_group: _AnswersByGroup, result: MergeResult
) -> None:
    if group_list.error:
        # Before the first group, the offsets topic does not exist, and every broker returns an error.
        if OFFSETS_TOPIC in cache.partitions.topics:
            detail = f"cannot list its consumer groups: {error_name(group_list.error)}"
            why = why_unknown(group_list.error)
            result.faults.append(Fault(resource=f"groups of broker {node}", why=why, detail=detail))
        return
    cache.group_lists[node] = group_list
    listings = select_groups(cache, node, group_list)
    by_group.excluded += len(group_list.rows) - len(listings)
    for name, listing in listings.items():
        if name not in result.read:
            by_group.listings.setdefault(name, {})[node] = listing


def _store_unchanged(cache: ClusterCache, all_answers: list[NodeAnswers], read: set[str]) -> None:
    """Add to `read` every group that exactly one broker, the same as before, returned unchanged: nearly all groups."""
    seen, repeated = set[str](), set[str]()
    for answers in all_answers:
        names = answers.offsets.keys() | _listings(cache, answers).keys()
        repeated |= seen & names
        seen |= names
    for answers in all_answers:
        listings = _listings(cache, answers)
        for name, (requested_at, offsets) in answers.offsets.items():
            cached, listing = cache.groups.get(name), listings.get(name)
            if offsets is not None or cached is None or listing is None:
                continue
            if cached.error or cached.node != answers.node or name in repeated:
                continue
            if listing is cached.listing or listing == cached.listing:
                cached.listing, cached.requested_at = listing, max(cached.requested_at, requested_at)
                read.add(name)


def _listings(cache: ClusterCache, answers: NodeAnswers) -> Mapping[str, GroupListing]:
    return select_groups(cache, answers.node, answers.group_list) if answers.group_list else {}


def _coordinator_candidates(cache: ClusterCache, name: str, by_group: _AnswersByGroup) -> list[int]:
    """Return the brokers that returned this group's offsets without a "loading" or "not coordinator" error."""
    cached = cache.groups.get(name)
    nodes = []
    for node, (_, offsets) in by_group.offsets.get(name, {}).items():
        error = offsets.error if offsets is not None else cached.error if cached else NONE
        if error in FINAL_ERRORS:
            nodes.append(node)
    if len(nodes) > 1 and (listing := [node for node in nodes if node in by_group.listings.get(name, {})]):
        return listing
    return nodes


def _store(cache: ClusterCache, name: str, node: int, by_group: _AnswersByGroup, rewound: dict[str, int]) -> bool:
    """Store one group's answer; return False if the group must be read again first."""
    listings = by_group.listings.get(name, {})
    listing = listings.get(node) or next(iter(listings.values()), None)
    cached = cache.groups.get(name)
    if cached is None:
        if listing is None:
            return False
        cached = cache.groups[name] = CachedGroup(listing=listing, node=node, state=listing.state)
    requested_at, offsets = by_group.offsets[name][node]
    if not cached.accept_offsets(offsets, requested_at):
        rewound[name] = node
        return False
    if listing is not None:
        cached.update_listing(listing, node)
    return True


def _has_no_offsets(cached: CachedGroup | None) -> bool:
    """Return whether the broker responded without an error and without any offset."""
    if cached is None or cached.error:
        return False
    return not (cached.share.partitions if cached.share else cached.committed and cached.committed.topics)


def _add_fault(cache: ClusterCache, name: str, result: MergeResult) -> None:
    cached = cache.groups.get(name)
    coordinator = f"broker {cached.node}, the coordinator," if cached else "the coordinator"
    detail = f"{coordinator} did not return its offsets"
    result.faults.append(Fault(resource=f"group {name}", why=Why.NO_ANSWER, detail=detail, group=name))


async def _find_coordinators(cache: ClusterCache, names: list[str], *, avoid: set[int]) -> Mapping[str, int]:
    """Ask a broker, preferably not one of `avoid`, for the coordinators of these groups."""
    if not names:
        return {}
    nodes = sorted(cache.client.addresses, key=lambda node: (node in avoid, node))
    for node in nodes:
        with suppress(*NO_RESPONSE):
            return await cache.client.call(node, find_coordinators_request(names), Purpose.WATCH)
    return {}


async def _read_again(cache: ClusterCache, rewound: dict[str, int], result: MergeResult) -> None:
    """Read groups with lower offsets once more, from the coordinator that another broker names; then accept them."""
    coordinators = await _find_coordinators(cache, list(rewound), avoid=set(rewound.values()))
    types_by_node: dict[int, dict[str, str]] = {}
    for name, node in rewound.items():
        types_by_node.setdefault(coordinators.get(name, node), {})[name] = cache.groups[name].listing.type
    for node, types in types_by_node.items():
        answers = NodeAnswers(node=node)
        await NodeReader(cache, answers).read_offsets(types, [Purpose.WATCH])
        for name in types:
            requested_at, offsets = answers.offsets.get(name, (0.0, None))
            if name not in answers.offsets or (offsets is not None and offsets.error not in FINAL_ERRORS):
                _add_fault(cache, name, result)
                continue
            if offsets is not None:
                cache.groups[name].update_offsets(offsets, requested_at)
            cache.groups[name].node = node
            result.read.add(name)
            result.read_twice.add(name)


def _add_permission_faults(cache: ClusterCache, result: MergeResult) -> None:
    for name in result.read:
        if (error := cache.groups[name].error) and cache.groups[name].reads_topics:
            detail = f"{error_name(error)}: the user needs DESCRIBE on this group"
            result.faults.append(Fault(resource=f"group {name}", why=why_unknown(error), detail=detail, group=name))

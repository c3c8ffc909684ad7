"""Read the members of groups: when a group is new, when its state changed, and else in rotation.

Without a response, a group keeps its members and their age.
"""

import asyncio
import math
from heapq import nsmallest

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.kafka.cached_group import CachedGroup
from signalbox.brokers.kafka.cluster_cache import ClusterCache, broker_fault
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import DENIED, GROUP_ID_NOT_FOUND, NONE, error_name
from signalbox.brokers.kafka.protocol.groups import GroupDescription, describe_groups_request
from signalbox.brokers.model import Fault, Why

GROUPS_PER_REQUEST = 200
STATES_WITHOUT_MEMBERS = frozenset({"Empty", "Dead"})


async def read_members(cache: ClusterCache, names: set[str]) -> list[Fault]:
    """Describe those of these groups that are due; return what could not be read, now or before."""
    started_at = cache.clock()
    requests = _requests(cache, names)
    failures = await asyncio.gather(*(_read_node(cache, *key, groups) for key, groups in requests.items()))
    if requests:
        cache.record_call("DescribeGroups", cache.intervals.members_s, started_at, sum(map(len, requests.values())))
    faults = [fault for fault in failures if fault is not None]
    return faults + [fault for name in names if (fault := _fault(cache.groups[name])) is not None]


def _fault(cached: CachedGroup) -> Fault | None:
    if cached.has_undecoded_member:
        detail = "the assignment of a member, which a client of the group writes, cannot be decoded"
    elif cached.members_error not in (NONE, *DENIED):
        detail = error_name(cached.members_error)
    else:
        return None
    return Fault(resource=f"members of group {cached.listing.group}", why=Why.NO_ANSWER, detail=detail)


def _requests(cache: ClusterCache, names: set[str]) -> dict[tuple[int, str], list[str]]:
    """Return (node, group type) -> names of the groups to describe now."""
    now, urgent, others = cache.clock(), list[CachedGroup](), list[CachedGroup]()
    for name in names:
        cached = cache.groups[name]
        if cached.error or not cached.has_consumer_protocol:
            continue
        if cached.listing.state in STATES_WITHOUT_MEMBERS:
            if cached.members != ():
                cached.update_members(GroupDescription(group=name, error=0, state="", members=()), now)
        elif cached.described_state != cached.state or not cached.listing.state or cached.described_at is None:
            urgent.append(cached)
        else:
            others.append(cached)
    per_sweep = math.ceil(len(others) * cache.intervals.sweep_s / cache.intervals.members_s)
    requests: dict[tuple[int, str], list[str]] = {}
    for cached in [*urgent, *nsmallest(per_sweep, others, key=lambda group: group.described_at or 0.0)]:
        requests.setdefault((cached.node, cached.listing.type), []).append(cached.listing.group)
    return requests


async def _read_node(cache: ClusterCache, node: int, group_type: str, groups: list[str]) -> Fault | None:
    try:
        for first in range(0, len(groups), GROUPS_PER_REQUEST):
            batch = groups[first : first + GROUPS_PER_REQUEST]
            request = describe_groups_request(group_type, batch)
            for description in await cache.client.call(node, request, Purpose.SLOW):
                _store(cache, description)
            await asyncio.sleep(0)
    except BrokerUnavailable as error:
        return broker_fault(node, error)
    except NO_RESPONSE as error:
        detail = cache.client.translate(error, node).problem
        return Fault(resource=f"members of groups of broker {node}", why=Why.NO_ANSWER, detail=detail)
    return None


def _store(cache: ClusterCache, description: GroupDescription) -> None:
    cached = cache.groups.get(description.group)
    if cached is None or description.error == GROUP_ID_NOT_FOUND:  # the group now has another type
        return
    cached.members_error = description.error
    if description.error in DENIED:
        cached.deny_members(cache.clock())
    elif not description.error:
        cached.update_members(description, cache.clock())

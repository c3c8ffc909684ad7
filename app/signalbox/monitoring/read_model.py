"""The read model of one connection: its link, groups and destinations, updated by snapshots."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial

from signalbox.brokers.model import Destination, Group, OldestUnread, Scope, Snapshot
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring import keys
from signalbox.monitoring.confirmation import OWN_BEGINNING
from signalbox.monitoring.connection_state import ConnectionFacts, ConnectionState
from signalbox.monitoring.destination_tracker import DestinationTracker
from signalbox.monitoring.group_tracker import GroupTracker
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import Change, DestinationView, GroupView, PartitionView, Reason, Status, Verdict
from signalbox.monitoring.series import Series, destination_key

SLICE_S = 0.002  # how long one step may block the event loop
AGE_INTERVALS = 2  # "updated N s ago" is sent again after so many intervals, even if nothing else changed
LATE_MAX_S = 60.0  # an answer older than that, and than three intervals, is not late: the clock was set back


@dataclass(slots=True)
class Update:
    keys: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    destinations: set[str] = field(default_factory=set)  # whose groups have another status now
    gone: list[str] = field(default_factory=list)  # keys that are never published again
    slice_began: float = field(default_factory=time.monotonic)

    async def pause(self) -> None:
        """Let other tasks run after a few milliseconds of work."""
        if time.monotonic() - self.slice_began > SLICE_S:
            await asyncio.sleep(0)
            self.slice_began = time.monotonic()


class ConnectionReadModel:
    def __init__(
        self, facts: ConnectionFacts, now: float, series: Series, limits_of: Callable[[str, str], Thresholds]
    ) -> None:
        self.link = ConnectionState(facts, now)
        self._name, self._facts = facts.name, facts
        self._series, self._limits_of = series, limits_of
        self._groups: dict[str, GroupTracker] = {}
        self._destinations: dict[str, DestinationTracker] = {}
        self._last_read: dict[str, Destination] = {}
        self._published: dict[str, GroupView] = {}
        self._published_destinations: dict[str, DestinationView] = {}
        self._statuses: Counter[Status] = Counter()  # of the groups

    def group_views(self) -> list[GroupView]:
        return [tracker.view for tracker in self._groups.values() if tracker.view is not None]

    def group(self, name: str) -> GroupView | None:
        tracker = self._groups.get(name)
        return tracker.view if tracker is not None else None

    def partitions(self, name: str) -> tuple[PartitionView, ...]:
        tracker = self._groups.get(name)
        return tracker.partitions() if tracker is not None else ()

    def destination_views(self) -> list[DestinationView]:
        return [tracker.view for tracker in self._destinations.values() if tracker.view is not None]

    def destination(self, name: str) -> DestinationView | None:
        tracker = self._destinations.get(name)
        return tracker.view if tracker is not None else None

    def partition_rates(self, name: str) -> Mapping[int, float | None]:
        tracker = self._destinations.get(name)
        return tracker.rates_by_partition() if tracker is not None else {}

    async def apply(self, snapshot: Snapshot, interval_s: float) -> Update:
        """Take a snapshot; what is absent from it stays as it was and ages."""
        update = Update()
        self._forget_recreated(snapshot)
        self._last_read.update(snapshot.destinations)
        for name, group in snapshot.groups.items():
            self._take_group(name, group, snapshot, interval_s, update)
            await update.pause()
        groups = self._groups_by_destination() if snapshot.destinations or update.destinations else {}
        for name, destination in snapshot.destinations.items():
            self._take_destination(destination, snapshot, interval_s, groups.get(name, ()), update)
            await update.pause()
        self._take_groups_of(update.destinations - snapshot.destinations.keys(), groups, update)
        self._remove(snapshot, update)
        self.update_totals()
        if snapshot.scope is Scope.FULL or keys.GROUPS in update.keys or update.changes:
            update.keys |= {keys.connection(self._name), keys.OVERVIEW}
        return update

    def note_oldest_requested(self, groups: Collection[str]) -> None:
        for name in groups:
            tracker = self._groups.get(name)
            if tracker is not None and tracker.view is not None:
                tracker.note_oldest_requested()

    def add_oldest_unread(self, answers: Mapping[str, Sequence[OldestUnread]], now: float) -> None:
        for name, oldest in answers.items():
            tracker = self._groups.get(name)
            if tracker is not None and tracker.view is not None:
                tracker.add_oldest_unread(oldest, now)

    def update_totals(self) -> None:
        attention = sum(tracker.needs_attention for tracker in self._destinations.values())
        self.link.set_totals(self._statuses, destinations=len(self._destinations), destinations_attention=attention)

    def all_keys(self) -> list[str]:
        groups = [keys.group(self._name, name) for name in self._groups]
        return groups + [keys.destination(self._name, name) for name in self._destinations]

    def _take_group(self, name: str, group: Group, snapshot: Snapshot, interval_s: float, update: Update) -> None:
        tracker, before = self._groups.get(name), self.group(name)
        confirmed = tracker.confirmed if tracker is not None else None
        if tracker is None or _clock_set_back(before, snapshot, interval_s):
            tracker = self._new_group(name, group)
        accepted = tracker.take(
            group,
            requested_at=snapshot.requested_at,
            read_at=snapshot.read_at,
            interval_s=interval_s,
            destinations=self._last_read,
        )
        if not accepted:
            return
        view = tracker.view
        assert view is not None  # noqa: S101 - the tracker accepted it
        self._groups[name] = tracker
        self._add_history(tracker, view)
        self._publish(before, view, update)
        after = tracker.confirmed
        if confirmed is None or after is None or confirmed.reason is Reason.HISTORY_TOO_SHORT:
            return
        if after.status is not confirmed.status:
            update.changes.append(_change(self._name, confirmed.status, view, after))

    def _new_group(self, name: str, group: Group) -> GroupTracker:
        read = [self._last_read[d] for d in group.destinations if d in self._last_read]
        positional = all(d.partitions is not None for d in read) if read else self._facts.positional
        batch = any(fnmatchcase(name, pattern) for pattern in self._facts.batch)
        limits = self._limits_of(self._name, name)
        return GroupTracker(self._name, self._facts.kind, positional=positional, batch=batch, limits=limits)

    def _add_history(self, tracker: GroupTracker, view: GroupView) -> None:
        add = partial(self._series.add, self._name, view.name, view.read_at, interval_s=view.interval_s)
        arrived, settled = tracker.history_totals()
        add(lag=view.flow.lag, arrived=arrived, settled=settled, lag_partial=view.flow.lag_partial)
        if (worst := tracker.worst_partition()) is not None:
            key, lag, arrived, settled = worst
            add(lag=lag, arrived=arrived, settled=settled, partition=key)

    def _publish(self, before: GroupView | None, view: GroupView, update: Update) -> None:
        """Publish the group if a page would show a difference: in a figure or, every second reading, in its age."""
        name = view.name
        old, new = before.verdict.status if before is not None else None, view.verdict.status
        if old is not new:
            self._count(old, new)
            update.keys.add(keys.GROUPS)
            update.destinations.update(view.group.destinations)
        published = self._published.get(name)
        if published is None or _differs(published, view):
            self._published[name] = view
            update.keys.add(keys.group(self._name, name))

    def _count(self, before: Status | None, after: Status | None) -> None:
        if before is not None:
            self._statuses[before] -= 1
        if after is not None:
            self._statuses[after] += 1

    def _take_groups_of(
        self, names: Collection[str], groups: Mapping[str, Sequence[GroupView]], update: Update
    ) -> None:
        """Let destinations that were not read now follow the changed statuses of their groups."""
        for name in names:
            tracker = self._destinations.get(name)
            if tracker is not None and tracker.take_groups(groups.get(name, ())):
                update.keys |= {keys.DESTINATIONS, keys.destination(self._name, name)}

    def _take_destination(
        self,
        destination: Destination,
        snapshot: Snapshot,
        interval_s: float,
        groups: Sequence[GroupView],
        update: Update,
    ) -> None:
        name, at = destination.name, snapshot.read_at
        tracker, before = self._destinations.get(name), self.destination(name)
        if tracker is None or _clock_set_back(before, snapshot, interval_s):
            tracker = self._destinations[name] = DestinationTracker(self._name, self._facts.kind)
        if not tracker.take(destination, read_at=at, interval_s=interval_s, groups=groups):
            return
        view = tracker.view
        assert view is not None  # noqa: S101 - the tracker accepted it
        arrived, key = tracker.history_total(), destination_key(name)
        self._series.add(
            self._name, key, at, lag=destination.messages, arrived=arrived, settled=None, interval_s=interval_s
        )
        if before is None or before.verdict.status is not view.verdict.status:
            update.keys.add(keys.DESTINATIONS)
        published = self._published_destinations.get(name)
        if published is None or _destination_differs(published, view):
            self._published_destinations[name] = view
            update.keys.add(keys.destination(self._name, name))

    def _groups_by_destination(self) -> dict[str, list[GroupView]]:
        groups: dict[str, list[GroupView]] = {}
        for view in self.group_views():
            for destination in view.group.destinations:
                groups.setdefault(destination, []).append(view)
        return groups

    def _forget_recreated(self, snapshot: Snapshot) -> None:
        """Forget the readings of recreated destinations: their counters started again."""
        recreated = {
            name
            for name, destination in snapshot.destinations.items()
            if name in self._last_read and self._last_read[name].identity != destination.identity
        }
        for tracker in self._groups.values() if recreated else ():
            for name in recreated.intersection(tracker.window.names):
                tracker.window.forget_destination(name)

    def _remove(self, snapshot: Snapshot, update: Update) -> None:
        """Remove only what the adapter confirmed to be gone."""
        for name in snapshot.gone_groups:
            tracker = self._groups.pop(name, None)
            if tracker is None:
                continue
            self._count(tracker.view.verdict.status if tracker.view is not None else None, None)
            self._published.pop(name, None)
            update.gone.append(keys.group(self._name, name))
            update.keys |= {keys.GROUPS, keys.group(self._name, name)}
        for name in snapshot.gone_destinations:
            self._last_read.pop(name, None)
            self._published_destinations.pop(name, None)
            if self._destinations.pop(name, None) is None:
                continue
            update.gone.append(keys.destination(self._name, name))
            update.keys |= {keys.DESTINATIONS, keys.destination(self._name, name)}
        if update.gone:
            gone = {*snapshot.gone_groups, *map(destination_key, snapshot.gone_destinations)}
            self._series.forget(self._name, gone)


def _change(connection: str, before: Status, view: GroupView, verdict: Verdict) -> Change:
    several = len(view.group.positions) > 1
    began_earlier = verdict.status in OWN_BEGINNING
    return Change(
        at=view.read_at if began_earlier else verdict.since,
        connection=connection,
        group=view.name,
        before=before,
        after=verdict.status,
        detail=f"partition {verdict.partition}" if several and verdict.partition is not None else "",
        since=verdict.since if began_earlier and verdict.since_exact else None,
    )


def _clock_set_back(before: GroupView | DestinationView | None, snapshot: Snapshot, interval_s: float) -> bool:
    """Return whether the last reading lies in the future now: then it cannot be compared with, and the tracker starts again."""
    return before is not None and before.read_at - snapshot.read_at > max(LATE_MAX_S, STALE_INTERVALS * interval_s)


def _age_differs(published: GroupView | DestinationView, view: GroupView | DestinationView) -> bool:
    return abs(view.read_at - published.read_at) >= AGE_INTERVALS * view.interval_s * 0.95


def _differs(published: GroupView, view: GroupView) -> bool:
    if _age_differs(published, view):
        return True
    if (published.verdict, published.flow, published.interval_s) != (view.verdict, view.flow, view.interval_s):
        return True
    return published.group is not view.group and published.group != view.group


def _destination_differs(published: DestinationView, view: DestinationView) -> bool:
    return _age_differs(published, view) or replace(published, read_at=view.read_at) != view

"""All that is known of one connection: its link, groups and destinations; and which news a reading brings."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from signalbox.brokers.model import Destination, Group, OldestUnread, Scope, Snapshot
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring import keys
from signalbox.monitoring.connection_state import ConnectionFacts, ConnectionState
from signalbox.monitoring.destination_tracker import DestinationTracker
from signalbox.monitoring.group_tracker import GroupTracker
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import Change, DestinationView, GroupView, PartitionView, Reason, Status
from signalbox.monitoring.series import Series, destination_key

SLICE_S = 0.002  # how long one step may hold the event loop
AGE_SHOWN_INTERVALS = 2  # a page's "read N s ago" is renewed that often though nothing else changed
LATE_MOST_S = 60.0  # an answer that is older than this, and than three intervals, is not late: the clock was set back


@dataclass(slots=True)
class News:
    """What one reading changed."""

    keys: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)  # keys that will never be published again
    turn: float = field(default_factory=time.monotonic)

    async def rest(self) -> None:
        """Give way to others after a few milliseconds of work."""
        if time.monotonic() - self.turn > SLICE_S:
            await asyncio.sleep(0)
            self.turn = time.monotonic()


class ConnectionReadModel:
    """One connection's part of the read model."""

    def __init__(
        self, opened: ConnectionFacts, now: float, series: Series, limits_of: Callable[[str, str], Thresholds]
    ) -> None:
        self.link = ConnectionState(opened, now)
        self._name, self._opened = opened.name, opened
        self._series, self._limits_of = series, limits_of
        self._groups: dict[str, GroupTracker] = {}
        self._destinations: dict[str, DestinationTracker] = {}
        self._known: dict[str, Destination] = {}  # as read last
        self._shown: dict[str, GroupView] = {}  # as published last
        self._destinations_shown: dict[str, DestinationView] = {}
        self._ok = 0

    def group_views(self) -> list[GroupView]:
        return [tracked.view for tracked in self._groups.values() if tracked.view is not None]

    def group(self, name: str) -> GroupView | None:
        tracked = self._groups.get(name)
        return tracked.view if tracked is not None else None

    def partitions(self, name: str) -> tuple[PartitionView, ...]:
        tracked = self._groups.get(name)
        return tracked.partitions() if tracked is not None else ()

    def destination_views(self) -> list[DestinationView]:
        return [tracked.view for tracked in self._destinations.values() if tracked.view is not None]

    def destination(self, name: str) -> DestinationView | None:
        tracked = self._destinations.get(name)
        return tracked.view if tracked is not None else None

    def partition_rates(self, name: str) -> Mapping[int, float | None]:
        tracked = self._destinations.get(name)
        return tracked.rates_by_partition() if tracked is not None else {}

    async def apply(self, snapshot: Snapshot, interval_s: float) -> News:
        """Take in what was answered; what is merely absent stays as it was and grows old."""
        news = News()
        self._cut_remade(snapshot)
        self._known.update(snapshot.destinations)
        for name, group in snapshot.groups.items():
            self._take_group(name, group, snapshot, interval_s, news)
            await news.rest()
        readers = self._readers() if snapshot.destinations else {}
        for name, destination in snapshot.destinations.items():
            self._take_destination(destination, snapshot, interval_s, readers.get(name, ()), news)
            await news.rest()
        self._remove(snapshot, news)
        self.count()
        if snapshot.scope is Scope.FULL or keys.GROUPS in news.keys:
            news.keys |= {keys.connection(self._name), keys.OVERVIEW}
        return news

    def measure(self, answers: Mapping[str, Sequence[OldestUnread]], now: float) -> None:
        for name, oldest in answers.items():
            tracked = self._groups.get(name)
            if tracked is not None and tracked.view is not None:
                tracked.measure(oldest, now)

    def count(self) -> None:
        self.link.counted(groups=len(self._groups), groups_ok=self._ok, destinations=len(self._destinations))

    def all_keys(self) -> list[str]:
        groups = [keys.group(self._name, name) for name in self._groups]
        return groups + [keys.destination(self._name, name) for name in self._destinations]

    def _take_group(self, name: str, group: Group, snapshot: Snapshot, interval_s: float, news: News) -> None:
        tracked, before = self._groups.get(name), self.group(name)
        if tracked is None or _clock_set_back(before, snapshot, interval_s):
            tracked = self._new_group(name, group)
        taken = tracked.take(
            group,
            requested_at=snapshot.requested_at,
            read_at=snapshot.read_at,
            interval_s=interval_s,
            destinations=self._known,
        )
        if not taken:
            return
        view = tracked.view
        assert view is not None  # noqa: S101 - it was taken
        self._groups[name] = tracked
        self._keep(tracked, view)
        self._tell(before, view, news)

    def _new_group(self, name: str, group: Group) -> GroupTracker:
        read = [self._known[d] for d in group.destinations if d in self._known]
        positional = all(d.partitions is not None for d in read) if read else self._opened.positional
        batch = any(fnmatchcase(name, pattern) for pattern in self._opened.batch)
        limits = self._limits_of(self._name, name)
        return GroupTracker(self._name, self._opened.kind, positional=positional, batch=batch, limits=limits)

    def _keep(self, tracked: GroupTracker, view: GroupView) -> None:
        arrived, settled = tracked.window.totals()
        at, every = view.read_at, view.interval_s
        self._series.add(
            self._name, view.name, at, lag=view.flow.lag, arrived=arrived, settled=settled, interval_s=every
        )
        worst = tracked.worst_partition()
        if worst is not None:
            key, lag, arrived, settled = worst
            self._series.add(
                self._name, view.name, at, lag=lag, arrived=arrived, settled=settled, interval_s=every, partition=key
            )

    def _tell(self, before: GroupView | None, view: GroupView, news: News) -> None:
        """Publish what a page would draw anew: a figure, or at the latest every second reading its age."""
        name = view.name
        old, new = before.verdict.status if before is not None else None, view.verdict.status
        if old is not new:
            self._ok += (new is Status.OK) - (old is Status.OK)
            news.keys.add(keys.GROUPS)
            if before is not None and before.verdict.reason is not Reason.HISTORY_TOO_SHORT:
                news.changes.append(_change(self._name, before.verdict.status, view))
        shown = self._shown.get(name)
        if shown is None or _drawn_anew(shown, view):
            self._shown[name] = view
            news.keys.add(keys.group(self._name, name))

    def _take_destination(
        self, destination: Destination, snapshot: Snapshot, interval_s: float, readers: Sequence[GroupView], news: News
    ) -> None:
        name, at = destination.name, snapshot.read_at
        tracked, before = self._destinations.get(name), self.destination(name)
        if tracked is None or _clock_set_back(before, snapshot, interval_s):
            tracked = self._destinations[name] = DestinationTracker(self._name, self._opened.kind)
        if not tracked.take(destination, read_at=at, interval_s=interval_s, groups=readers):
            return
        view = tracked.view
        assert view is not None  # noqa: S101 - it was taken
        self._series.add(
            self._name,
            destination_key(name),
            at,
            lag=destination.messages,
            arrived=tracked.arrivals.total,
            settled=None,
            interval_s=interval_s,
        )
        if before is None or before.verdict.status is not view.verdict.status:
            news.keys.add(keys.DESTINATIONS)
        shown = self._destinations_shown.get(name)
        if shown is None or _destination_drawn_anew(shown, view):
            self._destinations_shown[name] = view
            news.keys.add(keys.destination(self._name, name))

    def _readers(self) -> dict[str, list[GroupView]]:
        readers: dict[str, list[GroupView]] = {}
        for view in self.group_views():
            for destination in view.group.destinations:
                readers.setdefault(destination, []).append(view)
        return readers

    def _cut_remade(self, snapshot: Snapshot) -> None:
        """A destination of another identity is another one: nothing is compared over that."""
        remade = {
            name
            for name, destination in snapshot.destinations.items()
            if name in self._known and self._known[name].identity != destination.identity
        }
        for tracked in self._groups.values() if remade else ():
            for name in remade.intersection(tracked.window.names):
                tracked.window.forget_destination(name)

    def _remove(self, snapshot: Snapshot, news: News) -> None:
        """Let go of what the adapter confirmed gone, and of nothing else."""
        for name in snapshot.gone_groups:
            tracked = self._groups.pop(name, None)
            if tracked is None:
                continue
            self._ok -= tracked.view is not None and tracked.view.verdict.status is Status.OK
            self._shown.pop(name, None)
            news.gone.append(keys.group(self._name, name))
            news.keys |= {keys.GROUPS, keys.group(self._name, name)}
        for name in snapshot.gone_destinations:
            self._known.pop(name, None)
            self._destinations_shown.pop(name, None)
            if self._destinations.pop(name, None) is None:
                continue
            news.gone.append(keys.destination(self._name, name))
            news.keys |= {keys.DESTINATIONS, keys.destination(self._name, name)}
        if news.gone:
            gone = {*snapshot.gone_groups, *map(destination_key, snapshot.gone_destinations)}
            self._series.forget(self._name, gone)


def _change(connection: str, before: Status, view: GroupView) -> Change:
    verdict = view.verdict
    several = len(view.group.positions) > 1
    detail = f"partition {verdict.partition}" if several and verdict.partition is not None else ""
    return Change(
        at=view.read_at, connection=connection, group=view.name, before=before, after=verdict.status, detail=detail
    )


def _clock_set_back(before: GroupView | DestinationView | None, snapshot: Snapshot, interval_s: float) -> bool:
    """Say whether what was read before lies in the future now: then nothing can be compared, and it is begun anew."""
    return before is not None and before.read_at - snapshot.read_at > max(LATE_MOST_S, STALE_INTERVALS * interval_s)


def _age_drawn_anew(shown: GroupView | DestinationView, view: GroupView | DestinationView) -> bool:
    return abs(view.read_at - shown.read_at) >= AGE_SHOWN_INTERVALS * view.interval_s * 0.95


def _drawn_anew(shown: GroupView, view: GroupView) -> bool:
    if _age_drawn_anew(shown, view):
        return True
    if (shown.verdict, shown.flow, shown.interval_s) != (view.verdict, view.flow, view.interval_s):
        return True
    return shown.group is not view.group and shown.group != view.group


def _destination_drawn_anew(shown: DestinationView, view: DestinationView) -> bool:
    return _age_drawn_anew(shown, view) or replace(shown, read_at=view.read_at) != view

"""The read model of all connections, groups and destinations. Collectors write it; pages, API and CLI read it from memory.

No page waits for a broker. Changes are published as feed keys, never as contents.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from fnmatch import fnmatchcase

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import OldestUnread, Snapshot
from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed
from signalbox.monitoring import keys
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import (
    Change,
    ConnectionView,
    DestinationView,
    GroupView,
    LinkState,
    PartitionView,
    Points,
)
from signalbox.monitoring.read_model import ConnectionReadModel
from signalbox.monitoring.series import Series
from signalbox.monitoring.settings import GroupThresholds

CHANGES_MAX = 200


class Monitor:
    """The read model. All views are frozen; an unchanged one is the same object as before."""

    def __init__(self, *, feed: Feed, clock: Clock, series: Series, thresholds: Sequence[GroupThresholds] = ()) -> None:
        self._feed, self._clock, self._series = feed, clock, series
        self._thresholds = tuple(thresholds)
        self._read_models: dict[str, ConnectionReadModel] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES_MAX)

    def now(self) -> float:
        return self._clock()

    def connections(self) -> tuple[ConnectionView, ...]:
        return tuple(model.link.view for model in self._read_models.values())

    def connection(self, name: str) -> ConnectionView | None:
        model = self._read_models.get(name)
        return model.link.view if model is not None else None

    def groups(self, connection: str | None = None) -> tuple[GroupView, ...]:
        """Return the groups of one connection or of all, in no order."""
        return tuple(view for model in self._selected(connection) for view in model.group_views())

    def group(self, connection: str, name: str) -> GroupView | None:
        model = self._read_models.get(connection)
        return model.group(name) if model is not None else None

    def partitions(self, connection: str, name: str) -> tuple[PartitionView, ...]:
        """Judge every partition of a group, most severe first; () if unknown. Costs about 30 us each, once a reading."""
        model = self._read_models.get(connection)
        return model.partitions(name) if model is not None else ()

    def destinations(self, connection: str | None = None) -> tuple[DestinationView, ...]:
        """Return the destinations of one connection or of all, in no order."""
        return tuple(view for model in self._selected(connection) for view in model.destination_views())

    def destination(self, connection: str, name: str) -> DestinationView | None:
        model = self._read_models.get(connection)
        return model.destination(name) if model is not None else None

    def partition_rates(self, connection: str, destination: str) -> Mapping[int, float | None]:
        """Return messages/s by partition of a destination; {} without partitions."""
        model = self._read_models.get(connection)
        return model.partition_rates(destination) if model is not None else {}

    def changes(self, limit: int = CHANGES_MAX) -> tuple[Change, ...]:
        """Return the recent changes, newest first: the last 200 since the start."""
        visible = [change for change in reversed(self._changes) if change.connection in self._read_models]
        return tuple(sorted(visible, key=lambda change: change.at, reverse=True)[:limit])

    def spark(self, connection: str, group: str) -> Points:
        return self._series.spark(connection, group)

    async def points(self, connection: str, group: str, window_s: float, since: float | None = None) -> Points:
        """Return the history of a group.

        Raises:
            StorageError: the database could not be read.
        """
        return await self._series.points(connection, group, window_s, since=since)

    def visible_to(self, connections: Collection[str]) -> "Monitor":
        visible = copy(self)
        visible._read_models = {  # noqa: SLF001 - of our own class
            name: model for name, model in self._read_models.items() if name in connections
        }
        return visible

    def add_connection(self, facts: ConnectionFacts) -> None:
        """Add a connection that was not read yet; an existing one stays as it is."""
        if facts.name not in self._read_models:
            self._read_models[facts.name] = ConnectionReadModel(facts, self._clock(), self._series, self._limits_of)
            self._feed.publish((keys.CONNECTIONS, keys.connection(facts.name), keys.OVERVIEW))

    async def apply(self, connection: str, snapshot: Snapshot, *, interval_s: float) -> None:
        """Take one snapshot, in slices of a few milliseconds; one of an unknown connection is dropped."""
        model = self._read_models.get(connection)
        if model is None:
            return
        before = model.link.view
        model.link.record_answer(snapshot, self._clock(), interval_s)
        self._publish_link(before, model.link.view)
        update = await model.apply(snapshot, interval_s)
        self._changes.extend(update.changes)
        self._feed.publish(update.keys)
        self._feed.forget(update.gone)

    def note_oldest_requested(self, connection: str, groups: Collection[str]) -> None:
        """Remember to which positions the timestamps belong that are requested now."""
        model = self._read_models.get(connection)
        if model is not None:
            model.note_oldest_requested(groups)

    def add_oldest_unread(self, connection: str, answers: Mapping[str, Sequence[OldestUnread]]) -> None:
        """Take the timestamps of oldest unread messages; they count from the next reading on."""
        model = self._read_models.get(connection)
        if model is not None:
            model.add_oldest_unread(answers, self._clock())

    def record_failure(
        self, connection: str, error: BrokerError, *, down: bool, next_attempt_at: float | None = None
    ) -> None:
        """Take a failure of a connection. Its figures stay and age."""
        model = self._read_models.get(connection)
        if model is None:
            return
        before = model.link.view
        model.link.record_failure(error, self._clock(), down=down, next_attempt_at=next_attempt_at)
        model.update_totals()
        self._publish_link(before, model.link.view)
        self._feed.publish((keys.connection(connection),))

    def update_staleness(self, connection: str) -> None:
        """Mark a connection as stale if it has not answered for three intervals."""
        model = self._read_models.get(connection)
        if model is None:
            return
        before = model.link.view
        if model.link.update_staleness(self._clock()):
            self._publish_link(before, model.link.view)

    def _selected(self, connection: str | None) -> list[ConnectionReadModel]:
        if connection is None:
            return list(self._read_models.values())
        model = self._read_models.get(connection)
        return [model] if model is not None else []

    def _publish_link(self, before: ConnectionView, after: ConnectionView) -> None:
        if before.link is after.link:
            return
        detail = after.error if after.link is LinkState.DOWN else ""
        self._changes.append(
            Change(
                at=after.since, connection=after.name, group=None, before=before.link, after=after.link, detail=detail
            )
        )
        model = self._read_models.get(after.name)
        affected = model.all_keys() if model is not None else []  # they become old, or current again
        self._feed.publish((keys.connection(after.name), keys.CONNECTIONS, keys.OVERVIEW, *affected))

    def _limits_of(self, connection: str, group: str) -> Thresholds:
        name = f"{connection}/{group}"
        for table in self._thresholds:
            if any(fnmatchcase(name, pattern) for pattern in table.groups):
                return Thresholds(ok_below_s=table.ok_below_s, stalled_after_s=table.stalled_after_s)
        return Thresholds()

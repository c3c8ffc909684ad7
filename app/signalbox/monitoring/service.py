"""What is known now of every connection, group and destination. Pages, API and CLI read it; the collector feeds it. No I/O.

Every read is a look into memory: no page waits for a broker. News go out as feed keys, never as contents.
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
        self._scenes: dict[str, ConnectionReadModel] = {}
        self._changes: deque[Change] = deque(maxlen=CHANGES_MAX)

    def now(self) -> float:
        """Return the time that ages are counted to, in seconds since the epoch."""
        return self._clock()

    def connections(self) -> tuple[ConnectionView, ...]:
        """Return every connection, in the order of the configuration."""
        return tuple(scene.link.view for scene in self._scenes.values())

    def connection(self, name: str) -> ConnectionView | None:
        scene = self._scenes.get(name)
        return scene.link.view if scene is not None else None

    def groups(self, connection: str | None = None) -> tuple[GroupView, ...]:
        """Return every group that was read, of one connection or of all; in no order."""
        return tuple(view for scene in self._chosen(connection) for view in scene.group_views())

    def group(self, connection: str, name: str) -> GroupView | None:
        scene = self._scenes.get(connection)
        return scene.group(name) if scene is not None else None

    def partitions(self, connection: str, name: str) -> tuple[PartitionView, ...]:
        """Judge every partition of a group, dearest first; () for one that is not known. Costs about 30 us each, once a reading."""
        scene = self._scenes.get(connection)
        return scene.partitions(name) if scene is not None else ()

    def destinations(self, connection: str | None = None) -> tuple[DestinationView, ...]:
        """Return every destination that was read, of one connection or of all; in no order."""
        return tuple(view for scene in self._chosen(connection) for view in scene.destination_views())

    def destination(self, connection: str, name: str) -> DestinationView | None:
        scene = self._scenes.get(connection)
        return scene.destination(name) if scene is not None else None

    def partition_rates(self, connection: str, destination: str) -> Mapping[int, float | None]:
        """Return messages a second by partition of a destination; {} where it has none."""
        scene = self._scenes.get(connection)
        return scene.partition_rates(destination) if scene is not None else {}

    def changes(self, limit: int = CHANGES_MAX) -> tuple[Change, ...]:
        """Return what changed, newest first; the last 200 since the start."""
        return tuple(one for one in reversed(self._changes) if one.connection in self._scenes)[:limit]

    def spark(self, connection: str, group: str) -> Points:
        """Return the last hour of a group, from memory."""
        return self._series.spark(connection, group)

    async def points(
        self,
        connection: str,
        group: str,
        window_s: float,
        partition: tuple[str, int] | None = None,
        since: float | None = None,
    ) -> Points:
        """Return the history of a group, or of one of its partitions that was in trouble.

        Raises:
            StorageError: what is no longer in memory could not be read.
        """
        return await self._series.points(connection, group, window_s, partition=partition, since=since)

    def visible_to(self, connections: Collection[str]) -> "Monitor":
        """Return the same read model as somebody sees it who may see these connections only."""
        seen = copy(self)
        seen._scenes = {  # noqa: SLF001 - one of our own
            name: scene for name, scene in self._scenes.items() if name in connections
        }
        return seen

    def open(self, opened: ConnectionFacts) -> None:
        """Begin to follow a connection; nothing is known of it yet. One that is followed already stays as it is."""
        if opened.name not in self._scenes:
            self._scenes[opened.name] = ConnectionReadModel(opened, self._clock(), self._series, self._limits_of)
            self._feed.publish((keys.CONNECTIONS, keys.connection(opened.name), keys.OVERVIEW))

    async def apply(self, connection: str, snapshot: Snapshot, *, interval_s: float) -> None:
        """Take in one reading, in slices of a few milliseconds; one of a connection that is not open is dropped."""
        scene = self._scenes.get(connection)
        if scene is None:
            return
        before = scene.link.view
        scene.link.answered(snapshot, self._clock(), interval_s)
        self._tell_link(before, scene.link.view)
        news = await scene.apply(snapshot, interval_s)
        self._changes.extend(news.changes)
        self._feed.publish(news.keys)
        self._feed.forget(news.gone)

    def measured(self, connection: str, answers: Mapping[str, Sequence[OldestUnread]]) -> None:
        """Note the times of oldest unread messages; they count from the next reading on."""
        scene = self._scenes.get(connection)
        if scene is not None:
            scene.measure(answers, self._clock())

    def failed(self, connection: str, error: BrokerError, *, down: bool, next_attempt_at: float | None = None) -> None:
        """Note that a connection did not answer. Figures are kept as they are: they grow old, and say so."""
        scene = self._scenes.get(connection)
        if scene is None:
            return
        before = scene.link.view
        scene.link.refused(error, self._clock(), down=down, next_attempt_at=next_attempt_at)
        scene.count()
        self._tell_link(before, scene.link.view)
        self._feed.publish((keys.connection(connection),))

    def tick(self, connection: str) -> None:
        """Let time pass for a connection: what has not answered for three intervals becomes stale."""
        scene = self._scenes.get(connection)
        if scene is None:
            return
        before = scene.link.view
        if scene.link.tick(self._clock()):
            self._tell_link(before, scene.link.view)

    def _chosen(self, connection: str | None) -> list[ConnectionReadModel]:
        if connection is None:
            return list(self._scenes.values())
        scene = self._scenes.get(connection)
        return [scene] if scene is not None else []

    def _tell_link(self, before: ConnectionView, after: ConnectionView) -> None:
        if before.link is after.link:
            return
        detail = after.error if after.link is LinkState.DOWN else ""
        self._changes.append(
            Change(
                at=after.since, connection=after.name, group=None, before=before.link, after=after.link, detail=detail
            )
        )
        scene = self._scenes.get(after.name)
        held = scene.all_keys() if scene is not None else []  # what stands on it is old now, or is not any more
        self._feed.publish((keys.connection(after.name), keys.CONNECTIONS, keys.OVERVIEW, *held))

    def _limits_of(self, connection: str, group: str) -> Thresholds:
        name = f"{connection}/{group}"
        for table in self._thresholds:
            if any(fnmatchcase(name, pattern) for pattern in table.groups):
                return Thresholds(ok_below_s=table.ok_below_s, stalled_after_s=table.stalled_after_s)
        return Thresholds()

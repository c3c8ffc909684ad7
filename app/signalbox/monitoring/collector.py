"""Reads one connection again and again and hands what it answers to the monitor. A broker that is down never stops it."""

import asyncio
import logging
import random
import time
from collections.abc import Collection
from contextlib import suppress
from fnmatch import fnmatchcase

from signalbox.brokers.errors import BrokerError, BrokerTimeout
from signalbox.brokers.model import Capability, Snapshot
from signalbox.brokers.port import Broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed
from signalbox.kernel.service import Loop
from signalbox.monitoring import keys
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.model import SEVERITY, GroupView, Status
from signalbox.monitoring.service import Monitor

log = logging.getLogger(__name__)

WATCHED_MAX = 200  # groups read each second
ASKED_MAX = 50  # groups whose oldest unread message is asked for at once
TICK_S = 1.0
SWEEP_WAIT_LEAST_S = 10.0  # adapters have deadlines of their own; this one only ends what they forgot
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 30.0
SILENT_MAX = 3  # sweeps without an answer until the connection is made anew
CLOSE_WAIT_S = 5.0
OLDEST_WAIT_S = 4.0  # the port promises 2


class Collector:
    """One connection's reader: a kernel Service. Sweeps everything, and watches closely what somebody looks at."""

    def __init__(
        self, broker: Broker, settings: ConnectionSettings, monitor: Monitor, feed: Feed, clock: Clock
    ) -> None:
        self.name = f"collector of {settings.name}"
        self._broker, self._settings, self._monitor, self._feed, self._clock = broker, settings, monitor, feed, clock
        self._connection = settings.name
        self._loop = Loop(self.name, self._run)
        self._named: frozenset[str] = frozenset()  # groups that a `watch` pattern names

    async def start(self) -> None:
        """Begin; returns at once, connected or not."""
        broker = self._broker
        self._monitor.open(
            ConnectionFacts(
                name=self._connection,
                kind=broker.kind,
                interval_s=broker.sweep_interval_s,
                watch_interval_s=broker.watch_interval_s,
                capabilities=broker.capabilities,
                tls_verified=tls_verified(self._settings),
                positional=Capability.PARTITIONS in broker.capabilities,
                batch=self._settings.batch,
            )
        )
        await self._loop.start()

    async def stop(self) -> None:
        """End the tasks and close the connection, whatever state it is in."""
        await self._loop.stop()
        await self._close()

    def healthy(self) -> bool:
        return self._loop.healthy()

    async def _run(self) -> None:
        """Connect and read for ever: anew at once after a connection that answered, else more and more seldom."""
        pause = RETRY_FIRST_S
        while True:
            wait = pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads attempts, hides nothing
            answered = await self._connect(wait) and await self._read(wait)
            await self._close()
            if answered:
                pause = RETRY_FIRST_S
            else:
                await asyncio.sleep(wait)
                pause = min(pause * 2, RETRY_MOST_S)

    async def _connect(self, retry_s: float) -> bool:
        """Try once; return whether it let us in. `retry_s` is when it is tried again if not."""
        try:
            async with asyncio.timeout(self._settings.timeout_s * 2 + 1):
                await self._broker.connect(timeout_s=self._settings.timeout_s)
        except (BrokerError, TimeoutError) as error:
            self._failed(error, down=True, next_attempt_at=self._clock() + retry_s)
            return False
        return True

    async def _read(self, retry_s: float) -> bool:
        """Sweep and watch until the connection must be made anew; return whether it ever answered."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            answered = await self._sweep(retry_s)
            watching.cancel()
        return answered

    async def _sweep(self, retry_s: float) -> bool:
        """Read everything each interval until the connection is lost or silent for too long; return whether it answered.

        One that lets us in and refuses the first question is as good as down.
        """
        answered, silent = False, 0
        while silent < SILENT_MAX:
            begun = time.monotonic()
            every = self._broker.sweep_interval_s
            try:
                async with asyncio.timeout(max(every * 2, SWEEP_WAIT_LEAST_S) + self._settings.timeout_s):
                    snapshot = await self._broker.sweep()
            except (BrokerTimeout, TimeoutError) as error:
                silent += 1
                self._failed(error, down=False)
            except BrokerError as error:
                again = None if answered else self._clock() + retry_s
                self._failed(error, down=not answered, next_attempt_at=again)
                break
            else:
                answered, silent = True, 0
                await self._take(snapshot, every)
            await asyncio.sleep(max(0.05, every - (time.monotonic() - begun)))
        return answered

    async def _take(self, snapshot: Snapshot, interval_s: float) -> None:
        await self._monitor.apply(self._connection, snapshot, interval_s=interval_s)
        if self._settings.watch:
            self._named = frozenset(
                view.name
                for view in self._monitor.groups(self._connection)
                if any(fnmatchcase(view.name, pattern) for pattern in self._settings.watch)
            )
        await self._ask_oldest()

    async def _watch(self) -> None:
        """Let time pass each second, and read what is looked at as often as that is worth its cost."""
        while True:
            begun = time.monotonic()
            every = self._broker.watch_interval_s
            self._monitor.tick(self._connection)
            groups = self._watched() if every is not None else ()
            if groups and every is not None:
                with suppress(BrokerError, TimeoutError):  # the sweep tells what is wrong
                    async with asyncio.timeout(max(every * 3, self._settings.timeout_s)):
                        snapshot = await self._broker.watch(groups)
                    await self._monitor.apply(self._connection, snapshot, interval_s=every)
            await asyncio.sleep(max(0.05, (every or TICK_S) - (time.monotonic() - begun)))

    def _watched(self) -> frozenset[str]:
        """Return the groups of this connection that a page shows or the configuration names, at most WATCHED_MAX."""
        prefix = keys.group(self._connection, "")
        shown = {key.removeprefix(prefix) for key in self._feed.interest() if key.startswith(prefix)}
        known = {view.name for view in self._monitor.groups(self._connection)}
        wanted = [*sorted(shown & known), *sorted(self._named - shown)]
        return frozenset(wanted[:WATCHED_MAX])

    async def _ask_oldest(self) -> None:
        """Ask how old the oldest unread messages are where that matters: where something is late or looked at."""
        if Capability.TIME_LAG not in self._broker.capabilities:
            return
        groups = self._lagging()
        if not groups:
            return
        with suppress(BrokerError, TimeoutError):  # without an answer our own history tells the time lag
            async with asyncio.timeout(OLDEST_WAIT_S):
                answers = await self._broker.oldest_unread(groups)
            self._monitor.measured(self._connection, answers)

    def _lagging(self) -> Collection[str]:
        watched = self._watched()
        late = [view for view in self._monitor.groups(self._connection) if _late(view, watched)]
        late.sort(key=lambda view: (view.name not in watched, SEVERITY[view.verdict.status], -(view.flow.lag or 0)))
        return [view.name for view in late[:ASKED_MAX]]

    def _failed(self, error: Exception, *, down: bool, next_attempt_at: float | None = None) -> None:
        if not isinstance(error, BrokerError):
            error = BrokerTimeout(self._connection, "No answer within the deadline.")
        log.info("%s", error)
        self._monitor.failed(self._connection, error, down=down, next_attempt_at=next_attempt_at)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._broker.close()
        except (BrokerError, TimeoutError):
            log.info("%s: the connection did not close in order", self._connection)


def _late(view: GroupView, watched: Collection[str]) -> bool:
    if not view.flow.lag:
        return False
    return view.verdict.status is not Status.OK or view.name in watched


def tls_verified(settings: ConnectionSettings) -> bool:
    """Say whether the far end's certificate is checked, as far as the settings of that kind say."""
    return not getattr(settings, "insecure_skip_verify", False)

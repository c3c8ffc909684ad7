"""Reads one connection periodically and hands the snapshots to the monitor. A broker that is down does not stop it."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from fnmatch import fnmatchcase

from signalbox.brokers.errors import BrokerError, BrokerTimeout
from signalbox.brokers.model import Capability, Fault, Snapshot, Why
from signalbox.brokers.port import Broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed
from signalbox.kernel.service import Loop
from signalbox.monitoring import keys
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.errors import ReadingFailed
from signalbox.monitoring.model import SEVERITY, GroupView, Status
from signalbox.monitoring.service import Monitor
from signalbox.monitoring.words.faults import reading_failed

log = logging.getLogger(__name__)

WATCHED_MAX = 200  # groups read each second
OLDEST_WORST_MAX = 40  # groups whose oldest unread message is read in each sweep: the most severe ones
OLDEST_OTHERS_MAX = 10  # and of the other late groups, in turn
TICK_S = 1.0
# Each answer has `timeout_s`, which adapters see to; these numbers of answers in a row are the safety net.
CONNECT_STEPS_MAX = 8  # names, TLS and a login of several steps
SWEEP_STEPS_MAX = 12
WATCH_STEPS_MAX = 3
SWEEP_TIMEOUT_MIN_S = 10.0
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 30.0
TIMEOUTS_MAX = 3  # in a row, until we reconnect
CLOSE_TIMEOUT_S = 5.0
OLDEST_STEPS_MAX = 2
FAULT_TEXT_MAX = 1000  # compared, to log a lasting fault once
WATCHED_GROUPS = "groups on open pages, each second"  # as a page names what is not read
OLDEST_MESSAGES = "oldest unread messages"


class Collector:
    """A kernel Service that reads one connection: everything each sweep, watched groups more often."""

    def __init__(
        self, broker: Broker, settings: ConnectionSettings, monitor: Monitor, feed: Feed, clock: Clock
    ) -> None:
        self.name = f"collector of {settings.name}"
        self._broker, self._settings, self._monitor, self._feed, self._clock = broker, settings, monitor, feed, clock
        self._connection = settings.name
        self._loop = Loop(self.name, self._run)
        self._answered = False  # on this connection: a sweep was read and taken
        self._fault: str | None = None  # the id of an unexpected exception, until a sweep is taken again
        self._fault_text = ""
        self._part_faults: dict[str, Fault] = {}  # of requests besides the sweep, which goes on without them
        self._configured: frozenset[str] = frozenset()  # groups that match a `watch` pattern
        self._oldest_turns: dict[str, int] = {}  # late group -> when its oldest unread message was read last

    async def start(self) -> None:
        """Start reading; returns at once, connected or not."""
        broker = self._broker
        self._monitor.add_connection(
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
        """End the tasks and close the connection, in whatever state it is."""
        await self._loop.stop()
        await self._close()

    def healthy(self) -> bool:
        """Return whether it reads: a broker that is down is healthy, an unexpected exception is not."""
        return self._loop.healthy() and self._fault is None and not self._part_faults

    async def _run(self) -> None:
        """Connect and read forever: reconnect at once after a connection that answered, otherwise with backoff."""
        pause = RETRY_FIRST_S
        while True:
            wait = pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
            self._answered = failed = False
            self._part_faults.clear()
            try:
                if await self._connect(wait):
                    await self._read(wait)
            except Exception as error:  # noqa: BLE001 - of the adapter or of ours: a state that the page shows
                failed, wait = True, min(wait, RETRY_FIRST_S) if self._answered else wait
                self._record_fault(error, wait)
            await self._close()
            if self._answered:
                pause = RETRY_FIRST_S
            if failed or not self._answered:
                await asyncio.sleep(wait)
                pause = min(pause * 2, RETRY_MAX_S)

    async def _connect(self, retry_s: float) -> bool:
        """Try once and return whether it worked; if not, the next attempt is in `retry_s`."""
        try:
            async with asyncio.timeout(self._settings.timeout_s * CONNECT_STEPS_MAX + 1):
                await self._broker.connect(timeout_s=self._settings.timeout_s)
        except (BrokerError, TimeoutError) as error:
            self._failed(error, down=True, next_attempt_at=self._clock() + retry_s)
            return False
        return True

    async def _read(self, retry_s: float) -> None:
        """Sweep and watch until we must reconnect."""
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._watch()), tasks.create_task(self._update_staleness())]
            await self._sweep(retry_s)
            for task in beside:
                task.cancel()

    async def _sweep(self, retry_s: float) -> None:
        """Read everything each interval until the connection is lost or times out.

        A connection that fails at its first request counts as down.
        """
        timeouts = 0
        while timeouts < TIMEOUTS_MAX:
            began = time.monotonic()
            interval_s = self._broker.sweep_interval_s
            try:
                async with asyncio.timeout(SWEEP_TIMEOUT_MIN_S + self._settings.timeout_s * SWEEP_STEPS_MAX):
                    snapshot = await self._broker.sweep()
            except (BrokerTimeout, TimeoutError) as error:
                timeouts += 1
                self._failed(error, down=not self._answered)
            except BrokerError as error:
                retry_at = None if self._answered else self._clock() + retry_s
                self._failed(error, down=not self._answered, next_attempt_at=retry_at)
                break
            else:
                interval_s = self._broker.sweep_interval_s  # it grows if the sweep took long
                await self._take(snapshot, interval_s)
                self._answered, timeouts = True, 0
            await asyncio.sleep(max(0.05, interval_s - (time.monotonic() - began)))

    async def _take(self, snapshot: Snapshot, interval_s: float) -> None:
        if self._part_faults:
            snapshot = replace(snapshot, faults=(*self._part_faults.values(), *snapshot.faults))
        await self._monitor.apply(self._connection, snapshot, interval_s=interval_s)
        if self._settings.watch:
            self._configured = frozenset(
                view.name
                for view in self._monitor.groups(self._connection)
                if any(fnmatchcase(view.name, pattern) for pattern in self._settings.watch)
            )
        self._fault, self._fault_text = None, ""
        await self._read_oldest_unread()

    async def _update_staleness(self) -> None:
        while True:
            self._monitor.update_staleness(self._connection)
            await asyncio.sleep(TICK_S)

    async def _watch(self) -> None:
        """Read the watched groups at the watch interval."""
        while True:
            began = time.monotonic()
            interval_s = self._broker.watch_interval_s
            groups = self._watched() if interval_s is not None else ()
            if groups and interval_s is not None and WATCHED_GROUPS not in self._part_faults:
                async with self._part(WATCHED_GROUPS):
                    async with asyncio.timeout(max(interval_s * 3, self._settings.timeout_s * WATCH_STEPS_MAX)):
                        snapshot = await self._broker.watch(groups)
                    await self._monitor.apply(self._connection, snapshot, interval_s=interval_s)
            await asyncio.sleep(max(0.05, (interval_s or TICK_S) - (time.monotonic() - began)))

    @asynccontextmanager
    async def _part(self, request: str) -> AsyncIterator[None]:
        """Run a request besides the sweep, which reports errors of the broker. An unexpected exception ends only this one."""
        try:
            yield
        except (BrokerError, TimeoutError):
            pass
        except Exception:
            fault = secrets.token_hex(3)
            log.exception(
                "fault %s: %s of %s is not read until it is connected again", fault, request, self._connection
            )
            self._part_faults[request] = Fault(resource=request, why=Why.NO_ANSWER, detail=reading_failed(fault))

    def _watched(self) -> frozenset[str]:
        prefix = keys.group(self._connection, "")
        on_pages = {key.removeprefix(prefix) for key in self._feed.interest() if key.startswith(prefix)}
        known = {view.name for view in self._monitor.groups(self._connection)}
        groups = [*sorted(on_pages & known), *sorted(self._configured - on_pages)]
        return frozenset(groups[:WATCHED_MAX])

    async def _read_oldest_unread(self) -> None:
        if Capability.TIME_LAG not in self._broker.capabilities or OLDEST_MESSAGES in self._part_faults:
            return
        groups = self._lagging()
        if not groups:
            return
        self._monitor.note_oldest_requested(self._connection, groups)
        async with self._part(OLDEST_MESSAGES):  # without an answer our own readings give the time lag
            async with asyncio.timeout(self._settings.timeout_s * OLDEST_STEPS_MAX):
                answers = await self._broker.oldest_unread(groups)
            self._monitor.add_oldest_unread(self._connection, answers)

    def _lagging(self) -> Collection[str]:
        watched = self._watched()
        late = [view for view in self._monitor.groups(self._connection) if _late(view, watched)]
        late.sort(key=lambda view: (view.name not in watched, SEVERITY[view.verdict.status], -(view.flow.lag or 0)))
        others = sorted(late[OLDEST_WORST_MAX:], key=lambda view: self._oldest_turns.get(view.name, 0))
        chosen = [view.name for view in (*late[:OLDEST_WORST_MAX], *others[:OLDEST_OTHERS_MAX])]
        turn = max(self._oldest_turns.values(), default=0) + 1
        turns = {view.name: self._oldest_turns[view.name] for view in late if view.name in self._oldest_turns}
        self._oldest_turns = turns | dict.fromkeys(chosen, turn)
        return chosen

    def _record_fault(self, error: Exception, retry_s: float) -> None:
        """Take an unexpected exception. The log gets one that lasts only once."""
        text = repr(error)[:FAULT_TEXT_MAX]
        if self._fault is None or text != self._fault_text:
            self._fault, self._fault_text = secrets.token_hex(3), text
            log.error("fault %s: %s failed and restarts in %.0f s", self._fault, self.name, retry_s, exc_info=error)
        failure = ReadingFailed(self._connection, self._fault)
        self._monitor.record_failure(self._connection, failure, down=True, next_attempt_at=self._clock() + retry_s)

    def _failed(self, error: Exception, *, down: bool, next_attempt_at: float | None = None) -> None:
        if not isinstance(error, BrokerError):
            error = BrokerTimeout(self._connection, "The broker did not answer within the deadline.")
        log.info("%s", error)
        self._monitor.record_failure(self._connection, error, down=down, next_attempt_at=next_attempt_at)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._broker.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt opens a new connection
            log.info("%s: the connection was not closed cleanly: %r", self._connection, error)


def _late(view: GroupView, watched: Collection[str]) -> bool:
    if not view.flow.lag:
        return False
    return view.verdict.status is not Status.OK or view.name in watched


def tls_verified(settings: ConnectionSettings) -> bool:
    """Return whether the broker's certificate is verified, as far as the settings of that kind say."""
    return not getattr(settings, "insecure_skip_verify", False)

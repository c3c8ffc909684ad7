"""The only way to change anything, from page, API, CLI and websocket alike: authorise, write it down, measure, run.

Whatever changes something takes a `Permit`, and nothing but this door makes one: a write that bypasses it has no permit to
show, which the type checker sees, and the walk over all routes and verbs in the tests sees again.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from signalbox.kernel.errors import SignalboxError
from signalbox.security.audit.model import Outcome
from signalbox.security.audit.service import AuditLog
from signalbox.security.errors import NotPermitted, ReadOnly
from signalbox.security.model import Action, Actor, missing_permission
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

T = TypeVar("T")

_DOOR_KEY = object()


class Permit:
    """What the door hands to what it lets in: who, what, and the row of the audit log that says so."""

    __slots__ = ("action", "actor", "detail", "row")

    def __init__(self, seal: object, actor: Actor, action: Action, row: int) -> None:
        if seal is not _DOOR_KEY:
            raise TypeError("only the door makes permits: call door.act")
        self.actor = actor
        self.action = action
        self.row = row
        self.detail = ""  # what the outcome's row is to say: "29 settled, 17 came back"


class Door:
    """One per process."""

    def __init__(self, log: AuditLog, *, read_only: bool = False) -> None:
        self._log = log
        self.read_only = read_only
        self.counts: Counter[tuple[str, str]] = Counter()  # by action and outcome, since the start
        self.seconds: defaultdict[str, float] = defaultdict(float)  # by action

    async def act(self, actor: Actor, action: Action, run: Callable[[Permit], Awaitable[T]]) -> T:
        """Do `run` if this actor may; the intent is in the audit log before it begins, and its outcome after.

        Raises:
            NotPermitted: the actor lacks a right; the attempt is in the audit log.
            ReadOnly: Signalbox runs read-only; the attempt is in the audit log.
            StorageError: it could not be written down, so nothing was done.
            Exception: what `run` raised; it is in the audit log as failed.
        """
        await self._authorize(actor, action)
        permit = Permit(_DOOR_KEY, actor, action, await self._log.record_intent(actor, action))
        started = time.perf_counter()
        try:
            result = await run(permit)
        except BaseException as error:
            outcome = Outcome.FAILED if isinstance(error, Exception) else Outcome.INTERRUPTED
            await asyncio.shield(self._record_outcome(permit, outcome, _loggable(error), started))
            raise
        await asyncio.shield(self._record_outcome(permit, Outcome.DONE, permit.detail, started))
        return result

    async def _authorize(self, actor: Actor, action: Action) -> None:
        if self.read_only and not action.allowed_in_read_only:
            await self._record_refusal(actor, action, "Signalbox runs read-only")
            raise ReadOnly("Signalbox runs read-only ([server] read_only in signalbox.toml): nothing can be changed.")
        if missing := missing_permission(actor.rights, action):
            await self._record_refusal(actor, action, f"needs {missing}")
            raise NotPermitted(f"{actor.name} may not {action.name}: that needs {missing}.", missing)

    async def _record_refusal(self, actor: Actor, action: Action, detail: str) -> None:
        self.counts[action.name, Outcome.REFUSED] += 1
        await self._log.record_refusal(actor, action, detail)

    async def _record_outcome(self, permit: Permit, outcome: Outcome, detail: str, started: float) -> None:
        took_s = time.perf_counter() - started
        self.counts[permit.action.name, outcome] += 1
        self.seconds[permit.action.name] += took_s
        try:
            await self._log.record_outcome(
                permit.row, permit.actor, permit.action, outcome, detail=detail, took_s=took_s
            )
        except StorageError:  # it is done all the same; the intent stands without an outcome, which the page shows
            log.exception("the outcome %s of row %d of the audit log could not be written", outcome, permit.row)


def _loggable(error: BaseException) -> str:
    """Return what of an error may stand in the log: our own sentences hold no secret, others are named only."""
    return str(error) if isinstance(error, SignalboxError) else type(error).__name__

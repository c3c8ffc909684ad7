"""The only way to change anything, from page, API, CLI and websocket: authorize, audit, measure, run.

Every function that changes something takes a `Permit`, which only the door makes; type checker and tests check it.
"""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from signalbox.kernel.errors import SignalboxError
from signalbox.kernel.service import Tasks
from signalbox.security.audit.model import Outcome
from signalbox.security.audit.service import AuditLog
from signalbox.security.errors import NotPermitted, ReadOnly
from signalbox.security.model import Action, Actor, missing_permission

log = logging.getLogger(__name__)

T = TypeVar("T")

_DOOR_KEY = object()


class Permit:
    """Proof that the door authorized an action and wrote it to the audit log."""

    __slots__ = ("action", "actor", "detail", "row")

    def __init__(self, key: object, actor: Actor, action: Action, row: int) -> None:
        if key is not _DOOR_KEY:
            raise TypeError("only the door makes permits: call door.act")
        self.actor = actor
        self.action = action
        self.row = row
        self.detail = ""  # written to the outcome's row: "29 settled, 17 came back"


class Door:
    """Authorizes and audits actions. One per process."""

    def __init__(self, log: AuditLog, *, read_only: bool = False) -> None:
        self._log = log
        self.read_only = read_only
        self._tasks = Tasks()
        self.counts: Counter[tuple[str, str]] = Counter()  # by action and outcome, since the start
        self.seconds: defaultdict[str, float] = defaultdict(float)  # by action

    async def act(self, actor: Actor, action: Action, run: Callable[[Permit], Awaitable[T]]) -> T:
        """Run `run` if the actor has the rights. The audit log gets the intent before and the outcome after.

        Raises:
            NotPermitted: the actor lacks a permission; the attempt is in the audit log.
            ReadOnly: Signalbox is in read-only mode; the attempt is in the audit log.
            StorageError: the intent could not be written, so `run` was not started.
            Exception: whatever `run` raised; the audit log says "failed".
        """
        await self._authorize(actor, action)
        permit = Permit(_DOOR_KEY, actor, action, await self._log.record_intent(actor, action))
        started = time.perf_counter()
        try:
            result = await run(permit)
        except BaseException as error:
            outcome = Outcome.FAILED if isinstance(error, Exception) else Outcome.INTERRUPTED
            await asyncio.shield(self._tasks.start(self._record_outcome(permit, outcome, _loggable(error), started)))
            raise
        await asyncio.shield(self._tasks.start(self._record_outcome(permit, Outcome.DONE, permit.detail, started)))
        return result

    async def _authorize(self, actor: Actor, action: Action) -> None:
        if self.read_only and not action.allowed_in_read_only:
            await self._record_refusal(actor, action, "read-only mode")
            raise ReadOnly(
                "Signalbox is in read-only mode ([server] read_only in signalbox.toml). Nothing was changed."
            )
        if missing := missing_permission(actor.rights, action):
            await self._record_refusal(actor, action, f"requires {missing}")
            raise NotPermitted(f"{actor.name} cannot {action.name}: that requires {missing}.", missing)

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
        except Exception:  # the action has run; the page shows its intent without an outcome
            log.exception("cannot write outcome %r of audit row %d", outcome.value, permit.row)


def _loggable(error: BaseException) -> str:
    """Return an error as the audit log may show it: our own messages hold no secrets; of others only the class."""
    return str(error) if isinstance(error, SignalboxError) else type(error).__name__

"""What the door writes down, and what pages and verbs read of it."""

from collections.abc import Mapping

import msgspec

from app.kernel.clock import Clock
from app.security.audit.model import Entry, Kind, Outcome
from app.security.audit.store import AuditStore
from app.security.model import PARAMETERS_BYTES_MAX, REASON_LENGTH_MAX, Action, Actor, Plain
from app.storage.engine import Database

TEXT_LENGTH_MAX = 1000


class AuditLog:
    """Every method writes before it returns, or raises StorageError and has written nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = AuditStore(database)
        self._clock = clock

    async def intent(self, actor: Actor, action: Action) -> int:
        """Write that this is about to be done; return the row's number."""
        return await self._store.append([self._entry(Kind.INTENT, actor, action)])

    async def refused(self, actor: Actor, action: Action, detail: str) -> int:
        """Write that this was asked for and not allowed."""
        return await self._store.append(
            [self._entry(Kind.REFUSED, actor, action, outcome=Outcome.REFUSED, detail=detail)]
        )

    async def outcome(
        self, about: int, actor: Actor, action: Action, outcome: Outcome, *, detail: str, took_s: float
    ) -> int:
        """Write how the intent in row `about` ended."""
        took_us = round(took_s * 1e6)
        entry = self._entry(Kind.OUTCOME, actor, action, about=about, outcome=outcome, detail=detail, took_us=took_us)
        return await self._store.append([entry])

    def _entry(
        self,
        kind: Kind,
        actor: Actor,
        action: Action,
        *,
        about: int | None = None,
        outcome: str = "",
        detail: str = "",
        took_us: int | None = None,
    ) -> Entry:
        return Entry(
            at_us=round(self._clock() * 1e6),
            kind=kind,
            about=about,
            actor=_text(actor.name),
            via=actor.via,
            address=_text(actor.address),
            agent=_text(actor.agent),
            request=_text(actor.request),
            action=_text(action.name),
            resource=_text(action.resource or ""),
            target=_text(action.target),
            parameters=_parameters(action.parameters),
            reason=_text(action.reason, REASON_LENGTH_MAX),
            outcome=outcome,
            detail=_text(detail),
            took_us=took_us,
        )


def _text(text: str, most: int = TEXT_LENGTH_MAX) -> str:
    """Return what every database keeps and gives back as it was: no NUL, no half of a character, bounded."""
    return text[:most].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _parameters(parameters: Mapping[str, Plain]) -> str:
    encoded = msgspec.json.encode(parameters)
    if len(encoded) > PARAMETERS_BYTES_MAX:
        encoded = msgspec.json.encode({"left_out": f"{len(encoded)} bytes, over {PARAMETERS_BYTES_MAX}"})
    return _text(encoded.decode("utf-8", "replace"), PARAMETERS_BYTES_MAX)

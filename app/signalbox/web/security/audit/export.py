"""The log as a file: read some rows at a time and sent as they are read, all of it one action of the audit log."""

import asyncio
from dataclasses import dataclass

from litestar.types import Receive, Scope, Send

from signalbox.kernel.figures import count
from signalbox.security.audit import ndjson
from signalbox.security.audit.model import AuditFilter
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.errors import SecurityError
from signalbox.security.model import Action, Actor

NDJSON = b"application/x-ndjson"


class AskerLeft(SecurityError):
    """Whoever asked for the rows did not wait for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An answer that is the rows of a filter. Its outcome is in the log when the last one is sent."""

    audit: AuditLog
    door: Door
    actor: Actor
    action: Action
    wanted: AuditFilter
    name: str  # of the file

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        async def run(permit: Permit) -> None:
            permit.detail = f"{count(await self._sent(receive, send))} rows"

        try:
            await self.door.act(self.actor, self.action, run)
        except AskerLeft:
            return  # nobody is there to be told

    async def _sent(self, receive: Receive, send: Send) -> int:
        """Send all rows; return how many there were."""
        number = 0
        disposition = f'attachment; filename="{self.name}"'.encode()
        headers = [(b"content-type", NDJSON), (b"content-disposition", disposition)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for rows in self.audit.rows(self.wanted):
            if await _left(receive):
                raise AskerLeft(f"Whoever asked left after {count(number)} rows.")
            lines = b"".join(map(ndjson.to_line, rows))
            await send({"type": "http.response.body", "body": lines, "more_body": True})
            number += len(rows)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return number


async def _left(receive: Receive) -> bool:
    """Look, without waiting, whether whoever asked has gone: what is sent then is thrown away unseen."""
    try:
        async with asyncio.timeout(0):
            return (await receive())["type"] == "http.disconnect"
    except TimeoutError:
        return False

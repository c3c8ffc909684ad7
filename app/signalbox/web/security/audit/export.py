"""Export of the audit log: streams the rows of a filter as NDJSON, recorded as one action."""

import asyncio
from dataclasses import dataclass

from litestar.types import Receive, Scope, Send

from signalbox.kernel.figures import number
from signalbox.security.audit import ndjson
from signalbox.security.audit.model import AuditFilter
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.errors import SecurityError
from signalbox.security.model import Action, Actor

NDJSON = b"application/x-ndjson"


class ClientDisconnected(SecurityError):
    """The client closed the connection before the last row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A streaming response. Its outcome is recorded once the last row is sent."""

    audit: AuditLog
    door: Door
    actor: Actor
    action: Action
    line_filter: AuditFilter
    filename: str

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        async def run(permit: Permit) -> None:
            permit.detail = f"{number(await self._send_rows(receive, send))} rows"

        try:
            await self.door.act(self.actor, self.action, run)
        except ClientDisconnected:
            return  # there is no client to answer

    async def _send_rows(self, receive: Receive, send: Send) -> int:
        """Send all rows; return how many."""
        rows_sent = 0
        disposition = f'attachment; filename="{self.filename}"'.encode()
        headers = [(b"content-type", NDJSON), (b"content-disposition", disposition)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for rows in self.audit.rows(self.line_filter):
            if await _is_disconnected(receive):
                raise ClientDisconnected(f"The client disconnected after {number(rows_sent)} rows.")
            body = b"".join(map(ndjson.to_line, rows))
            await send({"type": "http.response.body", "body": body, "more_body": True})
            rows_sent += len(rows)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return rows_sent


async def _is_disconnected(receive: Receive) -> bool:
    """Check without waiting: the server silently drops what is sent after a disconnect."""
    try:
        async with asyncio.timeout(0):
            return (await receive())["type"] == "http.disconnect"
    except TimeoutError:
        return False

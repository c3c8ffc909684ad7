"""/api/v1/audit: what the page shows, for programs; and the signed head, to be kept where nobody can change it."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from signalbox.security.audit.documents import SignedHead
from signalbox.security.audit.model import AuditEntry
from signalbox.security.audit.service import AuditLog
from signalbox.security.keys import Keys
from signalbox.web import urls
from signalbox.web.errors import problems
from signalbox.web.rendering import renderer_of
from signalbox.web.security.audit.asked import ROWS_MAX, TIMES, Asked, written
from signalbox.web.security.audit.lines import seconds
from signalbox.web.security.audit.listing import PAGE_ROWS
from signalbox.web.security.audit.pages import ADMINS, understood

TAGS = ["audit"]
PROBLEMS = problems(403)
Time = Annotated[float | None, Meta(description="seconds since the epoch, UTC; null = not known")]
Text: TypeAlias = Annotated[str, QueryParameter(description="in who, what, target and reason, whatever its case")]
When: TypeAlias = Annotated[str, QueryParameter(description=f"one of {', '.join(TIMES)}; all by itself")]
Who: TypeAlias = Annotated[str, QueryParameter(description="by this one")]
Named: TypeAlias = Annotated[str, QueryParameter(description="this action")]
On: TypeAlias = Annotated[str, QueryParameter(description="on this connection or event store")]
Ended: TypeAlias = Annotated[str, QueryParameter(description="refused: only what was not allowed")]
Older: TypeAlias = Annotated[str, QueryParameter(description="a cursor that this list gave as next")]
Limit: TypeAlias = Annotated[str | None, QueryParameter(description=f"lines, 1 to {ROWS_MAX}; {PAGE_ROWS} by itself")]


class ActionOut(Struct, frozen=True, kw_only=True):
    """One action: what was asked for, and how it ended."""

    row: Annotated[int, Meta(description="of the log, in which it was asked for")]
    asked_at: Time
    actor: str
    via: Annotated[str, Meta(description="page, api, socket, cli")]
    address: str
    agent: str
    request: str
    action: str
    resource: str
    target: str
    parameters: Annotated[Any, Meta(description="as they were written; null = they cannot be read")]
    reason: str
    outcome: Annotated[str | None, Meta(description="done, failed, refused, interrupted; null = none")]
    running: Annotated[bool, Meta(description="it runs in the process that answers, now")]
    outcome_row: Annotated[int | None, Meta(description="null = none yet, or refused, which is one row")]
    ended_at: Time
    took_s: Annotated[float | None, Meta(description="seconds; null = not known, or not begun")]
    detail: str
    hash: Annotated[str, Meta(description="of the row, hexadecimal")]
    previous: Annotated[str, Meta(description="hash of the row before, hexadecimal")]


class ActionsOut(Struct, frozen=True, kw_only=True):
    items: list[ActionOut]
    next: Annotated[str | None, Meta(description="cursor: pass it as older; null = there is nothing older")]
    searched_to: Annotated[
        float | None, Meta(description="the search went back to here only, and goes on at next; null = through all")
    ]


def parameters(
    *,
    q: Text = "",
    when: When = "",
    who: Who = "",
    action: Named = "",
    on: On = "",
    outcome: Ended = "",
    older: Older = "",
    limit: Limit = None,
) -> Asked:
    given = {"q": q, "when": when or "all", "who": who, "action": action, "on": on, "outcome": outcome, "older": older}
    return understood(given if limit is None else given | {"limit": limit}, rows=PAGE_ROWS)


@get(
    urls.api("audit"),
    tags=TAGS,
    guards=ADMINS,
    dependencies={"asked": Provide(parameters, sync_to_thread=False)},
    responses=PROBLEMS,
    summary="The audit log, one item an action, newest first; for admins",
)
async def actions(
    request: Request[Any, Any, Any], audit: NamedDependency[AuditLog], asked: NamedDependency[Asked]
) -> ActionsOut:
    part = await audit.page(asked.wanted(renderer_of(request).clock()), asked.older, asked.rows)
    items = [_out(line, running=audit.is_running(line.row)) for line in part.entries]
    searched_to = None if part.searched_to_us is None else seconds(part.searched_to_us)
    return ActionsOut(items=items, next=written(part.older), searched_to=searched_to)


@get(
    urls.api("audit", "head"),
    tags=TAGS,
    guards=ADMINS,
    responses=PROBLEMS,
    summary="How far the audit log goes now, signed: keep it elsewhere to see later that nothing was cut off; for admins",
)
async def signed_head(audit: NamedDependency[AuditLog], keys: NamedDependency[Keys]) -> SignedHead:
    return await audit.head(keys.signing())


def _out(line: AuditEntry, *, running: bool) -> ActionOut:
    """Return a line as it is answered. What stands in a row may be of any type: somebody may have put it there."""
    return ActionOut(
        row=line.row,
        asked_at=seconds(line.at_us),
        actor=str(line.actor),
        via=str(line.via),
        address=str(line.address),
        agent=str(line.agent),
        request=str(line.request),
        action=str(line.action),
        resource=str(line.resource),
        target=str(line.target),
        parameters=_decoded(str(line.parameters)),
        reason=str(line.reason),
        outcome=str(line.outcome) if line.outcome else None,
        running=running,
        outcome_row=line.outcome_row,
        ended_at=seconds(line.ended_us),
        took_s=line.took_us / 1e6 if isinstance(line.took_us, int | float) else None,
        detail=str(line.detail),
        hash=_hex(line.hash),
        previous=_hex(line.previous),
    )


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _hex(hash_: object) -> str:
    return hash_.hex() if isinstance(hash_, bytes) else str(hash_)


API = (actions, signed_head)

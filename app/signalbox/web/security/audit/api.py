"""/api/v1/audit: the audit log, and its signed head."""

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
from signalbox.web.security.audit.action_list import PAGE_ROWS
from signalbox.web.security.audit.list_query import ROWS_MAX, TIME_RANGES, AuditQuery, format_cursor
from signalbox.web.security.audit.routes import ADMINS, valid_query
from signalbox.web.security.audit.rows import seconds

TAGS = ["audit"]
PROBLEMS = problems(403)
Time = Annotated[float | None, Meta(description="Epoch seconds, UTC; null if unknown.")]
SearchText: TypeAlias = Annotated[
    str, QueryParameter(description="Searches user, action, target and reason; case-insensitive.")
]
TimeRange: TypeAlias = Annotated[str, QueryParameter(description=f"One of {', '.join(TIME_RANGES)}. Default: all.")]
ActorName: TypeAlias = Annotated[str, QueryParameter(name="actor", description="Only actions of this user.")]
ActionName: TypeAlias = Annotated[str, QueryParameter(description="Only this action.")]
Resource: TypeAlias = Annotated[str, QueryParameter(description="Only this connection.")]
OutcomeName: TypeAlias = Annotated[str, QueryParameter(description="refused: only actions that were denied.")]
Older: TypeAlias = Annotated[str, QueryParameter(description="The `next` cursor of a previous response.")]
Limit: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"Number of items, 1 to {ROWS_MAX}. Default: {PAGE_ROWS}.")
]


class ActionOut(Struct, frozen=True, kw_only=True):
    """An action, and its outcome."""

    row: Annotated[int, Meta(description="The row of the log that records the start.")]
    started_at: Time
    actor: str
    via: Annotated[str, Meta(description="page, api, socket or cli.")]
    address: str
    user_agent: str
    request: str
    action: str
    resource: str
    target: str
    parameters: Annotated[Any, Meta(description="Null if they cannot be decoded.")]
    reason: str
    outcome: Annotated[str | None, Meta(description="done, failed, refused or interrupted; null if none is recorded.")]
    running: Annotated[bool, Meta(description="Whether the action runs in the responding process now.")]
    outcome_row: Annotated[
        int | None, Meta(description="Null if no outcome is recorded, or if the action was refused.")
    ]
    ended_at: Time
    duration_s: Annotated[float | None, Meta(description="Seconds; null if unknown or not started.")]
    detail: str
    hash: Annotated[str, Meta(description="Hash of the row, hexadecimal.")]
    previous_hash: Annotated[str, Meta(description="Hash of the previous row, hexadecimal.")]


class ActionsOut(Struct, frozen=True, kw_only=True):
    items: list[ActionOut]
    next: Annotated[str | None, Meta(description="Pass as `older` to get the next page; null on the last page.")]
    searched_to: Annotated[
        float | None,
        Meta(description="Epoch seconds at which the search stopped; continue with `next`. Null if it is complete."),
    ]


def audit_query(
    *,
    q: SearchText = "",
    when: TimeRange = "",
    actor_name: ActorName = "",
    action: ActionName = "",
    resource: Resource = "",
    outcome: OutcomeName = "",
    older: Older = "",
    limit: Limit = None,
) -> AuditQuery:
    parameters = {
        "q": q,
        "when": when or "all",
        "actor": actor_name,
        "action": action,
        "resource": resource,
        "outcome": outcome,
        "older": older,
    }
    return valid_query(parameters if limit is None else parameters | {"limit": limit}, rows=PAGE_ROWS)


@get(
    urls.api("audit"),
    tags=TAGS,
    guards=ADMINS,
    dependencies={"list_query": Provide(audit_query, sync_to_thread=False)},
    responses=PROBLEMS,
    summary="List actions of the audit log, newest first; for admins",
)
async def api_audit(
    request: Request[Any, Any, Any], audit: NamedDependency[AuditLog], list_query: NamedDependency[AuditQuery]
) -> ActionsOut:
    page = await audit.page(list_query.line_filter(renderer_of(request).clock()), list_query.older, list_query.rows)
    items = [_action_out(line, running=audit.is_running(line.row)) for line in page.entries]
    searched_to = None if page.searched_to_us is None else seconds(page.searched_to_us)
    return ActionsOut(items=items, next=format_cursor(page.older), searched_to=searched_to)


@get(
    urls.api("audit", "head"),
    tags=TAGS,
    guards=ADMINS,
    responses=PROBLEMS,
    summary="Get a signed head of the audit log; stored elsewhere it proves later that no rows were deleted; for admins",
)
async def api_signed_head(audit: NamedDependency[AuditLog], keys: NamedDependency[Keys]) -> SignedHead:
    return await audit.head(keys.signing())


def _action_out(line: AuditEntry, *, running: bool) -> ActionOut:
    """Convert a row. A tampered row can hold values of any type."""
    return ActionOut(
        row=line.row,
        started_at=seconds(line.at_us),
        actor=str(line.actor),
        via=str(line.via),
        address=str(line.address),
        user_agent=str(line.agent),
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
        duration_s=line.took_us / 1e6 if isinstance(line.took_us, int | float) else None,
        detail=str(line.detail),
        hash=_hex(line.hash),
        previous_hash=_hex(line.previous),
    )


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _hex(hash_: object) -> str:
    return hash_.hex() if isinstance(hash_, bytes) else str(hash_)


API = (api_audit, api_signed_head)

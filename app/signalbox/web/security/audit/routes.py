"""The audit page: list, verify, export, signed head."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect
from litestar.types import ASGIApp

from signalbox.kernel import figures
from signalbox.security.audit import documents, words
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.keys import Keys
from signalbox.security.model import Action, Actor
from signalbox.web.access import WRITABLE_IN_READ_ONLY
from signalbox.web.errors import BadRequest
from signalbox.web.lists import InvalidParameter
from signalbox.web.rendering import Part, page, renderer_of
from signalbox.web.security import urls
from signalbox.web.security.audit.action_list import PAGE_ROWS, ActionList, action_list
from signalbox.web.security.audit.export import Export
from signalbox.web.security.audit.list_query import AuditQuery, parse_query, url_parameters
from signalbox.web.security.audit.rows import INTACT, VERIFY_NAME
from signalbox.web.security.audit.summary import AuditSummary, BrokenChain, audit_summary, broken_chain
from signalbox.web.security.dependencies import admin_guard
from signalbox.web.security.forms import parse_form
from signalbox.web.security.navigation import AUDIT

AnyRequest = Request[Any, Any, Any]
ADMINS = [admin_guard("the audit log")]
VERIFY = Action(name=VERIFY_NAME, allowed_in_read_only=True)  # only reads, so read-only mode allows it


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """What `security/audit/index.html` shows."""

    summary: AuditSummary
    broken_chain: BrokenChain | None
    list: ActionList


@get(urls.audit(), include_in_schema=False, guards=ADMINS)
async def audit_page(request: AnyRequest, audit: NamedDependency[AuditLog]) -> Response[bytes]:
    query = valid_query(request.query_params, rows=PAGE_ROWS)
    listed = await action_list(audit, query, renderer_of(request).clock())
    checked = audit.last_verification
    context = AuditPage(
        summary=audit_summary(await audit.state(), checked), broken_chain=broken_chain(checked), list=listed
    )
    part = Part("security/audit/_list.html", "action_list", listed)
    response = page(request, "security/audit/index.html", context, title="Audit", section=AUDIT, part=part)
    if query.row is None and query.older is None:
        response.headers["HX-Push-Url"] = urls.audit(**url_parameters(query))  # without empty parameters
    return response


@post(urls.audit("verify"), include_in_schema=False, guards=ADMINS, opt=WRITABLE_IN_READ_ONLY, status_code=303)
async def verify(
    actor: NamedDependency[Actor],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
    keys: NamedDependency[Keys],
) -> Redirect:
    async def run(permit: Permit) -> None:
        if too_long := audit_summary(await audit.state(), audit.last_verification).too_long:
            raise RequestRejected(too_long)
        verification = (await audit.verify_and_record(keys.signing().public_key().public_bytes_raw())).verification
        intact = f"{INTACT}{figures.number(verification.end.row)}"
        permit.detail = intact if verification.is_intact else f"{words.finding_sentence(verification.findings[0])}."

    await door.act(actor, VERIFY, run)
    return Redirect(urls.audit(), status_code=303)


@post(urls.audit("export"), include_in_schema=False, guards=ADMINS, opt=WRITABLE_IN_READ_ONLY, status_code=200)
async def export(
    *,
    request: AnyRequest,
    actor: NamedDependency[Actor],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
) -> ASGIApp:
    form = await parse_form(request, dict[str, str])
    query, now = valid_query(form, rows=PAGE_ROWS), renderer_of(request).clock()
    parameters = {key: str(value) for key, value in url_parameters(query).items() if value} | {"when": query.when}
    return Export(
        audit=audit,
        door=door,
        actor=actor,
        action=Action(name="export audit log", allowed_in_read_only=True, parameters=parameters),
        line_filter=query.line_filter(now),
        filename=f"audit-{_timestamp(now)}.ndjson",
    )


@get(urls.audit("head"), include_in_schema=False, guards=ADMINS)
async def signed_head(
    request: AnyRequest, audit: NamedDependency[AuditLog], keys: NamedDependency[Keys]
) -> Response[bytes]:
    head = await audit.head(keys.signing())
    filename = f"head-{_timestamp(renderer_of(request).clock())}.json"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(documents.to_json(head), media_type="application/json", headers=headers)


def valid_query(parameters: Mapping[str, str], *, rows: int) -> AuditQuery:
    """Parse a query. Raises BadRequest."""
    try:
        return parse_query(parameters, rows=rows)
    except InvalidParameter as fault:
        raise BadRequest(f"{fault}.") from fault


def _timestamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H%M%SZ")


PAGES = (audit_page, verify, export, signed_head)

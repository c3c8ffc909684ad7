"""The audit log's page, and what can be done from it: verify, export, sign how far it goes."""

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
from signalbox.web.access import OWN
from signalbox.web.errors import NotUnderstood
from signalbox.web.lists import InvalidParameter
from signalbox.web.rendering import Part, page, renderer_of
from signalbox.web.security import urls
from signalbox.web.security.admins import admins_only
from signalbox.web.security.audit.asked import Asked, asked, query_of
from signalbox.web.security.audit.export import Export
from signalbox.web.security.audit.head import Broken, Head, broken, head
from signalbox.web.security.audit.listing import PAGE_ROWS, AuditList, audit_list
from signalbox.web.security.forms import sent
from signalbox.web.security.navigation import AUDIT

Asking = Request[Any, Any, Any]
ADMINS = [admins_only("the audit log")]
VERIFY = Action(name="verify audit log", allowed_in_read_only=True)  # it only looks: there in read-only mode too


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """What `audit/index.html` shows."""

    head: Head
    broken: Broken | None
    list: AuditList


@get(urls.audit(), include_in_schema=False, guards=ADMINS)
async def audit_page(request: Asking, audit: NamedDependency[AuditLog]) -> Response[bytes]:
    wanted = understood(request.query_params, rows=PAGE_ROWS)
    listed = await audit_list(audit, wanted, renderer_of(request).clock())
    checked = audit.last_verification
    context = AuditPage(head=head(await audit.state(), checked), broken=broken(checked), list=listed)
    part = Part("audit/_list.html", "it", listed)
    answer = page(request, "audit/index.html", context, title="Audit", section=AUDIT, part=part)
    if wanted.row is None and wanted.older is None:
        answer.headers["HX-Push-Url"] = urls.audit(**query_of(wanted))  # without the filters that ask for nothing
    return answer


@post(urls.audit("verify"), include_in_schema=False, guards=ADMINS, opt=OWN, status_code=303)
async def verify(
    actor: NamedDependency[Actor],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
    keys: NamedDependency[Keys],
) -> Redirect:
    async def run(permit: Permit) -> None:
        if too_long := head(await audit.state(), audit.last_verification).too_long:
            raise RequestRejected(too_long)
        verdict = (await audit.verify_and_record(keys.signing().public_key().public_bytes_raw())).verification
        whole = f"whole to row {figures.count(verdict.end.row)}"
        permit.detail = whole if verdict.is_intact else f"{words.finding_sentence(verdict.findings[0])}."

    await door.act(actor, VERIFY, run)
    return Redirect(urls.audit(), status_code=303)


@post(urls.audit("export"), include_in_schema=False, guards=ADMINS, opt=OWN, status_code=200)
async def export(
    *,
    request: Asking,
    actor: NamedDependency[Actor],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
) -> ASGIApp:
    data = await sent(request, dict[str, str])
    wanted, now = understood(data, rows=PAGE_ROWS), renderer_of(request).clock()
    asked_for = {key: str(value) for key, value in query_of(wanted).items() if value} | {"when": wanted.when}
    return Export(
        audit=audit,
        door=door,
        actor=actor,
        action=Action(name="export audit log", allowed_in_read_only=True, parameters=asked_for),
        wanted=wanted.wanted(now),
        name=f"audit-{_stamp(now)}.ndjson",
    )


@get(urls.audit("head"), include_in_schema=False, guards=ADMINS)
async def signed_head(
    request: Asking, audit: NamedDependency[AuditLog], keys: NamedDependency[Keys]
) -> Response[bytes]:
    signed = await audit.head(keys.signing())
    name = f"head-{_stamp(renderer_of(request).clock())}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(documents.to_json(signed), media_type="application/json", headers=headers)


def understood(parameters: Mapping[str, str], *, rows: int) -> Asked:
    try:
        return asked(parameters, rows=rows)
    except InvalidParameter as fault:
        raise NotUnderstood(f"{fault}.") from fault


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H%M%SZ")


PAGES = (audit_page, verify, export, signed_head)

"""The masking page, for admins everywhere."""

import asyncio
from functools import partial
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from signalbox.kernel import figures
from signalbox.security.audit.model import AuditFilter, Outcome
from signalbox.security.errors import RequestRejected
from signalbox.security.masking.actions import VIEW_PAYLOAD
from signalbox.security.masking.service import ListedRule
from signalbox.web.access import WRITABLE_IN_READ_ONLY
from signalbox.web.rendering import Crumb, page, renderer_of
from signalbox.web.security import urls
from signalbox.web.security.confirm_page import ConfirmPage, confirm
from signalbox.web.security.forms import RemoveForm, parse_form
from signalbox.web.security.masking import audit_actions, words
from signalbox.web.security.masking.dependencies import MASKING_ADMIN, MaskingAdmin
from signalbox.web.security.masking.forms import REQUEST_BYTES_MAX, MoveForm, RuleForm
from signalbox.web.security.masking.page import MaskingData, MaskingFeedback, masking_page
from signalbox.web.security.masking.rule_draft import (
    UNNAMED,
    InvalidFields,
    RuleDraft,
    TrialRequest,
    TrialResult,
    lines_of,
    run_trial,
    valid_reason,
)
from signalbox.web.security.navigation import MASKING

AnyRequest = Request[Any, Any, Any]
VIEWS_MAX: Final = 5


@get("/masking", include_in_schema=False, dependencies=MASKING_ADMIN)
async def masking_rules(
    request: AnyRequest, admin: NamedDependency[MaskingAdmin], done: FromQuery[str] = ""
) -> Response[Any]:
    return await _respond(request, admin, MaskingFeedback(done=words.CONFIRMATIONS.get(done, "")))


@get("/masking/rules/{name:str}", include_in_schema=False, dependencies=MASKING_ADMIN)
async def masking_rule(
    request: AnyRequest, admin: NamedDependency[MaskingAdmin], name: FromPath[str], done: FromQuery[str] = ""
) -> Response[Any]:
    feedback = MaskingFeedback(done=words.CONFIRMATIONS.get(done, ""))
    return await _respond(request, admin, feedback, admin.rule(name))


@get(["/masking/trial", "/masking/rules"], include_in_schema=False, sync_to_thread=False)
def redirect_to_rules() -> Redirect:
    """Redirect a reload of a page that was the response to a form."""
    return Redirect(urls.masking())


@get("/masking/rules/{name:str}/move", include_in_schema=False, sync_to_thread=False)
def redirect_to_rule(name: FromPath[str]) -> Redirect:
    return Redirect(urls.masking("rules", name))


@post(
    "/masking/trial",
    include_in_schema=False,
    dependencies=MASKING_ADMIN,
    opt=WRITABLE_IN_READ_ONLY,
    status_code=200,
    request_max_body_size=REQUEST_BYTES_MAX,
)
async def try_masking_rule(request: AnyRequest, admin: NamedDependency[MaskingAdmin]) -> Response[Any]:
    """Show the masked sample, without a redirect: the sample is in this response only."""
    form = await parse_form(request, RuleForm)
    try:
        result = await asyncio.to_thread(_run_trial, admin, form)
    except InvalidFields as invalid:
        return await _respond(request, admin, MaskingFeedback(form=form, faults=invalid.faults), status=400)
    return await _respond(request, admin, MaskingFeedback(form=form, result=result))


@post(
    "/masking/rules",
    include_in_schema=False,
    dependencies=MASKING_ADMIN,
    status_code=303,
    request_max_body_size=REQUEST_BYTES_MAX,
)
async def add_masking_rule(request: AnyRequest, admin: NamedDependency[MaskingAdmin]) -> Response[Any]:
    form = await parse_form(request, RuleForm)
    result, faults = await asyncio.to_thread(_validate, admin, form)
    if faults:
        feedback = MaskingFeedback(form=form, faults=faults, result=result)
        return await _respond(request, admin, feedback, status=400)
    rule = _draft(form, form.name).rule()
    try:
        await audit_actions.add_rule(admin, rule, form.reason)
    except RequestRejected as refused:
        feedback = MaskingFeedback(form=form, fault=str(refused), result=result)
        return await _respond(request, admin, feedback, status=409)
    return Redirect(urls.masking("rules", rule.name, done="added"), status_code=303)


@post("/masking/rules/{name:str}/move", include_in_schema=False, dependencies=MASKING_ADMIN, status_code=303)
async def move_masking_rule(
    request: AnyRequest, admin: NamedDependency[MaskingAdmin], name: FromPath[str]
) -> Response[Any]:
    form = await parse_form(request, MoveForm)
    rule = admin.rule(name)
    try:
        await audit_actions.move_rule(admin, name, form.number, form.reason)
    except InvalidFields as invalid:
        feedback = MaskingFeedback(move_fault=invalid.faults["reason"], move_reason=form.reason)
        return await _respond(request, admin, feedback, rule, status=400)
    except RequestRejected as refused:
        feedback = MaskingFeedback(fault=str(refused), move_reason=form.reason)
        return await _respond(request, admin, feedback, rule, status=409)
    return Redirect(urls.masking("rules", name, done="moved"), status_code=303)


@get("/masking/rules/{name:str}/remove", include_in_schema=False, dependencies=MASKING_ADMIN)
async def confirm_remove_masking_rule(
    request: AnyRequest, admin: NamedDependency[MaskingAdmin], name: FromPath[str]
) -> Response[Any]:
    return _confirm_remove(request, admin, admin.rule(name))


@post("/masking/rules/{name:str}/remove", include_in_schema=False, dependencies=MASKING_ADMIN, status_code=303)
async def remove_masking_rule(
    request: AnyRequest, admin: NamedDependency[MaskingAdmin], name: FromPath[str]
) -> Response[Any]:
    form = await parse_form(request, RemoveForm)
    listed = admin.rule(name)
    try:
        await audit_actions.remove_rule(admin, name, form.reason)
    except InvalidFields as invalid:
        fault = invalid.faults["reason"]
        return _confirm_remove(request, admin, listed, fault=fault, reason=form.reason, status=400)
    except RequestRejected as refused:
        return _confirm_remove(request, admin, listed, fault=str(refused), reason=form.reason, status=409)
    return Redirect(urls.masking(done="removed"), status_code=303)


def _draft(form: RuleForm, name: str) -> RuleDraft:
    return RuleDraft(
        name=name,
        destinations=lines_of(form.destinations) or ("*",),
        types=lines_of(form.types) or ("*",),
        what=lines_of(form.what),
        how=form.how,
    )


def _run_trial(admin: MaskingAdmin, form: RuleForm) -> TrialResult:
    draft = _draft(form, UNNAMED) if form.what.strip() else None
    request = TrialRequest(
        sample=form.sample, source=form.source, kind=form.kind or None, draft=draft, only=form.only == "yes"
    )
    return run_trial(admin, request)


def _validate(admin: MaskingAdmin, form: RuleForm) -> tuple[TrialResult | None, dict[str, str]]:
    """Return the result of the test, and every fault that prevents adding the rule."""
    faults: dict[str, str] = {}
    result: TrialResult | None = None
    try:
        result = _run_trial(admin, form)
    except InvalidFields as invalid:
        faults.update(invalid.faults)
    for check in (_draft(form, form.name).rule, partial(valid_reason, form.reason)):
        try:
            check()
        except InvalidFields as invalid:
            faults.update(invalid.faults)
    return result, faults


def _confirm_remove(
    request: AnyRequest,
    admin: MaskingAdmin,
    listed: ListedRule,
    *,
    fault: str = "",
    reason: str = "",
    status: int = 200,
) -> Response[bytes]:
    name = listed.rule.name
    fields = words.few(map(words.field_text, listed.rule.what))
    exposed = f"Anyone who can view messages of {words.scope(listed.rule)} sees {fields} unmasked from now on"
    context = ConfirmPage(
        question=f"Remove the masking rule “{name}”?",
        effects=(
            f"{exposed}, unless another rule masks it. This includes messages that are already on the broker.",
            "The audit log records who removed the rule and why.",
        ),
        action=urls.masking("rules", name, "remove"),
        button="Remove rule",
        cancel="Cancel",
        cancel_href=urls.masking("rules", name),
        undo="To undo, add the rule again. Data viewed in the meantime cannot be hidden again.",
        asks_reason=True,
        fault=fault,
        reason=reason,
    )
    crumbs = (Crumb("Masking", urls.masking()), Crumb(name, urls.masking("rules", name)))
    return confirm(request, admin.door, context, section=MASKING, crumbs=crumbs, status=status)


async def _respond(
    request: AnyRequest,
    admin: MaskingAdmin,
    feedback: MaskingFeedback,
    selected: ListedRule | None = None,
    *,
    status: int = 200,
) -> Response[Any]:
    context = masking_page(admin, await _data(admin, selected, renderer_of(request).clock()), feedback)
    name = selected.rule.name if selected else None
    return page(
        request,
        "security/masking/index.html",
        context,
        title=name or "Masking",
        section=MASKING,
        crumbs=(Crumb("Masking", urls.masking()), Crumb(name)) if name else (),
        status=status,
    )


async def _data(admin: MaskingAdmin, selected: ListedRule | None, now: float) -> MaskingData:
    day_ago = round((now - figures.DAY_S) * 1e6)
    requested = await admin.audit.count(AuditFilter(action=VIEW_PAYLOAD, since_us=day_ago))
    refused = await admin.audit.count(AuditFilter(action=VIEW_PAYLOAD, since_us=day_ago, outcome=Outcome.REFUSED))
    views = await admin.audit.page(AuditFilter(action=VIEW_PAYLOAD), limit=VIEWS_MAX)
    rules = admin.masking.rules()
    return MaskingData(
        rules=rules,
        selected=next((listed for listed in rules if selected and listed.rule == selected.rule), None),
        users=[user.rights for user in await admin.accounts.users.list_all()],
        views=views.entries,
        view_count=words.allowed_views(requested, refused),
        now=now,
    )


PAGES = (
    masking_rules,
    masking_rule,
    redirect_to_rules,
    redirect_to_rule,
    try_masking_rule,
    add_masking_rule,
    move_masking_rule,
    confirm_remove_masking_rule,
    remove_masking_rule,
)

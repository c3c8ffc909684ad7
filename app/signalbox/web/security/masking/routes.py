"""The page Masking, for admins everywhere. Every form is a POST; what is refused is said on the same page."""

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
from signalbox.web.access import OWN
from signalbox.web.rendering import Crumb, page, renderer_of
from signalbox.web.security import urls
from signalbox.web.security.forms import sent
from signalbox.web.security.masking import deeds, words
from signalbox.web.security.masking.desk import DESK, Desk
from signalbox.web.security.masking.drafts import UNNAMED, Asked, Draft, Faulty, Tried, lines_of, reason_from, tried
from signalbox.web.security.masking.page import DONE, Facts, Said, masking_page
from signalbox.web.security.masking.sent import REQUEST_BYTES_MAX, Move, Remove, RuleForm
from signalbox.web.security.navigation import MASKING
from signalbox.web.security.question import QuestionPage, ask

Asking = Request[Any, Any, Any]
LOOKS_SHOWN: Final = 5


@get("/masking", include_in_schema=False, dependencies=DESK)
async def masking_rules(request: Asking, desk: NamedDependency[Desk], done: FromQuery[str] = "") -> Response[Any]:
    return await _drawn(request, desk, Said(done=DONE.get(done, "")))


@get("/masking/rules/{name:str}", include_in_schema=False, dependencies=DESK)
async def masking_rule(
    request: Asking, desk: NamedDependency[Desk], name: FromPath[str], done: FromQuery[str] = ""
) -> Response[Any]:
    return await _drawn(request, desk, Said(done=DONE.get(done, "")), desk.rule(name))


@get(["/masking/trial", "/masking/rules"], include_in_schema=False, sync_to_thread=False)
def back() -> Redirect:
    """Lead back who loads again what was the answer to a form."""
    return Redirect(urls.masking())


@get("/masking/rules/{name:str}/move", include_in_schema=False, sync_to_thread=False)
def back_to_rule(name: FromPath[str]) -> Redirect:
    return Redirect(urls.masking("rules", name))


@post(
    "/masking/trial",
    include_in_schema=False,
    dependencies=DESK,
    opt=OWN,
    status_code=200,
    request_max_body_size=REQUEST_BYTES_MAX,
)
async def try_masking_rule(request: Asking, desk: NamedDependency[Desk]) -> Response[Any]:
    """Answer with what others would see of the sample. It is there in this answer and nowhere else."""
    form = await sent(request, RuleForm)
    try:
        found = await asyncio.to_thread(_tried, desk, form)
    except Faulty as faulty:
        return await _drawn(request, desk, Said(form=form, faults=faulty.faults), status=400)
    return await _drawn(request, desk, Said(form=form, tried=found))


@post(
    "/masking/rules",
    include_in_schema=False,
    dependencies=DESK,
    status_code=303,
    request_max_body_size=REQUEST_BYTES_MAX,
)
async def add_masking_rule(request: Asking, desk: NamedDependency[Desk]) -> Response[Any]:
    form = await sent(request, RuleForm)
    found, faults = await asyncio.to_thread(_faults, desk, form)
    if faults:
        return await _drawn(request, desk, Said(form=form, faults=faults, tried=found), status=400)
    rule = _draft(form, form.name).rule()
    try:
        await deeds.add(desk, rule, form.reason)
    except RequestRejected as refused:
        return await _drawn(request, desk, Said(form=form, fault=str(refused), tried=found), status=409)
    return Redirect(urls.masking("rules", rule.name, done="added"), status_code=303)


@post("/masking/rules/{name:str}/move", include_in_schema=False, dependencies=DESK, status_code=303)
async def move_masking_rule(request: Asking, desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    form = await sent(request, Move)
    rule = desk.rule(name)
    try:
        await deeds.move(desk, name, form.number, form.reason)
    except Faulty as faulty:
        said = Said(move_fault=faulty.faults["reason"], move_reason=form.reason)
        return await _drawn(request, desk, said, rule, status=400)
    except RequestRejected as refused:
        return await _drawn(request, desk, Said(fault=str(refused), move_reason=form.reason), rule, status=409)
    return Redirect(urls.masking("rules", name, done="moved"), status_code=303)


@get("/masking/rules/{name:str}/remove", include_in_schema=False, dependencies=DESK)
async def ask_remove_masking_rule(request: Asking, desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    return _ask(request, desk, desk.rule(name))


@post("/masking/rules/{name:str}/remove", include_in_schema=False, dependencies=DESK, status_code=303)
async def remove_masking_rule(request: Asking, desk: NamedDependency[Desk], name: FromPath[str]) -> Response[Any]:
    form = await sent(request, Remove)
    rule = desk.rule(name)
    try:
        await deeds.remove(desk, name, form.reason)
    except Faulty as faulty:
        return _ask(request, desk, rule, fault=faulty.faults["reason"], typed=form.reason, status=400)
    except RequestRejected as refused:
        return _ask(request, desk, rule, fault=str(refused), typed=form.reason, status=409)
    return Redirect(urls.masking(done="removed"), status_code=303)


def _draft(form: RuleForm, name: str) -> Draft:
    return Draft(
        name=name,
        destinations=lines_of(form.destinations) or ("*",),
        types=lines_of(form.types) or ("*",),
        what=lines_of(form.what),
        how=form.how,
    )


def _tried(desk: Desk, form: RuleForm) -> Tried:
    draft = _draft(form, UNNAMED) if form.what.strip() else None
    asked = Asked(sample=form.sample, source=form.source, kind=form.kind or None, draft=draft, only=form.only == "yes")
    return tried(desk, asked)


def _faults(desk: Desk, form: RuleForm) -> tuple[Tried | None, dict[str, str]]:
    """Return what the rule would do, and everything that keeps it from being added."""
    faults: dict[str, str] = {}
    found: Tried | None = None
    try:
        found = _tried(desk, form)
    except Faulty as faulty:
        faults.update(faulty.faults)
    for check in (_draft(form, form.name).rule, partial(reason_from, form.reason)):
        try:
            check()
        except Faulty as faulty:
            faults.update(faulty.faults)
    return found, faults


def _ask(
    request: Asking, desk: Desk, one: ListedRule, *, fault: str = "", typed: str = "", status: int = 200
) -> Response[bytes]:
    name = one.rule.name
    masked = words.few(map(words.told, one.rule.what))
    sees = f"Everybody who may look at messages of {words.where(one.rule)} sees {masked} as it is from now on"
    question = QuestionPage(
        question=f"Remove the masking rule {name}?",
        happens=(
            f"{sees}, unless another rule masks it; also in what is stored already.",
            "The audit log keeps who removed it and why.",
        ),
        action=urls.masking("rules", name, "remove"),
        button=f"Remove {name}",
        keep="Keep it",
        keep_href=urls.masking("rules", name),
        after="Add it again to undo it; what was seen meanwhile stays seen.",
        reason=True,
        fault=fault,
        typed=typed,
    )
    crumbs = (Crumb("Masking", urls.masking()), Crumb(name, urls.masking("rules", name)))
    return ask(request, desk.door, question, section=MASKING, crumbs=crumbs, status=status)


async def _drawn(
    request: Asking, desk: Desk, said: Said, selected: ListedRule | None = None, *, status: int = 200
) -> Response[Any]:
    context = masking_page(desk, await _facts(desk, selected, renderer_of(request).clock()), said)
    name = selected.rule.name if selected else None
    return page(
        request,
        "security/masking.html",
        context,
        title=name or "Masking",
        section=MASKING,
        crumbs=(Crumb("Masking", urls.masking()), Crumb(name)) if name else (),
        status=status,
    )


async def _facts(desk: Desk, selected: ListedRule | None, now: float) -> Facts:
    day = round((now - figures.DAY_S) * 1e6)
    asked = await desk.audit.count(AuditFilter(action=VIEW_PAYLOAD, since_us=day))
    refused = await desk.audit.count(AuditFilter(action=VIEW_PAYLOAD, since_us=day, outcome=Outcome.REFUSED))
    looks = await desk.audit.page(AuditFilter(action=VIEW_PAYLOAD), limit=LOOKS_SHOWN)
    rules = desk.masking.rules()
    return Facts(
        rules=rules,
        selected=next((one for one in rules if selected and one.rule == selected.rule), None),
        users=[user.rights for user in await desk.accounts.users.list_all()],
        looks=looks.entries,
        looked=words.looks_done(asked, refused),
        now=now,
    )


PAGES = (
    masking_rules,
    masking_rule,
    back,
    back_to_rule,
    try_masking_rule,
    add_masking_rule,
    move_masking_rule,
    ask_remove_masking_rule,
    remove_masking_rule,
)

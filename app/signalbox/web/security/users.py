"""The page of users, for admins everywhere. Every form is a POST; what is refused is said on the same page."""

from dataclasses import replace
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from signalbox.security.accounts import actions
from signalbox.security.accounts.model import SignInMethod, Token, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web.errors import NotThere
from signalbox.web.rendering import Crumb, Part, page, renderer_of
from signalbox.web.security import deeds, questions, urls
from signalbox.web.security.done import done as told
from signalbox.web.security.forms import Invite, Remove, sent
from signalbox.web.security.grants import resources_of, rights_from
from signalbox.web.security.navigation import USERS
from signalbox.web.security.question import QuestionPage, ask
from signalbox.web.security.users_list import users_asked
from signalbox.web.security.users_page import Facts, MadeLink, UsersSaid, users_page
from signalbox.web.security.who import OFFICE, Office

Asking = Request[Any, Any, Any]


@get("/users", include_in_schema=False, dependencies=OFFICE)
async def all_users(request: Asking, office: NamedDependency[Office], done: FromQuery[str] = "") -> Response[Any]:
    return await _drawn(request, office, None, UsersSaid(done=told(done)))


@get("/users/{name:str}", include_in_schema=False, dependencies=OFFICE)
async def one_user(
    request: Asking, office: NamedDependency[Office], name: FromPath[str], done: FromQuery[str] = ""
) -> Response[Any]:
    return await _drawn(request, office, name, UsersSaid(done=told(done)))


@get(
    [f"/users/{{name:str}}/{form}" for form in ("roles", "link", "sessions", "unlock")],
    include_in_schema=False,
    sync_to_thread=False,
)
def back(name: FromPath[str]) -> Redirect:
    """Lead back who loads again what was the answer to a form."""
    return Redirect(urls.users(name))


@post("/users", include_in_schema=False, dependencies=OFFICE, status_code=200)
async def invite(request: Asking, office: NamedDependency[Office]) -> Response[Any]:
    """Answer with the one-time link itself: it stands nowhere a second time."""
    data = await sent(request, Invite)
    try:
        link = await deeds.invite(office, data)
    except RequestRejected as refused:
        return await _drawn(request, office, None, UsersSaid(invite_fault=str(refused), typed=data), status=409)
    return await _drawn(request, office, None, UsersSaid(made=MadeLink(data.name.strip().lower(), link)))


@post("/users/{name:str}/link", include_in_schema=False, dependencies=OFFICE, status_code=200)
async def make_link(request: Asking, office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    try:
        link = await deeds.make_link(office, await _named(office, name))
    except RequestRejected as refused:
        return await _drawn(request, office, name, UsersSaid(fault=str(refused)), status=409)
    return await _drawn(request, office, name, UsersSaid(made=MadeLink(name, link)))


@post("/users/{name:str}/roles", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def set_roles(
    request: Asking,
    office: NamedDependency[Office],
    name: FromPath[str],
) -> Response[Any]:
    user, data = await _named(office, name), await sent(request, dict[str, str])
    reason = data.get("reason", "")[:REASON_LENGTH_MAX]
    rights = None
    try:
        rights = rights_from(data, resources_of(office.resources, user.rights))
        await deeds.set_rights(office, user, rights, reason)
    except RequestRejected as refused:
        kept = UsersSaid(roles_fault=str(refused), typed_rights=rights, typed_reason=reason)
        return await _drawn(request, office, name, kept, status=409)
    return Redirect(urls.users(name, done="roles"), status_code=303)


@post("/users/{name:str}/unlock", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def unlock(office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    user = await _named(office, name)
    limits = office.accounts.limits
    await office.door.act(office.actor, actions.unlock_user(user.name), lambda permit: limits.unlock(permit, user.name))
    return Redirect(urls.users(name, done="unlocked"), status_code=303)


@post("/users/{name:str}/sessions", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def end_sessions(office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    user = await _named(office, name)
    action = actions.end_sessions(user.name)
    await office.door.act(office.actor, action, lambda permit: office.accounts.sessions.end_all(permit, user.id))
    return Redirect(urls.users(name, done="sessions"), status_code=303)


@get("/users/{name:str}/withdraw", include_in_schema=False, dependencies=OFFICE)
async def ask_withdraw(request: Asking, office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    return _ask(request, office, questions.withdraw(await _named(office, name)))


@post("/users/{name:str}/withdraw", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def withdraw(office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    user = await _named(office, name)
    action = actions.revoke_link(user.name)
    await office.door.act(office.actor, action, lambda permit: office.accounts.users.revoke_link(permit, user))
    stays = user.sign_in_method is not SignInMethod.LINK
    return Redirect(urls.users(*([name] if stays else []), done="withdrawn"), status_code=303)


@get("/users/{name:str}/remove", include_in_schema=False, dependencies=OFFICE)
async def ask_remove(request: Asking, office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    user = await _named(office, name)
    return _ask(request, office, questions.remove(user, await _sessions_of(office, user)))


@post("/users/{name:str}/remove", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def remove(request: Asking, office: NamedDependency[Office], name: FromPath[str]) -> Response[Any]:
    user, data = await _named(office, name), await sent(request, Remove)
    try:
        await deeds.remove_user(office, user, data.reason)
    except RequestRejected as refused:
        asked = questions.remove(user, await _sessions_of(office, user))
        return _ask(request, office, replace(asked, fault=str(refused), typed=data.reason), status=409)
    return Redirect(urls.users(done="removed"), status_code=303)


@get("/users/{name:str}/tokens/{token:int}/revoke", include_in_schema=False, dependencies=OFFICE)
async def ask_revoke_token(
    request: Asking, office: NamedDependency[Office], name: FromPath[str], token: FromPath[int]
) -> Response[Any]:
    found = await _token(office, name, token)
    action = urls.users(name, "tokens", str(token), "revoke")
    return _ask(request, office, questions.revoke_token(found, action, urls.users(name)))


@post("/users/{name:str}/tokens/{token:int}/revoke", include_in_schema=False, dependencies=OFFICE, status_code=303)
async def revoke_token(office: NamedDependency[Office], name: FromPath[str], token: FromPath[int]) -> Response[Any]:
    await deeds.revoke_token(office, await _token(office, name, token))
    return Redirect(urls.users(name, done="token"), status_code=303)


async def _named(office: Office, name: str) -> User:
    try:
        return await office.accounts.users.get_by_name(name)
    except RequestRejected as refused:
        raise NotThere(str(refused), "It may have been removed.") from None


async def _token(office: Office, name: str, token: int) -> Token:
    user = await _named(office, name)
    try:
        return await office.accounts.tokens.get(token, user.id)
    except RequestRejected:
        raise NotThere(f"{name} has no such token.", "It may have ended, or be revoked already.") from None


async def _sessions_of(office: Office, user: User) -> int:
    return len(await office.accounts.sessions.list_for(user.id))


def _ask(request: Asking, office: Office, question: QuestionPage, *, status: int = 200) -> Response[bytes]:
    crumbs = (Crumb("Users", urls.users()),)
    return ask(request, office.door, question, section=USERS, crumbs=crumbs, status=status)


async def _drawn(
    request: Asking, office: Office, name: str | None, said: UsersSaid, *, status: int = 200
) -> Response[Any]:
    wanted = users_asked(request.query_params)
    facts = await _facts(office, name)
    context = users_page(office, facts, wanted, renderer_of(request).clock(), said)
    crumbs = (Crumb("Users", urls.users()), Crumb(name)) if name else ()
    part = Part("security/_users.html", "it", context.list)
    answer = page(
        request,
        "security/users.html",
        context,
        title=name or "Users",
        section=USERS,
        crumbs=crumbs,
        part=part,
        status=status,
    )
    answer.headers["HX-Push-Url"] = context.list.address
    return answer


async def _facts(office: Office, name: str | None) -> Facts:
    users = await office.accounts.users.list_all()
    if name is None:
        return Facts(users=users, selected=None)
    selected = next((user for user in users if user.name == name), None)
    if selected is None:
        raise NotThere(f"There is no user {name}.", "It may have been removed.")
    return Facts(
        users=users,
        selected=selected,
        sessions=await _sessions_of(office, selected),
        tokens=await office.accounts.tokens.list_all(selected.id),
    )


PAGES = (
    all_users,
    one_user,
    back,
    invite,
    make_link,
    set_roles,
    unlock,
    end_sessions,
    ask_withdraw,
    withdraw,
    ask_remove,
    remove,
    ask_revoke_token,
    revoke_token,
)

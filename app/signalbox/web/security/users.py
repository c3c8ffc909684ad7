"""The users page, for admins everywhere."""

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
from signalbox.web.errors import NotFound
from signalbox.web.rendering import Crumb, Part, page, renderer_of
from signalbox.web.security import audit_actions, confirm_page, urls
from signalbox.web.security.confirm_page import ConfirmPage
from signalbox.web.security.dependencies import USER_ADMIN, UserAdmin
from signalbox.web.security.forms import InviteForm, RemoveForm, parse_form
from signalbox.web.security.navigation import USERS
from signalbox.web.security.role_table import resource_names, rights_from_form
from signalbox.web.security.users_list import parse_query
from signalbox.web.security.users_page import CreatedLink, UsersData, UsersFeedback, users_page
from signalbox.web.security.words import confirmation

AnyRequest = Request[Any, Any, Any]


@get("/users", include_in_schema=False, dependencies=USER_ADMIN)
async def users(request: AnyRequest, admin: NamedDependency[UserAdmin], done: FromQuery[str] = "") -> Response[Any]:
    return await _respond(request, admin, None, UsersFeedback(done=confirmation(done)))


@get("/users/{name:str}", include_in_schema=False, dependencies=USER_ADMIN)
async def user(
    request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str], done: FromQuery[str] = ""
) -> Response[Any]:
    return await _respond(request, admin, name, UsersFeedback(done=confirmation(done)))


@get(
    [f"/users/{{name:str}}/{form}" for form in ("roles", "link", "sessions", "unlock")],
    include_in_schema=False,
    sync_to_thread=False,
)
def redirect_to_user(name: FromPath[str]) -> Redirect:
    """Redirect a reload of a page that was the response to a form."""
    return Redirect(urls.users(name))


@post("/users", include_in_schema=False, dependencies=USER_ADMIN, status_code=200)
async def invite(request: AnyRequest, admin: NamedDependency[UserAdmin]) -> Response[Any]:
    """Show the one-time link once, without a redirect: its secret must not be in a URL."""
    form = await parse_form(request, InviteForm)
    try:
        link = await audit_actions.invite(admin, form)
    except RequestRejected as refused:
        feedback = UsersFeedback(invite_fault=str(refused), invite_form=form)
        return await _respond(request, admin, None, feedback, status=409)
    return await _respond(request, admin, None, UsersFeedback(created=CreatedLink(form.name.strip().lower(), link)))


@post("/users/{name:str}/link", include_in_schema=False, dependencies=USER_ADMIN, status_code=200)
async def create_link(request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    try:
        link = await audit_actions.create_link(admin, await _user(admin, name))
    except RequestRejected as refused:
        return await _respond(request, admin, name, UsersFeedback(fault=str(refused)), status=409)
    return await _respond(request, admin, name, UsersFeedback(created=CreatedLink(name, link)))


@post("/users/{name:str}/roles", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def set_roles(request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    user, form = await _user(admin, name), await parse_form(request, dict[str, str])
    reason = form.get("reason", "")[:REASON_LENGTH_MAX]
    rights = None
    try:
        rights = rights_from_form(form, resource_names(admin.resources, user.rights))
        await audit_actions.set_rights(admin, user, rights, reason)
    except RequestRejected as refused:
        feedback = UsersFeedback(roles_fault=str(refused), rights=rights, reason=reason)
        return await _respond(request, admin, name, feedback, status=409)
    return Redirect(urls.users(name, done="roles"), status_code=303)


@post("/users/{name:str}/unlock", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def unlock(admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    user = await _user(admin, name)
    limits = admin.accounts.limits
    await admin.door.act(admin.actor, actions.unlock_user(user.name), lambda permit: limits.unlock(permit, user.name))
    return Redirect(urls.users(name, done="unlocked"), status_code=303)


@post("/users/{name:str}/sessions", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def end_sessions(admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    user = await _user(admin, name)
    action = actions.end_sessions(user.name)
    await admin.door.act(admin.actor, action, lambda permit: admin.accounts.sessions.end_all(permit, user.id))
    return Redirect(urls.users(name, done="sessions"), status_code=303)


@get("/users/{name:str}/withdraw", include_in_schema=False, dependencies=USER_ADMIN)
async def confirm_revoke_link(
    request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]
) -> Response[Any]:
    return _confirm(request, admin, confirm_page.revoke_link(await _user(admin, name)))


@post("/users/{name:str}/withdraw", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def revoke_link(admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    user = await _user(admin, name)
    action = actions.revoke_link(user.name)
    await admin.door.act(admin.actor, action, lambda permit: admin.accounts.users.revoke_link(permit, user))
    is_removed = user.sign_in_method is SignInMethod.LINK
    return Redirect(urls.users(*([] if is_removed else [name]), done="withdrawn"), status_code=303)


@get("/users/{name:str}/remove", include_in_schema=False, dependencies=USER_ADMIN)
async def confirm_remove_user(
    request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]
) -> Response[Any]:
    user = await _user(admin, name)
    return _confirm(request, admin, confirm_page.remove_user(user, await _session_count(admin, user)))


@post("/users/{name:str}/remove", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def remove_user(request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]) -> Response[Any]:
    user, form = await _user(admin, name), await parse_form(request, RemoveForm)
    try:
        await audit_actions.remove_user(admin, user, form.reason)
    except RequestRejected as refused:
        context = confirm_page.remove_user(user, await _session_count(admin, user))
        return _confirm(request, admin, replace(context, fault=str(refused), reason=form.reason), status=409)
    return Redirect(urls.users(done="removed"), status_code=303)


@get("/users/{name:str}/tokens/{token:int}/revoke", include_in_schema=False, dependencies=USER_ADMIN)
async def confirm_revoke_users_token(
    request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str], token: FromPath[int]
) -> Response[Any]:
    action = urls.users(name, "tokens", str(token), "revoke")
    context = confirm_page.revoke_token(await _token(admin, name, token), action, urls.users(name))
    return _confirm(request, admin, context)


@post("/users/{name:str}/tokens/{token:int}/revoke", include_in_schema=False, dependencies=USER_ADMIN, status_code=303)
async def revoke_users_token(
    admin: NamedDependency[UserAdmin], name: FromPath[str], token: FromPath[int]
) -> Response[Any]:
    await audit_actions.revoke_token(admin, await _token(admin, name, token))
    return Redirect(urls.users(name, done="token"), status_code=303)


async def _user(admin: UserAdmin, name: str) -> User:
    try:
        return await admin.accounts.users.get_by_name(name)
    except RequestRejected as refused:
        raise NotFound(str(refused), "The user may have been removed.") from None


async def _token(admin: UserAdmin, name: str, token: int) -> Token:
    user = await _user(admin, name)
    try:
        return await admin.accounts.tokens.get(token, user.id)
    except RequestRejected:
        raise NotFound(f"{name} has no such token.", "The token may have expired or been revoked.") from None


async def _session_count(admin: UserAdmin, user: User) -> int:
    return len(await admin.accounts.sessions.list_for(user.id))


def _confirm(request: AnyRequest, admin: UserAdmin, context: ConfirmPage, *, status: int = 200) -> Response[bytes]:
    crumbs = (Crumb("Users", urls.users()),)
    return confirm_page.confirm(request, admin.door, context, section=USERS, crumbs=crumbs, status=status)


async def _respond(
    request: AnyRequest, admin: UserAdmin, name: str | None, feedback: UsersFeedback, *, status: int = 200
) -> Response[Any]:
    query = parse_query(request.query_params)
    context = users_page(admin, await _data(admin, name), query, renderer_of(request).clock(), feedback)
    response = page(
        request,
        "security/users/index.html",
        context,
        title=name or "Users",
        section=USERS,
        crumbs=(Crumb("Users", urls.users()), Crumb(name)) if name else (),
        part=Part("security/users/_list.html", "users_list", context.list),
        status=status,
    )
    response.headers["HX-Push-Url"] = context.list.address
    return response


async def _data(admin: UserAdmin, name: str | None) -> UsersData:
    users = await admin.accounts.users.list_all()
    if name is None:
        return UsersData(users=users, selected=None)
    selected = next((user for user in users if user.name == name), None)
    if selected is None:
        raise NotFound(f"There is no user {name}.", "The user may have been removed.")
    return UsersData(
        users=users,
        selected=selected,
        sessions=await _session_count(admin, selected),
        tokens=await admin.accounts.tokens.list_all(selected.id),
    )


PAGES = (
    users,
    user,
    redirect_to_user,
    invite,
    create_link,
    set_roles,
    unlock,
    end_sessions,
    confirm_revoke_link,
    revoke_link,
    confirm_remove_user,
    remove_user,
    confirm_revoke_users_token,
    revoke_users_token,
)

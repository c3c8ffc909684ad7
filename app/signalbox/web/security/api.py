"""/api/v1 of accounts: users for admins; tokens and sessions for the signed-in user."""

from typing import Annotated, Any

from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from signalbox.security.accounts.model import LINK_LIFETIME_S, Token, User, token_hint
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web import urls
from signalbox.web.access import WRITABLE_IN_READ_ONLY
from signalbox.web.errors import NotFound, problems
from signalbox.web.rendering import renderer_of
from signalbox.web.security import audit_actions, schemas, serializers
from signalbox.web.security.dependencies import CURRENT_USER, USER_ADMIN, CurrentUser, UserAdmin
from signalbox.web.security.forms import InviteForm, NewTokenForm

AnyRequest = Request[Any, Any, Any]
TAGS = ["accounts"]


@get(f"{urls.API}/users", tags=TAGS, dependencies=USER_ADMIN, responses=problems(403), summary="List users by name")
async def api_users(
    request: AnyRequest,
    admin: NamedDependency[UserAdmin],
    q: Annotated[str, QueryParameter(description="A part of the name.", max_length=300)] = "",
) -> list[schemas.UserOut]:
    now = renderer_of(request).clock()
    users = await admin.accounts.users.list_all()
    return [serializers.user_out(user, now) for user in users if q.casefold() in user.name]


@get(
    f"{urls.API}/users/{{name:str}}",
    tags=TAGS,
    dependencies=USER_ADMIN,
    responses=problems(403, 404),
    summary="Get a user",
)
async def api_user(request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str]) -> schemas.UserOut:
    return serializers.user_out(await _user(admin, name), renderer_of(request).clock())


@post(
    f"{urls.API}/users",
    tags=TAGS,
    dependencies=USER_ADMIN,
    responses=problems(403, 409),
    summary="Invite a user: create the user, and a one-time link that sets the password",
)
async def api_invite(
    request: AnyRequest, admin: NamedDependency[UserAdmin], data: JSONBody[schemas.UserIn]
) -> schemas.InvitationOut:
    expires_at = renderer_of(request).clock() + LINK_LIFETIME_S
    form = InviteForm(name=data.name, role=data.role, on=data.resource or "", payloads=data.payloads)
    link = await audit_actions.invite(admin, form)
    return schemas.InvitationOut(name=data.name.strip().lower(), link=link, expires_at=expires_at)


@patch(
    f"{urls.API}/users/{{name:str}}",
    tags=TAGS,
    dependencies=USER_ADMIN,
    responses=problems(403, 404, 409),
    summary="Change a user's roles and permissions; this ends the user's sessions",
)
async def api_change_user(
    request: AnyRequest, admin: NamedDependency[UserAdmin], name: FromPath[str], data: JSONBody[schemas.UserPatch]
) -> schemas.UserOut:
    user = await _user(admin, name)
    rights = serializers.patched_rights(user.rights, data, admin.resources)
    await audit_actions.set_rights(admin, user, rights, data.reason)
    return serializers.user_out(await _user(admin, name), renderer_of(request).clock())


@delete(
    f"{urls.API}/users/{{name:str}}",
    tags=TAGS,
    dependencies=USER_ADMIN,
    responses=problems(403, 404, 409),
    summary="Remove a user with all sessions, tokens and links",
)
async def api_remove_user(
    admin: NamedDependency[UserAdmin],
    name: FromPath[str],
    reason: Annotated[str, QueryParameter(description="Recorded in the audit log.", max_length=REASON_LENGTH_MAX)] = "",
) -> None:
    await audit_actions.remove_user(admin, await _user(admin, name), reason)


@get(
    f"{urls.API}/tokens",
    tags=TAGS,
    dependencies=CURRENT_USER,
    responses=problems(403, 404),
    summary="List your API tokens; admins can list another user's with `user`",
)
async def api_tokens(
    current: NamedDependency[CurrentUser],
    user: Annotated[
        str | None, QueryParameter(description="A user's name. Requires the admin role everywhere.", max_length=100)
    ] = None,
) -> list[schemas.TokenOut]:
    owner = current.user if user is None else await _other_user(current, user)
    return [serializers.token_out(token) for token in await current.accounts.tokens.list_all(owner.id)]


@post(
    f"{urls.API}/tokens",
    tags=TAGS,
    dependencies=CURRENT_USER,
    responses=problems(403, 409),
    summary="Create an API token of your own; not possible with a token",
)
async def api_create_token(
    current: NamedDependency[CurrentUser], data: JSONBody[schemas.TokenIn]
) -> schemas.CreatedTokenOut:
    form = NewTokenForm(name=data.name, days=data.days, role=data.role, on=data.resource or "", payloads=data.payloads)
    secret = await audit_actions.create_token(current, form)
    tokens = await current.accounts.tokens.list_all(current.user.id)
    created = next(token for token in reversed(tokens) if token.hint == token_hint(secret))
    return schemas.CreatedTokenOut(secret=secret, token=serializers.token_out(created))


@delete(
    f"{urls.API}/tokens/{{token:int}}",
    tags=TAGS,
    dependencies=CURRENT_USER,
    responses=problems(403, 404),
    summary="Revoke an API token of your own; admins can revoke any token",
)
async def api_revoke_token(current: NamedDependency[CurrentUser], token: FromPath[int]) -> None:
    await audit_actions.revoke_token(current, await _token(current, token))


@get(
    f"{urls.API}/sessions",
    tags=TAGS,
    dependencies=CURRENT_USER,
    responses=problems(),
    summary="List your active sessions",
)
async def api_sessions(current: NamedDependency[CurrentUser]) -> list[schemas.SessionOut]:
    sessions = await current.accounts.sessions.list_for(current.user.id)
    return [serializers.session_out(session, current.actor.session) for session in sessions]


@delete(
    f"{urls.API}/sessions/{{session:int}}",
    tags=TAGS,
    dependencies=CURRENT_USER,
    responses=problems(403, 404),
    opt=WRITABLE_IN_READ_ONLY,
    summary="Sign out one of your own sessions",
)
async def api_end_session(current: NamedDependency[CurrentUser], session: FromPath[int]) -> None:
    if all(own.id != session for own in await current.accounts.sessions.list_for(current.user.id)):
        raise NotFound("You have no such session.", "The session may have ended.")
    await audit_actions.end_own_session(current, session)


async def _user(admin: UserAdmin, name: str) -> User:
    try:
        user = await admin.accounts.users.get_by_name(name)
    except RequestRejected:
        user = None
    if user is None or user.name != name:
        raise NotFound(f"There is no user {name}.", "The user may have been removed.")
    return user


async def _other_user(current: CurrentUser, name: str) -> User:
    if not current.actor.is_admin:
        missing = "the admin role everywhere"
        raise NotPermitted(f"{current.actor.name} cannot list tokens of other users: that requires {missing}.", missing)
    try:
        return await current.accounts.users.get_by_name(name)
    except RequestRejected as refused:
        raise NotFound(str(refused)) from None


async def _token(current: CurrentUser, token: int) -> Token:
    try:
        return await current.accounts.tokens.get(token, None if current.actor.is_admin else current.user.id)
    except RequestRejected as refused:
        raise NotFound(str(refused)) from None


API = (
    api_users,
    api_user,
    api_invite,
    api_change_user,
    api_remove_user,
    api_tokens,
    api_create_token,
    api_revoke_token,
    api_sessions,
    api_end_session,
)

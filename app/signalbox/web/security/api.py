"""/api/v1 of accounts: users for admins everywhere; tokens and sessions for whoever they belong to."""

from typing import Annotated, Any

from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from signalbox.security.accounts.model import LINK_LIFETIME_S, Token, User, token_hint
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web import urls
from signalbox.web.access import OWN
from signalbox.web.errors import NotThere, problems
from signalbox.web.rendering import renderer_of
from signalbox.web.security import answers, deeds
from signalbox.web.security import resources as r
from signalbox.web.security.forms import Invite, NewToken
from signalbox.web.security.who import MINE, OFFICE, Mine, Office

Asking = Request[Any, Any, Any]
TAGS = ["accounts"]


@get(f"{urls.API}/users", tags=TAGS, dependencies=OFFICE, responses=problems(403), summary="All users, by name")
async def users(
    request: Asking,
    office: NamedDependency[Office],
    q: Annotated[str, QueryParameter(description="a part of the name", max_length=300)] = "",
) -> list[r.UserOut]:
    now = renderer_of(request).clock()
    return [answers.user(one, now) for one in await office.accounts.users.list_all() if q.casefold() in one.name]


@get(f"{urls.API}/users/{{name:str}}", tags=TAGS, dependencies=OFFICE, responses=problems(403, 404), summary="One user")
async def one_user(request: Asking, office: NamedDependency[Office], name: FromPath[str]) -> r.UserOut:
    return answers.user(await _named(office, name), renderer_of(request).clock())


@post(
    f"{urls.API}/users",
    tags=TAGS,
    dependencies=OFFICE,
    responses=problems(403, 409),
    summary="Invite somebody: add a user, with a one-time link that sets the password",
)
async def invite(request: Asking, office: NamedDependency[Office], data: JSONBody[r.UserIn]) -> r.InvitationOut:
    ends_at = renderer_of(request).clock() + LINK_LIFETIME_S
    asked = Invite(name=data.name, role=data.role, on=data.on or "", payloads=data.payloads)
    link = await deeds.invite(office, asked)
    return r.InvitationOut(name=data.name.strip().lower(), link=link, ends_at=ends_at)


@patch(
    f"{urls.API}/users/{{name:str}}",
    tags=TAGS,
    dependencies=OFFICE,
    responses=problems(403, 404, 409),
    summary="Change what a user may; their sessions end",
)
async def change_user(
    request: Asking, office: NamedDependency[Office], name: FromPath[str], data: JSONBody[r.UserPatch]
) -> r.UserOut:
    user = await _named(office, name)
    await deeds.set_rights(office, user, answers.patched(user.rights, data, office.resources), data.reason)
    return answers.user(await _named(office, name), renderer_of(request).clock())


@delete(
    f"{urls.API}/users/{{name:str}}",
    tags=TAGS,
    dependencies=OFFICE,
    responses=problems(403, 404, 409),
    summary="Remove a user with all sessions, tokens and links",
)
async def remove_user(
    office: NamedDependency[Office],
    name: FromPath[str],
    reason: Annotated[str, QueryParameter(description="kept in the audit log", max_length=REASON_LENGTH_MAX)] = "",
) -> None:
    await deeds.remove_user(office, await _named(office, name), reason)


@get(
    f"{urls.API}/tokens",
    tags=TAGS,
    dependencies=MINE,
    responses=problems(403, 404),
    summary="Your API tokens; for admins with `user` those of another",
)
async def tokens(
    mine: NamedDependency[Mine],
    user: Annotated[
        str | None, QueryParameter(description="whose; needs the role admin everywhere", max_length=100)
    ] = None,
) -> list[r.TokenOut]:
    whose = mine.user if user is None else await _other(mine, user)
    return [answers.token(one) for one in await mine.accounts.tokens.list_all(whose.id)]


@post(
    f"{urls.API}/tokens",
    tags=TAGS,
    dependencies=MINE,
    responses=problems(403, 409),
    summary="Make an API token of your own; a token itself may not",
)
async def make_token(mine: NamedDependency[Mine], data: JSONBody[r.TokenIn]) -> r.MadeTokenOut:
    asked = NewToken(name=data.name, days=data.days, role=data.role, on=data.on or "", payloads=data.payloads)
    secret = await deeds.make_token(mine, asked)
    made = next(
        one for one in reversed(await mine.accounts.tokens.list_all(mine.user.id)) if one.hint == token_hint(secret)
    )
    return r.MadeTokenOut(secret=secret, token=answers.token(made))


@delete(
    f"{urls.API}/tokens/{{token:int}}",
    tags=TAGS,
    dependencies=MINE,
    responses=problems(403, 404),
    summary="Revoke an API token: your own; for admins anybody's",
)
async def revoke_token(mine: NamedDependency[Mine], token: FromPath[int]) -> None:
    await deeds.revoke_token(mine, await _token(mine, token))


@get(f"{urls.API}/sessions", tags=TAGS, dependencies=MINE, responses=problems(), summary="Where you are signed in")
async def sessions(mine: NamedDependency[Mine]) -> list[r.SessionOut]:
    return [answers.session(one, mine.actor.session) for one in await mine.accounts.sessions.list_for(mine.user.id)]


@delete(
    f"{urls.API}/sessions/{{session:int}}",
    tags=TAGS,
    dependencies=MINE,
    responses=problems(403, 404),
    opt=OWN,
    summary="End a session of your own",
)
async def end_session(mine: NamedDependency[Mine], session: FromPath[int]) -> None:
    if all(one.id != session for one in await mine.accounts.sessions.list_for(mine.user.id)):
        raise NotThere("There is no such session of yours.", "It may have ended.")
    await deeds.end_session(mine, session, "one of their own")


async def _named(office: Office, name: str) -> User:
    found = next((one for one in await office.accounts.users.list_all() if one.name == name), None)
    if found is None:
        raise NotThere(f"There is no user {name}.", "It may have been removed.")
    return found


async def _other(mine: Mine, name: str) -> User:
    if not mine.actor.is_admin:
        needs = "the role admin everywhere"
        raise NotPermitted(f"{mine.actor.name} may not see tokens of others: that needs {needs}.", needs)
    try:
        return await mine.accounts.users.get_by_name(name)
    except RequestRejected as refused:
        raise NotThere(str(refused)) from None


async def _token(mine: Mine, token: int) -> Token:
    try:
        return await mine.accounts.tokens.get(token, None if mine.actor.is_admin else mine.user.id)
    except RequestRejected as refused:
        raise NotThere(str(refused)) from None


API = (
    users,
    one_user,
    invite,
    change_user,
    remove_user,
    tokens,
    make_token,
    revoke_token,
    sessions,
    end_session,
)

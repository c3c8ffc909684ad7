"""The profile page of the signed-in user: sessions, API tokens, password."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from signalbox.security.accounts import actions
from signalbox.security.accounts.limits import TooManyAttempts
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.web import urls
from signalbox.web.access import WRITABLE_IN_READ_ONLY, session_cookie
from signalbox.web.errors import NotFound
from signalbox.web.rendering import Crumb, page, renderer_of
from signalbox.web.security import audit_actions, confirm_page
from signalbox.web.security.dependencies import CURRENT_USER, CurrentUser
from signalbox.web.security.forms import NewTokenForm, PasswordForm, parse_form
from signalbox.web.security.profile_page import CreatedToken, ProfileFeedback, profile_page
from signalbox.web.security.words import confirmation

AnyRequest = Request[Any, Any, Any]


@get("/profile", include_in_schema=False, dependencies=CURRENT_USER)
async def profile(
    request: AnyRequest, current: NamedDependency[CurrentUser], done: FromQuery[str] = ""
) -> Response[Any]:
    return await _respond(request, current, ProfileFeedback(done=confirmation(done)))


@get(
    ["/profile/sessions", "/profile/sessions/{session:int}/end", "/profile/password", "/profile/tokens"],
    include_in_schema=False,
    sync_to_thread=False,
)
def redirect_to_profile() -> Redirect:
    """Redirect a reload of a page that was the response to a form."""
    return Redirect(urls.profile())


@post(
    "/profile/sessions/{session:int}/end",
    include_in_schema=False,
    dependencies=CURRENT_USER,
    opt=WRITABLE_IN_READ_ONLY,
    status_code=303,
)
async def end_session(
    request: AnyRequest, current: NamedDependency[CurrentUser], session: FromPath[int]
) -> Response[Any]:
    try:
        await audit_actions.end_own_session(current, session)
    except RequestRejected as refused:
        return await _respond(request, current, ProfileFeedback(fault=str(refused)), status=409)
    return Redirect(urls.profile(done="session"), status_code=303)


@post(
    "/profile/sessions", include_in_schema=False, dependencies=CURRENT_USER, opt=WRITABLE_IN_READ_ONLY, status_code=303
)
async def end_other_sessions(current: NamedDependency[CurrentUser]) -> Redirect:
    action = actions.revoke_session("all others")
    await current.door.act(current.actor, action, current.accounts.sessions.end_others)
    return Redirect(urls.profile(done="others"), status_code=303)


@post("/profile/password", include_in_schema=False, dependencies=CURRENT_USER, status_code=303)
async def change_password(request: AnyRequest, current: NamedDependency[CurrentUser]) -> Response[Any]:
    form = await parse_form(request, PasswordForm)

    async def change(permit: Permit) -> str:
        await current.accounts.users.change_password(permit, form.old, form.new)
        return await current.accounts.sessions.open(permit, current.user.id)

    try:
        if form.new != form.again:
            raise RequestRejected("The new passwords do not match.")
        secret = await current.door.act(current.actor, actions.change_password(), change)
    except (RequestRejected, TooManyAttempts) as refused:
        status = 429 if isinstance(refused, TooManyAttempts) else 409
        return await _respond(request, current, ProfileFeedback(password_fault=str(refused)), status=status)
    response = Redirect(urls.profile(done="password"), status_code=303)
    response.set_cookie(session_cookie(request, secret, current.accounts.sessions.max_age_s))
    return response


@post("/profile/tokens", include_in_schema=False, dependencies=CURRENT_USER, status_code=200)
async def create_token(request: AnyRequest, current: NamedDependency[CurrentUser]) -> Response[Any]:
    """Show the token once, without a redirect: its secret must not be in a URL."""
    form = await parse_form(request, NewTokenForm)
    try:
        secret = await audit_actions.create_token(current, form)
    except RequestRejected as refused:
        feedback = ProfileFeedback(token_fault=str(refused), token_form=form)
        return await _respond(request, current, feedback, status=409)
    return await _respond(request, current, ProfileFeedback(created=CreatedToken(form.name, secret)))


@get("/profile/tokens/{token:int}/revoke", include_in_schema=False, dependencies=CURRENT_USER)
async def confirm_revoke_token(
    request: AnyRequest, current: NamedDependency[CurrentUser], token: FromPath[int]
) -> Response[Any]:
    try:
        own = await current.accounts.tokens.get(token, current.user.id)
    except RequestRejected as refused:
        raise NotFound(str(refused)) from None
    context = confirm_page.revoke_token(own, urls.profile("tokens", str(token), "revoke"), urls.profile())
    crumbs = (Crumb("Profile", urls.profile()),)
    return confirm_page.confirm(request, current.door, context, section=None, crumbs=crumbs)


@post("/profile/tokens/{token:int}/revoke", include_in_schema=False, dependencies=CURRENT_USER, status_code=303)
async def revoke_token(
    request: AnyRequest, current: NamedDependency[CurrentUser], token: FromPath[int]
) -> Response[Any]:
    try:
        await audit_actions.revoke_token(current, await current.accounts.tokens.get(token, current.user.id))
    except RequestRejected as refused:
        return await _respond(request, current, ProfileFeedback(fault=str(refused)), status=409)
    return Redirect(urls.profile(done="token"), status_code=303)


async def _respond(
    request: AnyRequest, current: CurrentUser, feedback: ProfileFeedback, *, status: int = 200
) -> Response[Any]:
    sessions = await current.accounts.sessions.list_for(current.user.id)
    tokens = await current.accounts.tokens.list_all(current.user.id)
    context = profile_page(current, sessions, tokens, renderer_of(request).clock(), feedback)
    return page(request, "security/profile/index.html", context, title="Profile", section=None, status=status)


PROFILE = (
    profile,
    redirect_to_profile,
    end_session,
    end_other_sessions,
    change_password,
    create_token,
    confirm_revoke_token,
    revoke_token,
)

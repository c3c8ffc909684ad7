"""One's own page: sessions, tokens, password. What is refused is said on the same page; what is done, after a redirect."""

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
from signalbox.web.access import OWN, session_cookie
from signalbox.web.errors import NotThere
from signalbox.web.rendering import Crumb, page, renderer_of
from signalbox.web.security import deeds, questions
from signalbox.web.security.done import done as told
from signalbox.web.security.forms import ChangePassword, NewToken, sent
from signalbox.web.security.profile_page import MadeToken, Said, profile_page
from signalbox.web.security.question import ask
from signalbox.web.security.who import MINE, Mine

Asking = Request[Any, Any, Any]


@get("/profile", include_in_schema=False, dependencies=MINE)
async def own_page(request: Asking, mine: NamedDependency[Mine], done: FromQuery[str] = "") -> Response[Any]:
    return await _drawn(request, mine, Said(done=told(done)))


@get(
    ["/profile/sessions", "/profile/sessions/{session:int}/end", "/profile/password", "/profile/tokens"],
    include_in_schema=False,
    sync_to_thread=False,
)
def back() -> Redirect:
    """Lead back who loads again what was the answer to a form."""
    return Redirect(urls.profile())


@post("/profile/sessions/{session:int}/end", include_in_schema=False, dependencies=MINE, opt=OWN, status_code=303)
async def end_session(request: Asking, mine: NamedDependency[Mine], session: FromPath[int]) -> Response[Any]:
    try:
        await deeds.end_session(mine, session, "one of their own")
    except RequestRejected as refused:
        return await _drawn(request, mine, Said(fault=str(refused)), status=409)
    return Redirect(urls.profile(done="session"), status_code=303)


@post("/profile/sessions", include_in_schema=False, dependencies=MINE, opt=OWN, status_code=303)
async def end_others(mine: NamedDependency[Mine]) -> Redirect:
    await mine.door.act(mine.actor, actions.revoke_session("all others"), mine.accounts.sessions.end_others)
    return Redirect(urls.profile(done="others"), status_code=303)


@post("/profile/password", include_in_schema=False, dependencies=MINE, status_code=303)
async def change_password(request: Asking, mine: NamedDependency[Mine]) -> Response[Any]:
    data = await sent(request, ChangePassword)

    async def change(permit: Permit) -> str:
        await mine.accounts.users.change_password(permit, data.old, data.new)
        return await mine.accounts.sessions.open(permit, mine.user.id)

    try:
        if data.new != data.again:
            raise RequestRejected("The two new passwords differ.")
        secret = await mine.door.act(mine.actor, actions.change_password(), change)
    except (RequestRejected, TooManyAttempts) as refused:
        status = 429 if isinstance(refused, TooManyAttempts) else 409
        return await _drawn(request, mine, Said(password_fault=str(refused)), status=status)
    answer = Redirect(urls.profile(done="password"), status_code=303)
    answer.set_cookie(session_cookie(request, secret, mine.accounts.sessions.max_age_s))
    return answer


@post("/profile/tokens", include_in_schema=False, dependencies=MINE, status_code=200)
async def make_token(request: Asking, mine: NamedDependency[Mine]) -> Response[Any]:
    """Answer with the token itself: it stands in no address, and nowhere a second time."""
    data = await sent(request, NewToken)
    try:
        secret = await deeds.make_token(mine, data)
    except RequestRejected as refused:
        return await _drawn(request, mine, Said(token_fault=str(refused), typed=data), status=409)
    return await _drawn(request, mine, Said(made=MadeToken(data.name, secret)))


@get("/profile/tokens/{token:int}/revoke", include_in_schema=False, dependencies=MINE)
async def ask_revoke_token(request: Asking, mine: NamedDependency[Mine], token: FromPath[int]) -> Response[Any]:
    try:
        found = await mine.accounts.tokens.get(token, mine.user.id)
    except RequestRejected as refused:
        raise NotThere(str(refused)) from None
    question = questions.revoke_token(found, urls.profile("tokens", str(token), "revoke"), urls.profile())
    return ask(request, mine.door, question, section=None, crumbs=(Crumb("Profile", urls.profile()),))


@post("/profile/tokens/{token:int}/revoke", include_in_schema=False, dependencies=MINE, status_code=303)
async def revoke_token(request: Asking, mine: NamedDependency[Mine], token: FromPath[int]) -> Response[Any]:
    try:
        await deeds.revoke_token(mine, await mine.accounts.tokens.get(token, mine.user.id))
    except RequestRejected as refused:
        return await _drawn(request, mine, Said(fault=str(refused)), status=409)
    return Redirect(urls.profile(done="token"), status_code=303)


async def _drawn(request: Asking, mine: Mine, what: Said, *, status: int = 200) -> Response[Any]:
    sessions = await mine.accounts.sessions.list_for(mine.user.id)
    tokens = await mine.accounts.tokens.list_all(mine.user.id)
    context = profile_page(mine, sessions, tokens, renderer_of(request).clock(), what)
    return page(request, "security/profile.html", context, title="Profile", section=None, status=status)


PROFILE = (
    own_page,
    back,
    end_session,
    end_others,
    change_password,
    make_token,
    ask_revoke_token,
    revoke_token,
)

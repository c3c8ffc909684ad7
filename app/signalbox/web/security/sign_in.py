"""Signing in and out, the first admin, and one-time links: the pages that need nobody to be signed in."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from signalbox.security.accounts import actions
from signalbox.security.accounts.limits import TooManyAttempts
from signalbox.security.accounts.model import NAME_RULE, PASSWORD_LENGTH_MIN, OneTimeLink
from signalbox.security.accounts.service import Accounts
from signalbox.security.door import Door
from signalbox.security.errors import RequestRejected, SecurityError
from signalbox.security.model import Actor
from signalbox.security.oidc.service import CompanyAccounts
from signalbox.web import urls
from signalbox.web.access import OPEN, OWN, session_cookie
from signalbox.web.rendering import page
from signalbox.web.security import urls as security_urls
from signalbox.web.security.forms import SignIn, UseLink, own_address, sent

Asking = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """What `security/sign_in.html` shows."""

    fault: str
    name: str
    to: str
    company: str | None  # the provider of company accounts; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpPage:
    """What `security/set_up.html` shows: there is no user yet."""

    may_look: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage:
    """What `security/link.html` shows: a one-time link that is good, or why it is not."""

    secret: str
    good: bool
    for_name: str | None  # None: it makes the first admin, who chooses a name
    made_by: str
    ends_at: float
    fault: str
    name: str
    name_expected: str
    shortest: int


@get(urls.sign_in(), include_in_schema=False, opt=OPEN)
async def sign_in_page(
    request: Asking,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    company: NamedDependency[CompanyAccounts | None],
    to: FromQuery[str] = "",
) -> Response[Any]:
    if actor.is_signed_in:
        return Redirect(own_address(to))
    if not accounts.identities.has_users and company is None:
        return Redirect(urls.set_up())
    context = _sign_in_page(company, to=own_address(to))
    return page(request, "security/sign_in.html", context, title="Sign in", section=None)


@post(urls.sign_in(), include_in_schema=False, opt=OPEN | OWN, status_code=303)
async def sign_in(
    request: Asking,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    company: NamedDependency[CompanyAccounts | None],
) -> Response[Any]:
    data = await sent(request, SignIn)
    try:
        secret = await accounts.sessions.sign_in(actor, data.name, data.password)
    except (RequestRejected, TooManyAttempts) as refused:
        status = 429 if isinstance(refused, TooManyAttempts) else 401
        to = own_address(data.to)
        return refused_sign_in(request, company, str(refused), name=data.name[:100], to=to, status=status)
    return signed_in(request, accounts, secret, own_address(data.to))


@post(security_urls.sign_out(), include_in_schema=False, opt=OPEN | OWN, status_code=303)
async def sign_out(
    request: Asking, actor: NamedDependency[Actor], accounts: NamedDependency[Accounts], door: NamedDependency[Door]
) -> Response[Any]:
    session = actor.session
    if session is not None:
        await door.act(actor, actions.sign_out(), lambda permit: accounts.sessions.end(permit, session))
    answer = Redirect(urls.sign_in(), status_code=303)
    answer.set_cookie(session_cookie(request, "", 0))
    return answer


@get(urls.set_up(), include_in_schema=False, opt=OPEN)
async def set_up_page(
    request: Asking,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    company: NamedDependency[CompanyAccounts | None],
) -> Response[Any]:
    if accounts.identities.has_users or company is not None:
        return Redirect(urls.sign_in())
    context = SetUpPage(may_look=actor.rights.allows_anything)
    return page(request, "security/set_up.html", context, title="Set up", section=None)


@get("/join/{secret:str}", include_in_schema=False, opt=OPEN)
async def link_page(
    request: Asking, actor: NamedDependency[Actor], accounts: NamedDependency[Accounts], secret: FromPath[str]
) -> Response[Any]:
    """Show what a link is for. Looking uses nothing up: mail programs look at links too."""
    try:
        found = await _found(accounts, actor, secret)
    except SecurityError as refused:
        return _refused_link(request, refused)
    context = _link_page(secret, found)
    return page(request, "security/link.html", context, title="Choose a password", section=None)


@post("/join/{secret:str}", include_in_schema=False, opt=OPEN | OWN, status_code=303)
async def use_link(
    *,
    request: Asking,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    secret: FromPath[str],
) -> Response[Any]:
    try:
        found = await _found(accounts, actor, secret)
    except SecurityError as refused:
        return _refused_link(request, refused)
    data = await sent(request, UseLink)
    try:
        if data.password != data.again:
            raise RequestRejected("The two passwords differ.")
        session = await door.act(
            actor,
            actions.use_link(found.user_name),
            lambda permit: accounts.sessions.open_by_link(permit, secret, data.name, data.password),
        )
    except RequestRejected as refused:
        context = _link_page(secret, found, fault=str(refused), name=data.name[:100])
        return page(request, "security/link.html", context, title="Choose a password", section=None, status=409)
    return signed_in(request, accounts, session, urls.overview())


async def _found(accounts: Accounts, actor: Actor, secret: str) -> OneTimeLink:
    begun = await accounts.limits.count_link_use(actor.address)
    found = await accounts.users.find_link(secret)
    await accounts.limits.uncount(begun)
    return found


def _link_page(secret: str, link: OneTimeLink, *, fault: str = "", name: str = "") -> LinkPage:
    return LinkPage(
        secret=secret,
        good=True,
        for_name=link.user_name,
        made_by=link.created_by,
        ends_at=link.expires_at,
        fault=fault,
        name=name,
        name_expected=NAME_RULE,
        shortest=PASSWORD_LENGTH_MIN,
    )


def _refused_link(request: Asking, refused: SecurityError) -> Response[Any]:
    context = LinkPage(
        secret="",
        good=False,
        for_name=None,
        made_by="",
        ends_at=0.0,
        fault=str(refused),
        name="",
        name_expected="",
        shortest=0,
    )
    status = 429 if isinstance(refused, TooManyAttempts) else 404
    return page(request, "security/link.html", context, title="Not a good link", section=None, status=status)


def refused_sign_in(
    request: Asking, company: CompanyAccounts | None, fault: str, *, name: str = "", to: str, status: int
) -> Response[Any]:
    """Answer with the sign-in page and why nobody was signed in."""
    context = _sign_in_page(company, fault=fault, name=name, to=to)
    return page(request, "security/sign_in.html", context, title="Sign in", section=None, status=status)


def _sign_in_page(company: CompanyAccounts | None, *, fault: str = "", name: str = "", to: str) -> SignInPage:
    return SignInPage(fault=fault, name=name, to=to, company=None if company is None else company.host)


def signed_in(request: Asking, accounts: Accounts, secret: str, to: str) -> Response[Any]:
    """Answer with the cookie of a new session, and lead to where somebody wanted to be."""
    answer = Redirect(to, status_code=303)
    answer.set_cookie(session_cookie(request, secret, accounts.sessions.max_age_s))
    return answer


SIGN_IN = (sign_in_page, sign_in, sign_out, set_up_page, link_page, use_link)

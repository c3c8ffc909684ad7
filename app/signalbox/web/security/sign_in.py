"""Sign-in, sign-out, the first admin, and one-time links: pages for visitors who are not signed in."""

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
from signalbox.security.oidc.service import SingleSignOn
from signalbox.web import urls
from signalbox.web.access import NO_SIGN_IN, WRITABLE_IN_READ_ONLY, session_cookie
from signalbox.web.rendering import page
from signalbox.web.security import urls as security_urls
from signalbox.web.security.forms import LinkForm, SignInForm, local_path, parse_form

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """What `security/sign_in/index.html` shows."""

    fault: str
    name: str
    to: str
    sso_host: str | None  # the identity provider; None without single sign-on


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpPage:
    """What `security/sign_in/set_up.html` shows while there is no user."""

    can_view: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage:
    """What `security/sign_in/link.html` shows: a valid one-time link, or why it is not valid."""

    secret: str
    is_valid: bool
    user_name: str | None  # None: the link creates the first admin, who chooses a name
    created_by: str
    ends_at: float
    fault: str
    name: str
    name_expected: str
    password_length_min: int


@get(urls.sign_in(), include_in_schema=False, opt=NO_SIGN_IN)
async def sign_in_page(
    request: AnyRequest,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    sso: NamedDependency[SingleSignOn | None],
    to: FromQuery[str] = "",
) -> Response[Any]:
    if actor.is_signed_in:
        return Redirect(local_path(to))
    if not accounts.identities.has_users and sso is None:
        return Redirect(urls.set_up())
    context = _sign_in_page(sso, to=local_path(to))
    return page(request, "security/sign_in/index.html", context, title="Sign in", section=None)


@post(urls.sign_in(), include_in_schema=False, opt=NO_SIGN_IN | WRITABLE_IN_READ_ONLY, status_code=303)
async def sign_in(
    request: AnyRequest,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    sso: NamedDependency[SingleSignOn | None],
) -> Response[Any]:
    form = await parse_form(request, SignInForm)
    try:
        secret = await accounts.sessions.sign_in(actor, form.name, form.password)
    except (RequestRejected, TooManyAttempts) as refused:
        status = 429 if isinstance(refused, TooManyAttempts) else 401
        to = local_path(form.to)
        return sign_in_refused(request, sso, str(refused), name=form.name[:100], to=to, status=status)
    return signed_in(request, accounts, secret, local_path(form.to))


@post(security_urls.sign_out(), include_in_schema=False, opt=NO_SIGN_IN | WRITABLE_IN_READ_ONLY, status_code=303)
async def sign_out(
    request: AnyRequest, actor: NamedDependency[Actor], accounts: NamedDependency[Accounts], door: NamedDependency[Door]
) -> Response[Any]:
    session = actor.session
    if session is not None:
        await door.act(actor, actions.sign_out(), lambda permit: accounts.sessions.end(permit, session))
    response = Redirect(urls.sign_in(), status_code=303)
    response.set_cookie(session_cookie(request, "", 0))
    return response


@get(urls.set_up(), include_in_schema=False, opt=NO_SIGN_IN)
async def set_up_page(
    request: AnyRequest,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    sso: NamedDependency[SingleSignOn | None],
) -> Response[Any]:
    if accounts.identities.has_users or sso is not None:
        return Redirect(urls.sign_in())
    context = SetUpPage(can_view=actor.rights.allows_anything)
    return page(request, "security/sign_in/set_up.html", context, title="Set up", section=None)


@get("/join/{secret:str}", include_in_schema=False, opt=NO_SIGN_IN)
async def link_page(
    request: AnyRequest, actor: NamedDependency[Actor], accounts: NamedDependency[Accounts], secret: FromPath[str]
) -> Response[Any]:
    """Show a link without using it up: mail programs open links too."""
    try:
        link = await _valid_link(accounts, actor, secret)
    except SecurityError as refused:
        return _link_refused(request, refused)
    context = _link_page(secret, link)
    return page(request, "security/sign_in/link.html", context, title="Choose a password", section=None)


@post("/join/{secret:str}", include_in_schema=False, opt=NO_SIGN_IN | WRITABLE_IN_READ_ONLY, status_code=303)
async def use_link(
    *,
    request: AnyRequest,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    secret: FromPath[str],
) -> Response[Any]:
    try:
        link = await _valid_link(accounts, actor, secret)
    except SecurityError as refused:
        return _link_refused(request, refused)
    form = await parse_form(request, LinkForm)
    try:
        if form.password != form.again:
            raise RequestRejected("The passwords do not match.")
        session = await door.act(
            actor,
            actions.use_link(link.user_name),
            lambda permit: accounts.sessions.open_by_link(permit, secret, form.name, form.password),
        )
    except RequestRejected as refused:
        context = _link_page(secret, link, fault=str(refused), name=form.name[:100])
        return page(request, "security/sign_in/link.html", context, title="Choose a password", section=None, status=409)
    return signed_in(request, accounts, session, urls.home())


async def _valid_link(accounts: Accounts, actor: Actor, secret: str) -> OneTimeLink:
    begun = await accounts.limits.count_link_use(actor.address)
    link = await accounts.users.find_link(secret)
    await accounts.limits.uncount(begun)
    return link


def _link_page(secret: str, link: OneTimeLink, *, fault: str = "", name: str = "") -> LinkPage:
    return LinkPage(
        secret=secret,
        is_valid=True,
        user_name=link.user_name,
        created_by=link.created_by,
        ends_at=link.expires_at,
        fault=fault,
        name=name,
        name_expected=NAME_RULE,
        password_length_min=PASSWORD_LENGTH_MIN,
    )


def _link_refused(request: AnyRequest, refused: SecurityError) -> Response[Any]:
    context = LinkPage(
        secret="",
        is_valid=False,
        user_name=None,
        created_by="",
        ends_at=0.0,
        fault=str(refused),
        name="",
        name_expected="",
        password_length_min=0,
    )
    status = 429 if isinstance(refused, TooManyAttempts) else 404
    return page(
        request, "security/sign_in/link.html", context, title="Link no longer valid", section=None, status=status
    )


def sign_in_refused(
    request: AnyRequest, sso: SingleSignOn | None, fault: str, *, name: str = "", to: str, status: int
) -> Response[Any]:
    """Return the sign-in page with the reason for the refusal."""
    context = _sign_in_page(sso, fault=fault, name=name, to=to)
    return page(request, "security/sign_in/index.html", context, title="Sign in", section=None, status=status)


def _sign_in_page(sso: SingleSignOn | None, *, fault: str = "", name: str = "", to: str) -> SignInPage:
    return SignInPage(fault=fault, name=name, to=to, sso_host=None if sso is None else sso.host)


def signed_in(request: AnyRequest, accounts: Accounts, secret: str, to: str) -> Response[Any]:
    """Set the cookie of a new session, and redirect."""
    response = Redirect(to, status_code=303)
    response.set_cookie(session_cookie(request, secret, accounts.sessions.max_age_s))
    return response


SIGN_IN = (sign_in_page, sign_in, sign_out, set_up_page, link_page, use_link)

"""Signing in by the company account: away to its provider, and back."""

from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect

from signalbox.security.accounts.service import Accounts
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Actor
from signalbox.security.oidc.model import SIGN_IN_TIMEOUT_S
from signalbox.security.oidc.service import CALLBACK_PATH, CompanyAccounts
from signalbox.web import incoming
from signalbox.web.access import OPEN
from signalbox.web.errors import NotThere
from signalbox.web.security import urls
from signalbox.web.security.forms import own_address
from signalbox.web.security.sign_in import refused_sign_in, signed_in

KEPT = "signalbox-company"  # the cookie of a sign-in that has begun

Asking = Request[Any, Any, Any]


@get(urls.company(), include_in_schema=False, opt=OPEN)
async def away(
    request: Asking, company: NamedDependency[CompanyAccounts | None], to: FromQuery[str] = ""
) -> Response[Any]:
    """Send the browser to the provider. Nothing is changed here before it comes back."""
    if company is None:
        raise NOT_CONFIGURED
    try:
        begun = await company.begin(own_address(to))
    except RequestRejected as refused:
        return refused_sign_in(request, company, str(refused), to=own_address(to), status=502)
    answer = Redirect(begun.url, status_code=303)
    answer.set_cookie(_cookie(request, begun.cookie, SIGN_IN_TIMEOUT_S))
    return answer


@get(CALLBACK_PATH, include_in_schema=False, opt=OPEN)
async def back(
    request: Asking,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    company: NamedDependency[CompanyAccounts | None],
) -> Response[Any]:
    """Sign in whom the provider vouches for; the cookie of this browser tells that it was asked from here."""
    if company is None:
        raise NOT_CONFIGURED
    try:
        entered = await company.finish(actor, dict(request.query_params), request.cookies.get(KEPT))
    except RequestRejected as refused:
        answer = refused_sign_in(request, company, str(refused), to="", status=401)
    else:
        answer = signed_in(request, accounts, entered.secret, own_address(entered.next))
    answer.set_cookie(_cookie(request, "", 0))
    return answer


NOT_CONFIGURED = NotThere("Nobody signs in by a company account here.", "It is set up by [oidc] in signalbox.toml.")


def _cookie(request: Asking, kept: str, lasts_s: int) -> Cookie:
    return Cookie(
        key=KEPT,
        value=kept,
        path=urls.company(),
        httponly=True,
        secure=incoming.is_secure(request.scope),
        samesite="lax",
        max_age=lasts_s,
    )


COMPANY = (away, back)

"""Single sign-on: redirect to the identity provider and back."""

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
from signalbox.security.oidc.service import CALLBACK_PATH, SingleSignOn
from signalbox.web import incoming
from signalbox.web.access import NO_SIGN_IN
from signalbox.web.errors import NotFound
from signalbox.web.security import urls
from signalbox.web.security.forms import local_path
from signalbox.web.security.sign_in import sign_in_refused, signed_in

COOKIE = "signalbox-sso"  # the sealed state of a sign-in in progress

AnyRequest = Request[Any, Any, Any]


@get(urls.sso(), include_in_schema=False, opt=NO_SIGN_IN)
async def redirect_to_provider(
    request: AnyRequest, sso: NamedDependency[SingleSignOn | None], to: FromQuery[str] = ""
) -> Response[Any]:
    """Send the browser to the identity provider. Changes nothing in Signalbox."""
    if sso is None:
        raise NOT_CONFIGURED
    try:
        begun = await sso.begin(local_path(to))
    except RequestRejected as refused:
        return sign_in_refused(request, sso, str(refused), to=local_path(to), status=502)
    response = Redirect(begun.url, status_code=303)
    response.set_cookie(_cookie(request, begun.cookie, SIGN_IN_TIMEOUT_S))
    return response


@get(CALLBACK_PATH, include_in_schema=False, opt=NO_SIGN_IN)
async def provider_callback(
    request: AnyRequest,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    sso: NamedDependency[SingleSignOn | None],
) -> Response[Any]:
    """Sign in the user that the provider authenticated. The cookie proves that this browser began the sign-in."""
    if sso is None:
        raise NOT_CONFIGURED
    try:
        entered = await sso.finish(actor, dict(request.query_params), request.cookies.get(COOKIE))
    except RequestRejected as refused:
        response = sign_in_refused(request, sso, str(refused), to="", status=401)
    else:
        response = signed_in(request, accounts, entered.secret, local_path(entered.next))
    response.set_cookie(_cookie(request, "", 0))
    return response


NOT_CONFIGURED = NotFound("Single sign-on is not configured.", "Set it up in the [oidc] section of signalbox.toml.")


def _cookie(request: AnyRequest, value: str, lasts_s: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        path=urls.sso(),
        httponly=True,
        secure=incoming.is_secure(request.scope),
        samesite="lax",
        max_age=lasts_s,
    )


SSO_ROUTES = (redirect_to_provider, provider_callback)

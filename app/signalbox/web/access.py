"""Who asks: the actor behind every request and every live connection, by cookie, by token, or by what nobody may."""

import secrets
from typing import Any, Final, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from signalbox.kernel.errors import SignalboxError, Unavailable
from signalbox.security.accounts.model import Identity
from signalbox.security.accounts.service import Accounts
from signalbox.security.model import NO_RIGHTS, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Actor, Rights, Via
from signalbox.web import incoming, urls
from signalbox.web.settings import ServerSettings

COOKIE: Final = "signalbox"
NOBODY: Final = "nobody"
DEMO: Final = "demo"  # who acts in the demo without having signed in
OPEN: Final = {"open": True}  # `opt` of a route that needs nobody to be signed in
OWN: Final = {"own": True}  # `opt` of a write that is there in read-only mode too
UNKNOWN_TO: Final = (urls.STATIC, urls.HEALTH)  # nobody is asked who they are there


class NotSignedIn(SignalboxError):
    """Nobody is signed in, or no longer, and this needs somebody."""

    def __init__(self, sentence: str = "Sign in first.", *, set_up: bool = False) -> None:
        super().__init__(sentence)
        self.set_up = set_up  # there is nobody yet who could sign in


class Access:
    """Finds out who asks. One per application."""

    def __init__(self, app: ASGIApp, accounts: Accounts, settings: ServerSettings, *, demo: bool) -> None:
        self._app = app
        self._accounts = accounts
        self._settings = settings
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["actor"] = _made(scope, NOBODY, NO_RIGHTS)
        if not scope["path"].startswith(UNKNOWN_TO):
            try:
                state["actor"] = await self._actor(scope)
            except Unavailable as error:
                state["unknown"] = error
        await self._app(scope, receive, send)

    async def _actor(self, scope: Scope) -> Actor:
        bearer = incoming.bearer(scope)
        if bearer is not None:
            identity = await self._accounts.identities.by_token(bearer)
            scope["state"]["wrong_token"] = identity is None
        else:
            cookie = _cookie(scope)
            identity = await self._accounts.identities.by_session(cookie) if cookie else None
        if identity is None:
            nobody = NO_RIGHTS if bearer is not None else self._nobodys_rights(scope)
            return _made(scope, DEMO if nobody is OPERATOR_EVERYWHERE else NOBODY, nobody)
        return _made(scope, identity.name, identity.rights, identity)

    def _nobodys_rights(self, scope: Scope) -> Rights:
        """Return what somebody may who has not signed in."""
        local = self._settings.only_local and (not scope["state"]["proxied"] or bool(self._settings.trusted_proxies))
        if self._demo and local:
            return OPERATOR_EVERYWHERE
        if self._settings.allow_unauthenticated or (local and not self._accounts.identities.has_users):
            return VIEWER_EVERYWHERE
        return NO_RIGHTS


def actor_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    """Return who asks."""
    return cast("Actor", connection.scope["state"]["actor"])


def actor_at(request: Request[Any, Any, Any]) -> Actor:
    """Return who asks: the dependency `actor` of handlers."""
    return actor_of(request)


async def may_enter(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let through who may see anything at all. What they see is up to each page, what they may do up to the door.

    Raises:
        NotSignedIn: nobody is signed in.
        TooManyAttempts: wrong tokens came too often from this address.
        Unavailable: who it is could not be looked up.
    """
    state = connection.scope["state"]
    if handler.opt.get("open"):
        return
    if (error := state.get("unknown")) is not None:
        raise cast("Unavailable", error)
    accounts = cast("Accounts", connection.app.state.accounts)
    if state.get("wrong_token"):
        await accounts.limits.count_wrong_token(actor_of(connection).address)
        raise NotSignedIn("This token is not known, or has ended.")
    if not actor_of(connection).rights.allows_anything:
        raise NotSignedIn(set_up=not accounts.identities.has_users)


def session_cookie(request: Request[Any, Any, Any], secret: str, lasts_s: float) -> Cookie:
    """Return the cookie that makes a browser signed in; an empty secret takes it away."""
    return Cookie(
        key=_cookie_name(request.scope),
        value=secret,
        path="/",
        httponly=True,
        secure=incoming.is_secure(request.scope),
        samesite="lax",
        max_age=int(lasts_s) if secret else 0,
    )


def _made(scope: Scope, name: str, rights: Rights, identity: Identity | None = None) -> Actor:
    return Actor(
        name=name,
        rights=rights,
        via=_via(scope),
        address=scope["client"][0] if scope["client"] else "",
        agent="".join(incoming.headers(scope, b"user-agent"))[:300],
        request=secrets.token_hex(6),
        user=identity.user if identity else None,
        session=identity.session.id if identity and identity.session else None,
        token=identity.token.id if identity and identity.token else None,
    )


def _via(scope: Scope) -> Via:
    if str(scope["type"]) == "websocket":
        return Via.SOCKET
    return Via.API if scope["path"].startswith(f"{urls.API}/") else Via.PAGE


def _cookie(scope: Scope) -> str | None:
    wanted = _cookie_name(scope)
    for header in incoming.headers(scope, b"cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted and value:
                return value
    return None


def _cookie_name(scope: Scope) -> str:
    """Return the cookie's name: browsers keep __Host- only by https; elsewhere all ports of a host share their cookies."""
    if incoming.is_secure(scope):
        return f"__Host-{COOKIE}"
    port = incoming.headers(scope, b"host")[0].rpartition(":")[2]
    return f"{COOKIE}-{port}" if port.isdigit() else COOKIE

"""Authentication: the actor behind every request and every live socket, by cookie, by token, or anonymous."""

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

COOKIE_NAME: Final = "signalbox"
ANONYMOUS: Final = "nobody"  # the name of an actor who is not signed in
DEMO_ACTOR: Final = "demo"  # acts in the demo without signing in
NO_SIGN_IN: Final = {"no_sign_in": True}  # `opt` of a route that anyone may use without signing in
WRITABLE_IN_READ_ONLY: Final = {"writable_in_read_only": True}  # `opt` of a write that read-only mode keeps
PATHS_WITHOUT_ACTOR: Final = (urls.STATIC, urls.HEALTH)


class NotSignedIn(SignalboxError):
    """The request has no valid session or token, and needs one."""

    def __init__(self, sentence: str = "Sign in first.", *, set_up: bool = False) -> None:
        super().__init__(sentence)
        self.set_up = set_up  # no user exists yet


class ActorMiddleware:
    """Sets `state["actor"]` of every request and socket."""

    def __init__(self, app: ASGIApp, accounts: Accounts, settings: ServerSettings, *, demo: bool) -> None:
        self._app = app
        self._accounts = accounts
        self._settings = settings
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope["state"]
        state["actor"] = _build_actor(scope, ANONYMOUS, NO_RIGHTS)
        if not scope["path"].startswith(PATHS_WITHOUT_ACTOR):
            try:
                state["actor"] = await self._actor(scope)
            except Unavailable as error:
                state["identity_error"] = error
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
            rights = NO_RIGHTS if bearer is not None else self._anonymous_rights(scope)
            return _build_actor(scope, DEMO_ACTOR if rights is OPERATOR_EVERYWHERE else ANONYMOUS, rights)
        return _build_actor(scope, identity.name, identity.rights, identity)

    def _anonymous_rights(self, scope: Scope) -> Rights:
        """Return the rights of an actor who has not signed in."""
        local = self._settings.only_local and (not scope["state"]["proxied"] or bool(self._settings.trusted_proxies))
        if self._demo and local:
            return OPERATOR_EVERYWHERE
        if self._settings.allow_unauthenticated or (local and not self._accounts.identities.has_users):
            return VIEWER_EVERYWHERE
        return NO_RIGHTS


def actor_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    """Return the actor of a request or a live socket."""
    return cast("Actor", connection.scope["state"]["actor"])


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    """Return the actor of a request: the dependency `actor` of handlers."""
    return actor_of(request)


async def require_sign_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse an actor without any right. Pages check what the actor may see; the door checks what the actor may do.

    Raises:
        NotSignedIn: the actor is not signed in.
        TooManyAttempts: too many wrong tokens came from this address.
        Unavailable: the session or token could not be looked up.
    """
    state = connection.scope["state"]
    if handler.opt.get("no_sign_in"):
        return
    if (error := state.get("identity_error")) is not None:
        raise cast("Unavailable", error)
    accounts = cast("Accounts", connection.app.state.accounts)
    if state.get("wrong_token"):
        await accounts.limits.count_wrong_token(actor_of(connection).address)
        raise NotSignedIn("This token is unknown, or has expired.")
    if not actor_of(connection).rights.allows_anything:
        raise NotSignedIn(set_up=not accounts.identities.has_users)


def session_cookie(request: Request[Any, Any, Any], secret: str, lasts_s: float) -> Cookie:
    """Return the cookie of a session; an empty secret deletes the cookie."""
    return Cookie(
        key=_cookie_name(request.scope),
        value=secret,
        path="/",
        httponly=True,
        secure=incoming.is_secure(request.scope),
        samesite="lax",
        max_age=int(lasts_s) if secret else 0,
    )


def _build_actor(scope: Scope, name: str, rights: Rights, identity: Identity | None = None) -> Actor:
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
    cookie_name = _cookie_name(scope)
    for header in incoming.headers(scope, b"cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == cookie_name and value:
                return value
    return None


def _cookie_name(scope: Scope) -> str:
    """Return the cookie's name: browsers keep __Host- only over https; over http all ports of a host share their cookies."""
    if incoming.is_secure(scope):
        return f"__Host-{COOKIE_NAME}"
    port = incoming.headers(scope, b"host")[0].rpartition(":")[2]
    return f"{COOKIE_NAME}-{port}" if port.isdigit() else COOKIE_NAME

"""Who may ask at all: the Host and Origin rules, and the headers on every answer. ASGI, outside of routing, so that errors,
static files and websockets pass here too.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.web import markup
from app.web.settings import ServerSettings, is_loopback

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", markup.csp().encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Set where the answer does not set its own: pages bring a policy with a nonce, static files their own caching."""


class Guard:
    """Refuses what did not come by a name of ours, or from a page of ours; and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._beyond_loopback = not is_loopback(settings.host)
        base = urlsplit(settings.base_url) if settings.base_url else None
        self._base = f"{base.scheme}://{base.netloc}".lower() if base else None
        names = {base.hostname} if base and base.hostname else set()
        self._names = LOOPBACK_NAMES | names | {settings.host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self.refusal(scope)
        if scope["type"] == ScopeType.WEBSOCKET:
            if refused:
                await send(
                    {"type": "websocket.close", "code": 1008, "reason": refused[1][:120]}
                )  # before accept: HTTP 403
            else:
                await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        if refused:
            await _answer(guarded, *refused)
        else:
            await self._app(scope, receive, guarded)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the reason for which this request is refused, or None."""
        hosts = _all(scope["headers"], b"host")
        if len(hosts) != 1:
            return 400, "A request needs one Host header."
        if not self.host_allowed(hosts[0]):
            return 421, (
                "Signalbox is not known by the host name of this request. It answers to localhost and to the name in "
                "[server] base_url of signalbox.toml: this keeps other web sites from reading it through your browser."
            )
        if scope["type"] == ScopeType.WEBSOCKET and not self.origin_allowed(
            _all(scope["headers"], b"origin"), hosts[0]
        ):
            return 403, "A live connection is only for pages of Signalbox itself."
        return None

    def host_allowed(self, host: str) -> bool:
        """Say whether this Host header names us. A literal address cannot be rebound, so any is right beyond loopback."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None or host != host.strip() or any(char in host for char in "/@?#\\ "):
            return False
        return name in self._names or (self._beyond_loopback and _is_address(name))

    def origin_allowed(self, origins: Iterable[str], host: str) -> bool:
        """Say whether a websocket comes from a page of ours. Programs send no Origin; browsers always do."""
        for origin in origins:
            own = {f"http://{host}", f"https://{host}", self._base}
            if origin.lower() not in {one.lower() for one in own if one}:
                return False
        return True


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _all(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *((k, v) for k, v in SECURITY_HEADERS if k not in present)]
        await send(message)

    return guarded


async def _answer(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

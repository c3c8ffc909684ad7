"""Who may ask at all: Host, Origin, https and rates, and the headers on every answer. ASGI, outside of routing, so that
errors, static files and websockets pass here too.
"""

import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from signalbox.web import incoming, markup, urls
from signalbox.web.problem import PROBLEM, problem
from signalbox.web.rates import Rates
from signalbox.web.settings import ServerSettings, is_loopback

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let through to any route."""

    status: int
    reason: str
    wait_s: float | None = None


class Guard:
    """Refuses what did not come by a name of ours, or from a page of ours; and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, rates: Rates) -> None:
        self._app = app
        self._rates = rates
        self._beyond_loopback = not is_loopback(settings.host)
        self._plain_http = settings.only_local or settings.insecure_http
        self._trusted = settings.proxies
        base = urlsplit(settings.base_url) if settings.base_url else None
        self._base = f"{base.scheme}://{base.netloc}".lower() if base else None
        names = {base.hostname} if base and base.hostname else set()
        self._names = LOOPBACK_NAMES | names | {settings.host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["proxied"] = incoming.came_by_proxy(scope)
        incoming.resolve(scope, self._trusted)
        refused = self.refusal(scope)
        if scope["type"] == ScopeType.WEBSOCKET:
            if refused:
                reason = refused.reason[:120]
                await send({"type": "websocket.close", "code": 1008, "reason": reason})  # before accept: HTTP 403
            else:
                await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        if refused:
            await _answer(guarded, refused, for_programs=scope["path"].startswith(f"{urls.API}/"))
        else:
            await self._app(scope, receive, guarded)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return why this request is refused, or None."""
        hosts = incoming.headers(scope, b"host")
        if len(hosts) != 1:
            return Refusal(400, "A request needs one Host header.")
        if not self.host_allowed(hosts[0]):
            return Refusal(
                421,
                "Signalbox is not known by the host name of this request. It answers to localhost and to the name in "
                "[server] base_url of signalbox.toml: this keeps other web sites from reading it through your browser.",
            )
        return self._plain(scope) or self._foreign(scope, hosts[0]) or self._too_many(scope)

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
        """Say whether every Origin given is one of our own."""
        own = {f"http://{host}".lower(), f"https://{host}".lower(), self._base}
        return all(origin.lower() in own for origin in origins)

    def _plain(self, scope: Scope) -> Refusal | None:
        if self._plain_http or incoming.is_secure(scope) or scope["path"].startswith(urls.HEALTH):
            return None
        return Refusal(
            403,
            "This request came by plain http. Beyond this machine Signalbox wants https: ask by the address in [server] "
            "base_url, and let [server] trusted_proxies name the proxy that speaks TLS (it has to send X-Forwarded-Proto). "
            "insecure_http = true switches this off.",
        )

    def _foreign(self, scope: Scope, host: str) -> Refusal | None:
        """Refuse what another site makes a browser send: live connections, and whatever may change something.

        A write tells by its Sec-Fetch-Site or Origin that it came from a page of ours. Every browser sends one of them; one
        without both is refused unless it bears a token, which no browser adds by itself.
        """
        origins = incoming.headers(scope, b"origin")
        if scope["type"] == ScopeType.WEBSOCKET:
            if self.origin_allowed(origins, host):
                return None
            return Refusal(403, "A live connection is only for pages of Signalbox itself.")
        if scope["method"] in HARMLESS or incoming.bearer(scope) is not None:
            return None
        sites = incoming.headers(scope, b"sec-fetch-site")
        if (sites or origins) and set(sites) <= {"same-origin"} and self.origin_allowed(origins, host):
            return None
        return Refusal(
            403,
            "This did not come from a page of Signalbox, so nothing was done. Programs send a token: Authorization: Bearer sbx_...",
        )

    def _too_many(self, scope: Scope) -> Refusal | None:
        if scope["type"] == ScopeType.WEBSOCKET or scope["path"].startswith((urls.STATIC, urls.HEALTH)):
            return None  # live connections have limits of their own, which they tell the page
        wait_s = self._rates.wait_s(scope["client"][0] if scope["client"] else "")
        if not wait_s:
            return None
        return Refusal(429, "Too many requests came from this address. Ask again in a moment.", wait_s)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *((k, v) for k, v in SECURITY_HEADERS if k not in present)]
        await send(message)

    return guarded


async def _answer(send: Send, refused: Refusal, *, for_programs: bool) -> None:
    body, kind = refused.reason.encode(), b"text/plain; charset=utf-8"
    if for_programs:
        body, kind = problem(refused.status, refused.reason), PROBLEM.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if refused.wait_s is not None:
        headers.append((b"retry-after", str(math.ceil(refused.wait_s)).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

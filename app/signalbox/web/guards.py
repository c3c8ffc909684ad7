"""Check Host, Origin, https and rate limits, and set the security headers. ASGI middleware outside of routing, so that
errors, static files and websockets pass through it too.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from signalbox.web import incoming, markup, urls
from signalbox.web.problem import PROBLEM, problem
from signalbox.web.rate_limit import RateLimiter
from signalbox.web.settings import ServerSettings, is_loopback

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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
"""Added if the response does not set its own: pages set a policy with a nonce, static files their own caching."""


@dataclass(frozen=True, slots=True)
class RequestRefusal:
    """Why the guard refuses a request."""

    status: int
    reason: str
    wait_s: float | None = None


class Guard:
    """Refuses requests for other hosts and from other sites, and sets the security headers on every response."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter
        self._beyond_loopback = not is_loopback(settings.host)
        self._http_allowed = settings.only_local or settings.insecure_http
        self._trusted = settings.proxies
        base = urlsplit(settings.base_url) if settings.base_url else None
        self._base = f"{base.scheme}://{base.netloc}".lower() if base else None
        names = {base.hostname} if base and base.hostname else set()
        self._names = LOOPBACK_NAMES | names | {settings.host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["proxied"] = incoming.has_forwarded_headers(scope)
        incoming.apply_forwarded_headers(scope, self._trusted)
        refusal = self.refusal(scope)
        if scope["type"] == ScopeType.WEBSOCKET:
            if refusal:
                reason = refusal.reason[:120]
                await send({"type": "websocket.close", "code": 1008, "reason": reason})  # before accept: HTTP 403
            else:
                await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        if refusal:
            await _refuse(guarded, refusal, as_problem=scope["path"].startswith(f"{urls.API}/"))
        else:
            await self._app(scope, receive, guarded)

    def refusal(self, scope: Scope) -> RequestRefusal | None:
        """Return why this request is refused, or None if it is allowed."""
        hosts = incoming.headers(scope, b"host")
        if len(hosts) != 1:
            return RequestRefusal(400, "A request needs exactly one Host header.")
        if not self.host_allowed(hosts[0]):
            return RequestRefusal(
                421,
                "Unknown host name. Signalbox responds to localhost and to the host in [server] base_url of signalbox.toml. "
                "This prevents other web sites from reading Signalbox through your browser.",
            )
        return self._insecure(scope) or self._cross_site(scope, hosts[0]) or self._too_many(scope)

    def host_allowed(self, host: str) -> bool:
        """Return whether this Host header is allowed. DNS cannot rebind an IP address, so any is allowed beyond loopback."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if name is None or host != host.strip() or any(char in host for char in "/@?#\\ "):
            return False
        return name in self._names or (self._beyond_loopback and incoming.is_ip_address(name))

    def origin_allowed(self, origins: Iterable[str], host: str) -> bool:
        """Return whether every Origin is our own."""
        own = {f"http://{host}".lower(), f"https://{host}".lower(), self._base}
        return all(origin.lower() in own for origin in origins)

    def _insecure(self, scope: Scope) -> RequestRefusal | None:
        if self._http_allowed or incoming.is_secure(scope) or scope["path"].startswith(urls.HEALTH):
            return None
        return RequestRefusal(
            403,
            "Signalbox requires https for requests from other machines, and this request used plain http. Use the URL in "
            "[server] base_url, and list the TLS proxy in [server] trusted_proxies (the proxy must send X-Forwarded-Proto). "
            "insecure_http = true allows plain http.",
        )

    def _cross_site(self, scope: Scope, host: str) -> RequestRefusal | None:
        """Refuse live connections and writes that another site makes a browser send.

        Every browser sends Sec-Fetch-Site or Origin with a write. A write without both needs a bearer token, which no
        browser adds by itself.
        """
        origins = incoming.headers(scope, b"origin")
        if scope["type"] == ScopeType.WEBSOCKET:
            if self.origin_allowed(origins, host):
                return None
            return RequestRefusal(403, "Only pages of Signalbox may open a live connection.")
        if scope["method"] in SAFE_METHODS or incoming.bearer(scope) is not None:
            return None
        sites = incoming.headers(scope, b"sec-fetch-site")
        if (sites or origins) and set(sites) <= {"same-origin"} and self.origin_allowed(origins, host):
            return None
        return RequestRefusal(
            403,
            "This request did not come from a page of Signalbox. Nothing was changed. Programs must send an API token: "
            "Authorization: Bearer sbx_...",
        )

    def _too_many(self, scope: Scope) -> RequestRefusal | None:
        if scope["type"] == ScopeType.WEBSOCKET or scope["path"].startswith((urls.STATIC, urls.HEALTH)):
            return None  # live connections have their own limits
        wait_s = self._limiter.wait_s(scope["client"][0] if scope["client"] else "")
        if not wait_s:
            return None
        return RequestRefusal(429, "Too many requests from this address. Try again in a moment.", wait_s)


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message["headers"]}
            message["headers"] = [*message["headers"], *((k, v) for k, v in SECURITY_HEADERS if k not in present)]
        await send(message)

    return guarded


async def _refuse(send: Send, refusal: RequestRefusal, *, as_problem: bool) -> None:
    body, content_type = refusal.reason.encode(), b"text/plain; charset=utf-8"
    if as_problem:
        body, content_type = problem(refusal.status, refusal.reason), PROBLEM.encode()
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    if refusal.wait_s is not None:
        headers.append((b"retry-after", str(math.ceil(refusal.wait_s)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})

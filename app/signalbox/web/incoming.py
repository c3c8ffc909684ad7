"""Read an incoming request: its headers, and the client address and scheme behind trusted proxies."""

import ipaddress
from collections.abc import Iterable, Sequence

from litestar.types import Scope

from signalbox.web.settings import Network

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"forwarded")


def headers(scope: Scope, name: bytes) -> list[str]:
    """Return every value of a header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def bearer(scope: Scope) -> str | None:
    """Return the bearer token, or None. Other schemes may belong to a proxy in front of Signalbox."""
    for value in headers(scope, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    return None


def has_forwarded_headers(scope: Scope) -> bool:
    """Return whether a proxy forwarded this request, trusted or not."""
    return any(key in FORWARDED for key, _ in scope["headers"])


def apply_forwarded_headers(scope: Scope, trusted: Sequence[Network]) -> None:
    """Write the real client and scheme into the scope if a trusted proxy sent the request."""
    client = scope["client"]
    if client is None or not trusted or not _within(client[0], trusted):
        return
    chain = [part.strip() for value in headers(scope, b"x-forwarded-for") for part in value.split(",")]
    scope["client"] = (_first_untrusted(reversed(chain), trusted) or client[0], client[1])
    schemes = [part.strip().lower() for value in headers(scope, b"x-forwarded-proto") for part in value.split(",")]
    if schemes and schemes[-1] in {"http", "https"}:
        secure = schemes[-1] == "https"
        websocket = str(scope["type"]) == "websocket"
        scope["scheme"] = ("wss" if secure else "ws") if websocket else schemes[-1]


def is_secure(scope: Scope) -> bool:
    return scope["scheme"] in {"https", "wss"}


def public_url(scope: Scope, base_url: str | None) -> str:
    """Return the URL of Signalbox: `base_url`, else that of this request (the guard has checked its Host)."""
    scheme = "https" if is_secure(scope) else "http"
    return (base_url or f"{scheme}://{headers(scope, b'host')[0]}").rstrip("/")


def is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _first_untrusted(addresses: Iterable[str], trusted: Sequence[Network]) -> str | None:
    """Return the nearest address that is not a trusted proxy; a client can forge everything left of it."""
    for address in addresses:
        if not is_ip_address(address):
            return None
        if not _within(address, trusted):
            return address
    return None


def _within(text: str, networks: Sequence[Network]) -> bool:
    if not is_ip_address(text):
        return False
    address = ipaddress.ip_address(text)
    return any(address in network for network in networks)

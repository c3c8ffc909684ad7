"""What an incoming request says of itself: its headers, and who really asks by which scheme.

What a proxy says of that is believed only where the configuration trusts it.
"""

import ipaddress
from collections.abc import Iterable, Sequence

from litestar.types import Scope

from signalbox.web.settings import Network

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"forwarded")


def headers(scope: Scope, name: bytes) -> list[str]:
    """Return every value of a header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def bearer(scope: Scope) -> str | None:
    """Return the token of an Authorization header; other schemes are a proxy's in front of us, and none of our business."""
    for value in headers(scope, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    return None


def came_by_proxy(scope: Scope) -> bool:
    """Say whether anything tells that a proxy handed this on, trusted or not."""
    return any(key in FORWARDED for key, _ in scope["headers"])


def resolve(scope: Scope, trusted: Sequence[Network]) -> None:
    """Write the real client and scheme into the scope, when a trusted proxy tells them."""
    client = scope["client"]
    if client is None or not trusted or not _within(client[0], trusted):
        return
    chain = [part.strip() for value in headers(scope, b"x-forwarded-for") for part in value.split(",")]
    scope["client"] = (_first_untrusted(reversed(chain), trusted) or client[0], client[1])
    said = [part.strip().lower() for value in headers(scope, b"x-forwarded-proto") for part in value.split(",")]
    if said and said[-1] in {"http", "https"}:
        secure = said[-1] == "https"
        websocket = str(scope["type"]) == "websocket"
        scope["scheme"] = ("wss" if secure else "ws") if websocket else said[-1]


def is_secure(scope: Scope) -> bool:
    return scope["scheme"] in {"https", "wss"}


def place(scope: Scope, base_url: str | None) -> str:
    """Return the address under which people reach Signalbox: as it is configured, else as this request came, whose Host
    the guard has checked.
    """
    scheme = "https" if is_secure(scope) else "http"
    return (base_url or f"{scheme}://{headers(scope, b'host')[0]}").rstrip("/")


def _first_untrusted(addresses: Iterable[str], trusted: Sequence[Network]) -> str | None:
    """Return the nearest address that is no proxy of ours; what stands further left anybody may have written."""
    for address in addresses:
        if not _is_address(address):
            return None
        if not _within(address, trusted):
            return address
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)

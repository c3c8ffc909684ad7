"""Host names in settings: what no resolver accepts is a fault of the configuration, and no client library gets to see it."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

HOST_LENGTH_MAX = 253

_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")  # with "_", which containers use


def host_fault(host: str) -> str:
    """Return why this is neither a host name nor an IP address, or nothing."""
    if not host:
        return "the host name is empty"
    if is_ipv6(host):
        return ""
    if len(host) > HOST_LENGTH_MAX:
        return f"the host name has more than {HOST_LENGTH_MAX} characters"
    try:
        encoded = host.encode("idna").decode()
    except UnicodeError:
        return "a part of the host name is empty or longer than 63 characters"
    try:
        encoded.encode().decode("idna")
    except UnicodeError:
        return "a part of the host name begins with xn-- and is no encoded name"
    if len(encoded) > HOST_LENGTH_MAX or not _HOST.fullmatch(encoded):
        return "the host is neither a host name nor an IP address"
    return ""


def is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def valid_host(host: str) -> str:
    """Return the host. Raises ValueError, which says what it must be."""
    if fault := host_fault(host):
        raise ValueError(f"a host name or an IP address: {fault}")
    return host


def split_url(url: str, form: str) -> SplitResult:
    """Split a URL. Raises ValueError, which says what it must be, if it has no such form or its host cannot exist."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(form) from None
    if host and (fault := host_fault(host)):
        raise ValueError(f"{form}: {fault}")
    return parts

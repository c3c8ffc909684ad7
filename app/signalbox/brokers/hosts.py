"""Host names, as a configuration or a broker gives them."""

import ipaddress
import re

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
    if len(encoded) > HOST_LENGTH_MAX or not _HOST.fullmatch(encoded):
        return "the host is neither a host name nor an IP address"
    return ""


def is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True

"""Addresses of brokers: "host:port", with an IPv6 host in brackets."""

import re
from collections.abc import Callable

from signalbox.brokers.hosts import host_fault, is_ipv6

ADDRESS_FORM = "host:port, such as kafka-1.example.com:9092"
LIST_FORM = '["kafka-1:9092", "kafka-2:9092"]'
PORT_MAX = 65_535

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*://")


def split_address(address: str) -> tuple[str, int]:
    """Split "host:port". Raises ValueError, which says what the address must be, if it has another form."""
    for is_wrong, expected in _WRONG_FORMS:
        if is_wrong(address):
            raise ValueError(expected)
    host, _, port_text = address.rpartition(":")
    port = int(port_text) if port_text.isascii() and port_text.isdecimal() and len(port_text) <= 5 else 0
    if not host or not 0 < port <= PORT_MAX:
        raise ValueError(f"{ADDRESS_FORM}, with a port from 1 to {PORT_MAX}")
    if fault := host_fault(host[1:-1] if host.startswith("[") else host):
        raise ValueError(f"{ADDRESS_FORM}: {fault}")
    return host.removeprefix("[").removesuffix("]"), port


def join_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_fault(host: str, port: int) -> str:
    """Return why nobody can connect to this address, or nothing. Brokers may advertise any text and number."""
    if not 0 < port <= PORT_MAX:
        return f"{port} is no port"
    return host_fault(host)


def _lacks_brackets(address: str) -> bool:
    host, _, _ = address.rpartition(":")
    return is_ipv6(address) or is_ipv6(host)


def _has_wrong_brackets(address: str) -> bool:
    host, _, _ = address.rpartition(":")
    brackets = "[" in address or "]" in address
    return brackets and not (host.startswith("[") and host.endswith("]") and is_ipv6(host[1:-1]))


_WRONG_FORMS: tuple[tuple[Callable[[str], bool], str], ...] = (  # the first that applies is said
    (lambda address: "," in address or ";" in address, f"one address in each string of the list, such as {LIST_FORM}"),
    (
        lambda address: _SCHEME.match(address) is not None,
        f"{ADDRESS_FORM}, without a scheme: set tls and sasl_mechanism instead",
    ),
    (lambda address: "@" in address, f"{ADDRESS_FORM}, without a user: set user and password instead"),
    (lambda address: address != "".join(address.split()), f"{ADDRESS_FORM}, without spaces"),
    (lambda address: "/" in address, f"{ADDRESS_FORM}, without a path"),
    (_lacks_brackets, "an IPv6 address in brackets, such as [2001:db8::1]:9092"),
    (_has_wrong_brackets, f"{ADDRESS_FORM}; only an IPv6 address is in brackets, such as [2001:db8::1]:9092"),
    (lambda address: address.count(":") > 1 and "[" not in address, f"{ADDRESS_FORM}, with one port"),
)

"""Reads a NATS server's first line on a plain socket, before the client connects.

It detects what the library cannot: no server, no answer, another protocol, and a server without TLS although TLS is required
(the library would send the login in clear text).
"""

import asyncio
import errno
import json
import os
import socket
from typing import Any
from urllib.parse import urlsplit

from signalbox.brokers.errors import BrokerUnavailable, WrongProtocol
from signalbox.brokers.nats.settings import NatsSettings

INFO_BYTES_MAX = 256 * 1024  # of one line, which names every server of the cluster


async def read_server_info(settings: NatsSettings, url: str) -> dict[str, Any]:
    """Return the server's INFO; {} if the server expects TLS first. The caller bounds the time.

    Raises BrokerUnavailable, or WrongProtocol also if a server has no TLS although TLS is required.
    """
    address = urlsplit(url).netloc
    reader, writer = await _open(settings, url)
    try:
        if settings.tls_first:
            return {}
        line = await reader.readline()
    except (ValueError, OSError):  # an endless line, or a connection reset
        line = b""
    finally:
        writer.transport.abort()
    info = _parse_info(line)
    if info is None:
        hint = "Check the port: the default for clients is 4222; 8222 is the monitoring port."
        raise WrongProtocol(settings.name, f"{address} is not a NATS server: it sent no INFO line.", hint)
    if settings.tls and not (info.get("tls_required") or info.get("tls_available")):
        problem = f"{address} does not offer TLS, but TLS is required. The login was not sent."
        hint = "Enable TLS on the server, or remove tls:// and the TLS keys from this connection."
        raise WrongProtocol(settings.name, problem, hint)
    return info


async def _open(settings: NatsSettings, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    try:
        return await asyncio.open_connection(parts.hostname, parts.port, limit=INFO_BYTES_MAX)
    except socket.gaierror as error:
        problem = f"Cannot resolve the host name {parts.hostname}: {error.strerror}."
        raise BrokerUnavailable(settings.name, problem, "Check the host in urls.") from None
    except OSError as error:
        problem = f"Cannot reach {parts.hostname}:{parts.port}: {_reason(error)}."
        raise BrokerUnavailable(settings.name, problem, "Is the server running, and is the port right?") from None


def _reason(error: OSError) -> str:
    """Return the system's words: asyncio's contain tuples, and one error for several addresses has no number."""
    if error.errno is not None:
        return os.strerror(error.errno).lower()
    return "connection refused" if f"[Errno {errno.ECONNREFUSED}]" in str(error) else "every address failed"


def _parse_info(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"INFO "):
        return None
    try:
        info = json.loads(line[5:])
    except ValueError:
        return None
    return info if isinstance(info, dict) else None

"""The first line that a NATS server sends, read on a bare socket before anything of ours is sent.

It tells apart what the client library cannot: nothing there, silence, something else, and a server without TLS where TLS is
demanded (the library would then send the login in clear).
"""

import asyncio
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from signalbox.brokers.errors import BrokerUnavailable, WrongProtocol
from signalbox.brokers.nats.settings import NatsSettings

INFO_BYTES_MAX = 256 * 1024  # one line; it names every server of the cluster


async def greeting(settings: NatsSettings, url: str) -> dict[str, Any]:
    """Return the server's INFO. The caller bounds the time; {} where the server waits for TLS first.

    Raises:
        BrokerUnavailable: nothing listens, or the name is unknown.
        WrongProtocol: it is no NATS server, or one without TLS where TLS is demanded.
    """
    parts = urlsplit(url)
    reader, writer = await _open(settings, url)
    try:
        if settings.tls_first:
            return {}
        line = await reader.readline()
    except (ValueError, OSError):  # a line without end, or a reset
        line = b""
    finally:
        writer.transport.abort()
    info = _parsed(line)
    if info is None:
        raise WrongProtocol(
            settings.name,
            f"{parts.hostname}:{parts.port} is not a NATS server: it did not begin with an INFO line.",
            "Check the port; clients use 4222 by default, 8222 is for monitoring.",
        )
    if settings.tls and not (info.get("tls_required") or info.get("tls_available")):
        raise WrongProtocol(
            settings.name,
            f"{parts.hostname}:{parts.port} speaks without TLS, and TLS is demanded. The login was not sent.",
            "Switch TLS on at the server, or remove tls:// and the TLS keys here.",
        )
    return info


async def _open(settings: NatsSettings, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    try:
        return await asyncio.open_connection(parts.hostname, parts.port, limit=INFO_BYTES_MAX)
    except socket.gaierror as error:
        found = f"the name {parts.hostname} is not known: {error.strerror}."
        raise BrokerUnavailable(settings.name, found, "Check the host in urls.") from None
    except OSError as error:
        found = f"nothing answers at {parts.hostname}:{parts.port}: {error.strerror or error}."
        raise BrokerUnavailable(
            settings.name, found, "Check that the server runs and that the port is right."
        ) from None


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"INFO "):
        return None
    try:
        info = json.loads(line[5:])
    except ValueError:
        return None
    return info if isinstance(info, dict) else None

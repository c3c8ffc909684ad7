"""A malicious provider on loopback: valid except for the answers that a test overrides."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

from signalbox.kernel.clock import system_clock
from signalbox.servers.process import free_port

CLIENT = "signalbox"
HEADERS_MAX = 64 * 1024

Raw = Callable[[asyncio.StreamWriter], Awaitable[None]]


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@cache
def shared_key() -> RSAKey:
    """The initial key of every provider: generating one takes longer than a test."""
    return rsa("first")


def signed(claims: Mapping[str, Any], key: RSAKey, header: Mapping[str, Any] | None = None) -> str:
    """Return a valid ID token, except for the given header."""
    whole = {"alg": "RS256", "kid": key.kid, **(header or {})}
    return jws.serialize_compact(whole, json.dumps(claims), key, algorithms=[whole["alg"]])


class ForgedProvider:
    """Answers each path with JSON. `overrides` replaces answers: a JSON value, (status, bytes), or a raw writer."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.port = free_port()
        self.issuer = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.key = shared_key()
        self.published: list[Any] = [self.key.as_dict(private=False)]
        self.id_token = ""
        self.access_token: str | None = "an-access-token"
        self.overrides: dict[str, Any] = {}
        self.requests: list[str] = []

    def claims(self, begun: str, **changed: object) -> dict[str, Any]:
        """Return valid claims for a sign-in at this URL, with changes; None removes a claim."""
        now = int(system_clock())
        right = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "somebody",
            "iat": now,
            "exp": now + 300,
            "nonce": query(begun)["nonce"],
            "preferred_username": "ada",
            "groups": ["platform"],
        }
        return {name: value for name, value in {**right, **changed}.items() if value is not None}

    def answers(self) -> dict[str, Any]:
        metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "authorization_response_iss_parameter_supported": True,
        }
        token = {"id_token": self.id_token, "access_token": self.access_token, "token_type": "Bearer"}
        return {
            "/.well-known/openid-configuration": metadata,
            "/jwks": {"keys": self.published},
            "/token": token,
            "/userinfo": {"sub": "somebody"},
        }

    def discovery(self, **changed: object) -> None:
        self.overrides["/.well-known/openid-configuration"] = {
            **self.answers()["/.well-known/openid-configuration"],
            **changed,
        }

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            self.requests.append(path)
            answer = self.overrides.get(path, self.answers().get(path, (404, b"")))
            if callable(answer):
                await answer(writer)
            else:
                status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (status, len(body)))
                writer.write(body)
                await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["ForgedProvider"]:
        server = await asyncio.start_server(
            self._answer, "localhost", self.port, ssl=self._tls, limit=HEADERS_MAX, family=2
        )
        try:
            yield self
        finally:
            server.close()


async def endless(writer: asyncio.StreamWriter) -> None:
    """Answer endlessly, fast."""
    writer.write(b"HTTP/1.1 200 X\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Answer endlessly, byte by byte: no single read times out."""
    writer.write(b"HTTP/1.1 200 X\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

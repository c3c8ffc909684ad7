"""Questions to the provider over HTTP: an answer is bounded in time and size, and redirects are not followed."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import msgspec

from signalbox.security.oidc.errors import CertificateNotTrusted, ProviderError, ProviderUnreachable
from signalbox.security.oidc.settings import OidcSettings, is_safe_url

log = logging.getLogger(__name__)

RESPONSE_BYTES_MAX: Final = 256 * 1024
REQUESTS_AT_ONCE: Final = (
    8  # anybody may begin a sign-in: so many questions are open at most, others wait within their time
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What came back, whatever its status."""

    status: int
    body: bytes

    def parse(self, shape: type[T], what: str) -> T:
        """Return it as this shape. Raises ProviderError when it is something else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, RecursionError) as error:
            log.warning("the company account's server: %s is not what was expected: %s", what, _short(error))
            raise ProviderError(f"{what} is not what was expected") from None


class ProviderClient:
    """Asks one server."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def get(self, address: str, headers: Mapping[str, str] | None = None) -> ProviderResponse:
        """Raises ProviderUnreachable, ProviderError."""
        return await self._send("GET", address, headers or {}, None)

    async def post(self, address: str, headers: Mapping[str, str], form: str) -> ProviderResponse:
        """Raises ProviderUnreachable, ProviderError."""
        return await self._send(
            "POST", address, {**headers, "content-type": "application/x-www-form-urlencoded"}, form.encode()
        )

    async def _send(
        self, method: str, address: str, headers: Mapping[str, str], content: bytes | None
    ) -> ProviderResponse:
        if not is_safe_url(address):
            raise ProviderError("it names an address of itself without TLS")
        identity = {"accept": "application/json", "accept-encoding": "identity"}  # packed, a size would say nothing
        try:
            asked = httpx.Request(method, address, headers={**identity, **headers}, content=content)
            async with asyncio.timeout(self._settings.timeout_s), self._slots, await self._client() as client:
                response = await client.send(asked, stream=True)
                return ProviderResponse(response.status_code, await _body(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
            log.warning("the company account's server %s does not answer: %s", self._settings.host, _short(error))
            refused = "CERTIFICATE_VERIFY_FAILED" in str(error)  # httpx keeps no more of the cause than its text
            raise (CertificateNotTrusted if refused else ProviderUnreachable)(self._settings.host) from None

    async def _client(self) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=self._settings.ca_file)
        return httpx.AsyncClient(verify=self._tls, timeout=self._settings.timeout_s)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > RESPONSE_BYTES_MAX:
            raise ProviderError(f"it is longer than {RESPONSE_BYTES_MAX // 1024} KiB")
    return bytes(body)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:200]!r}"

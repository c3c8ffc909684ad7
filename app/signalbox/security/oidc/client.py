"""HTTP requests to the provider. Responses are bounded in time and size, and redirects are not followed."""

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
REQUESTS_AT_ONCE: Final = 8  # anyone can start a sign-in; further requests wait within their timeout

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A response of any status."""

    status: int
    body: bytes

    def parse(self, shape: type[T], what: str) -> T:
        """Parse the body as this type; `what` names it in the error. Raises ProviderError."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, RecursionError) as error:
            log.warning("identity provider: %s is malformed: %s", what, _short(error))
            raise ProviderError(f"{what} is malformed") from None


class ProviderClient:
    """Sends requests to one provider."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> ProviderResponse:
        """Raises ProviderUnreachable, ProviderError."""
        return await self._send("GET", url, headers or {}, None)

    async def post(self, url: str, headers: Mapping[str, str], form: str) -> ProviderResponse:
        """Raises ProviderUnreachable, ProviderError."""
        return await self._send(
            "POST", url, {**headers, "content-type": "application/x-www-form-urlencoded"}, form.encode()
        )

    async def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> ProviderResponse:
        if not is_safe_url(url):
            raise ProviderError("the discovery document contains a URL without TLS")
        default_headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
        }  # compression would defeat the size limit
        try:
            request = httpx.Request(method, url, headers={**default_headers, **headers}, content=content)
            async with asyncio.timeout(self._settings.timeout_s), self._slots, await self._client() as client:
                response = await client.send(request, stream=True)
                return ProviderResponse(response.status_code, await _body(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
            log.warning("identity provider %s does not respond: %s", self._settings.host, _short(error))
            untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)  # httpx keeps only the text of the cause
            raise (CertificateNotTrusted if untrusted else ProviderUnreachable)(self._settings.host) from None

    async def _client(self) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context, cafile=self._settings.ca_file)
        return httpx.AsyncClient(verify=self._tls, timeout=self._settings.timeout_s)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > RESPONSE_BYTES_MAX:
            raise ProviderError(f"the answer is larger than {RESPONSE_BYTES_MAX // 1024} KiB")
    return bytes(body)


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:200]!r}"

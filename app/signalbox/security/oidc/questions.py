"""Questions to the provider over HTTP: an answer is bounded in time and size, and redirects are not followed."""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx
import msgspec

from signalbox.security.oidc.errors import CertificateRefused, ProviderDown, ProviderFault
from signalbox.security.oidc.settings import OidcSettings, is_safe_address

log = logging.getLogger(__name__)

ANSWER_BYTES_MAX: Final = 256 * 1024
AT_ONCE: Final = 8  # anybody may begin a sign-in: so many questions are open at most, others wait within their time

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    body: bytes

    def read(self, shape: type[T], what: str) -> T:
        """Return it as this shape. Raises ProviderFault when it is something else."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, RecursionError) as error:
            log.warning("the company account's server: %s is not what was expected: %s", what, _bounded(error))
            raise ProviderFault(f"{what} is not what was expected") from None


class Questions:
    """Asks one server."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(AT_ONCE)
        self._trusted: ssl.SSLContext | None = None

    async def get(self, address: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises ProviderDown, ProviderFault."""
        return await self._ask("GET", address, headers or {}, None)

    async def post(self, address: str, headers: Mapping[str, str], form: str) -> Answer:
        """Raises ProviderDown, ProviderFault."""
        return await self._ask(
            "POST", address, {**headers, "content-type": "application/x-www-form-urlencoded"}, form.encode()
        )

    async def _ask(self, method: str, address: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        if not is_safe_address(address):
            raise ProviderFault("it names an address of itself without TLS")
        identity = {"accept": "application/json", "accept-encoding": "identity"}  # packed, a size would say nothing
        try:
            asked = httpx.Request(method, address, headers={**identity, **headers}, content=content)
            async with asyncio.timeout(self._settings.timeout_s), self._places, await self._client() as client:
                response = await client.send(asked, stream=True)
                return Answer(response.status_code, await _body(response))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
            log.warning("the company account's server %s does not answer: %s", self._settings.host, _bounded(error))
            refused = "CERTIFICATE_VERIFY_FAILED" in str(error)  # httpx keeps no more of the cause than its text
            raise (CertificateRefused if refused else ProviderDown)(self._settings.host) from None

    async def _client(self) -> httpx.AsyncClient:
        if self._trusted is None:
            self._trusted = await asyncio.to_thread(ssl.create_default_context, cafile=self._settings.ca_file)
        return httpx.AsyncClient(verify=self._trusted, timeout=self._settings.timeout_s)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise ProviderFault(f"it is longer than {ANSWER_BYTES_MAX // 1024} KiB")
    return bytes(body)


def _bounded(error: BaseException) -> str:
    return f"{type(error).__name__} {str(error)[:200]!r}"

"""HTTP requests to the broker's plugins: bounded size, a time limit per request, errors of our own."""

import asyncio
import contextlib
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import msgspec

from signalbox.brokers.clock_skew import ClockSkew
from signalbox.brokers.errors import BrokerError, WrongProtocol
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.tls import tls_context
from signalbox.kernel.clock import Clock

ANSWER_BYTES_MAX = 256 * 1024 * 1024  # a listing of 100,000 queues has 140 MB
REASON_BYTES_MAX = 2000
CHUNK_BYTES = 1024 * 1024
CONNECTIONS_MAX = 16
KEEP_ALIVE_S = 3.0  # the broker closes an idle connection after 5 s: one kept as long is closed while we send
LOST = (
    httpx.RemoteProtocolError,
    httpx.ReadError,
    httpx.WriteError,
)  # the answer of a connection that was closed meanwhile


def quote_segment(name: str) -> str:
    """Return a name as one path segment. "." and ".." cannot be quoted: compare the name in the answer."""
    return quote(name, safe="")


class HttpApi:
    """An HTTP API of the broker. Sends only GET requests."""

    def __init__(self, settings: RabbitSettings, base: str, clock: Clock, *, login: bool) -> None:
        self._connection = settings.name
        self._base = base
        self._redact = settings.redact
        self._clock = clock
        self.clock_skew = ClockSkew()
        self._login = (settings.user, settings.password.get_secret_value()) if login else None
        self._verify = tls_context(settings) if base.startswith("https:") else True
        self._client = self._new_client(kept=CONNECTIONS_MAX)
        self._unkept_client = self._new_client(kept=0)

    async def get(self, path: str, *, limit_s: float) -> bytes:
        """Return the body of an answer with status 200.

        Raises:
            BrokerError: no answer within `limit_s`, or another status.
        """
        status, body = await self.request(path, limit_s=limit_s)
        if status != 200:
            raise self.status_error(path, status, body)
        return body

    async def get_json(self, path: str, *, limit_s: float) -> object:
        """As `get`, for a small JSON document."""
        body = await self.get(path, limit_s=limit_s)
        with self.decoding(path):
            return msgspec.json.decode(body)

    async def request(self, path: str, *, limit_s: float) -> tuple[int, bytes]:
        """Return the status and body of an answer with any status. Repeats it once when a kept connection is lost."""
        try:
            async with asyncio.timeout(limit_s):
                try:
                    return await self._send(self._client, path)
                except LOST:
                    return await self._send(self._unkept_client, path)
        except TimeoutError:
            raise errors.timed_out(self._connection, self._url(path), limit_s) from None
        except (httpx.HTTPError, OSError) as error:  # a rejected certificate arrives as a plain SSLError
            raise errors.from_http(self._connection, self._url(path), error) from error
        except (httpx.InvalidURL, UnicodeError) as error:  # a label that starts with xn-- and is no IDNA
            raise BrokerError(
                self._connection, f"The host name in {self._url(path)} cannot exist.", "Correct host or management_url."
            ) from error
        except RuntimeError as error:  # httpx: the client was closed in the meantime
            raise BrokerError(self._connection, "The connection is closed.", "Connect again.") from error

    async def close(self) -> None:
        await self._client.aclose()
        await self._unkept_client.aclose()

    def status_error(self, path: str, status: int, body: bytes) -> BrokerError:
        reason = self._redact(body[:REASON_BYTES_MAX].decode(errors="replace"))
        return errors.from_status(self._connection, self._url(path), status, reason)

    @contextlib.contextmanager
    def decoding(self, path: str) -> Iterator[None]:
        """Translate the errors of decoding an answer to WrongProtocol."""
        try:
            yield
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = f"A web server answers at {self._url(path)}, but not as RabbitMQ's management API."
            raise WrongProtocol(self._connection, problem, "Check the URL.") from error

    def _new_client(self, *, kept: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            auth=self._login,
            verify=self._verify,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=kept, keepalive_expiry=KEEP_ALIVE_S
            ),
            timeout=None,  # noqa: S113 - each request has its own limit for the whole answer
            trust_env=False,  # internal brokers are not behind the proxy for external traffic
        )

    async def _send(self, client: httpx.AsyncClient, path: str) -> tuple[int, bytes]:
        requested_at = self._clock()
        async with client.stream("GET", f"{self._base}{path}") as answer:
            self.clock_skew.add(answer.headers.get("Date"), requested_at, self._clock())
            return answer.status_code, await self._body(answer, path)

    async def _body(self, answer: httpx.Response, path: str) -> bytes:
        chunks, size = [], 0
        async for chunk in answer.aiter_bytes(CHUNK_BYTES):
            size += len(chunk)
            if size > ANSWER_BYTES_MAX:
                problem = f"{self._url(path)} answered with more than {ANSWER_BYTES_MAX} bytes."
                raise WrongProtocol(self._connection, problem, "Check the URL.")
            chunks.append(chunk)
        return b"".join(chunks)

    def _url(self, path: str) -> str:
        return f"{self._base}{path.partition('?')[0]}"

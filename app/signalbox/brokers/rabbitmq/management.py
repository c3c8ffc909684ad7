"""The management plugin's HTTP API: bounded answers, a time limit per question, errors as ours."""

import asyncio
from urllib.parse import quote

import httpx
import msgspec

from signalbox.brokers.errors import BrokerError, WrongProtocol
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.tls import tls_context

ANSWER_BYTES_MAX = 256 * 1024 * 1024  # a listing of 100,000 queues is 140 MB; more is not a listing
REASON_BYTES_MAX = 2000
PIECE_BYTES = 1024 * 1024
AT_ONCE = 16


def path_part(name: str) -> str:
    """Return a name as one part of a path. "." and ".." cannot be: compare the name in the answer."""
    return quote(name, safe="")


class WebApi:
    """One HTTP API of the broker. Asks only with GET."""

    def __init__(self, settings: RabbitSettings, base: str, *, login: bool) -> None:
        self._connection = settings.name
        self._base = base
        self._hide = settings.redact
        self._client = httpx.AsyncClient(
            auth=(settings.user, settings.password.get_secret_value()) if login else None,
            verify=tls_context(settings) if base.startswith("https:") else True,
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            timeout=None,  # noqa: S113 - each question has a limit of its own, over all of it
            trust_env=False,  # a broker inside is not behind the proxy that leads outside
        )

    async def get(self, path: str, *, limit_s: float) -> bytes:
        """Return the body of a 200 answer.

        Raises:
            BrokerError: no answer within `limit_s`, or another answer; says which.
        """
        status, body = await self.ask(path, limit_s=limit_s)
        if status != 200:
            raise self.refused(path, status, body)
        return body

    async def ask(self, path: str, *, limit_s: float) -> tuple[int, bytes]:
        """Return the status and body of any answer."""
        try:
            async with asyncio.timeout(limit_s), self._client.stream("GET", f"{self._base}{path}") as answer:
                return answer.status_code, await self._body(answer, path)
        except TimeoutError:
            raise errors.silent(self._connection, self._place(path), limit_s) from None
        except (httpx.HTTPError, OSError) as error:  # a refused certificate comes as a bare SSLError
            raise errors.from_http(self._connection, self._place(path), error) from error
        except RuntimeError as error:  # httpx: the client was closed meanwhile
            raise BrokerError(self._connection, "the connection is closed.", "Connect again.") from error

    async def close(self) -> None:
        await self._client.aclose()

    def refused(self, path: str, status: int, body: bytes) -> BrokerError:
        reason = self._hide(body[:REASON_BYTES_MAX].decode(errors="replace"))
        return errors.from_status(self._connection, self._place(path), status, reason)

    def decode_error(self, path: str) -> WrongProtocol:
        return WrongProtocol(
            self._connection, f"{self._place(path)} did not answer as RabbitMQ does.", "Check the address."
        )

    async def _body(self, answer: httpx.Response, path: str) -> bytes:
        pieces, size = [], 0
        async for piece in answer.aiter_bytes(PIECE_BYTES):
            size += len(piece)
            if size > ANSWER_BYTES_MAX:
                raise WrongProtocol(
                    self._connection, f"{self._place(path)} answered more than {ANSWER_BYTES_MAX} bytes.", "Check it."
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _place(self, path: str) -> str:
        return f"{self._base}{path.partition('?')[0]}"


async def json_of(api: WebApi, path: str, *, limit_s: float) -> object:
    """Return a small JSON answer.

    Raises:
        BrokerError: no such answer, or not JSON.
    """
    body = await api.get(path, limit_s=limit_s)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise api.decode_error(path) from error

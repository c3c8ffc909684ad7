"""A nats-py client that never reconnects (connection.py does), and that adds three guarantees.

It never sends a login in clear text when TLS is required. A request ends at once when the connection breaks or the server denies
it, where the library would wait for its timeout. Closing ends in time even if the server is frozen.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, Error, NoRespondersError, OutboundBufferLimitError
from typing_extensions import override

from signalbox.brokers.model import Why
from signalbox.brokers.nats.fields import integer, text

CLOSE_TIMEOUT_S = 1.0
PING_INTERVAL_S = 5  # two unanswered pings reveal a frozen server after 10-15 s; the library's defaults take 6 minutes
UNANSWERED_PINGS_MAX = 2
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "(.*)"')
_INBOX_DENIED = "the user may not subscribe to _INBOX.>, where answers arrive"
_QUOTED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u([0-9a-f]{8})|(.))", re.IGNORECASE)


class ConnectionLost(Exception):
    """The connection broke; the server may have executed a pending request."""


class JetStreamError(Exception):
    """The server or JetStream did not execute a request. `code` is JetStream's error code, 0 if there is none."""

    def __init__(self, why: Why, detail: str, code: int = 0) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.code = code


NO_RESPONDERS = 503  # the subject has no subscriber


@dataclass(eq=False, slots=True)
class _PendingRequest:
    """A request that waits for its answer. Its timeout is moved to now when no answer can come."""

    subject: str
    timeout: asyncio.Timeout
    denied: str = ""
    lost: bool = False

    def end(self) -> None:
        self.timeout.reschedule(asyncio.get_running_loop().time())


class NatsClient(Client):
    """One connection to one server, from `dial` until it breaks or is closed."""

    def __init__(self, *, tls: bool) -> None:
        super().__init__()
        self.on_lost: set[Callable[[], None]] = set()
        self._tls_required = tls
        self._pending_requests: set[_PendingRequest] = set()
        self._inbox_denied = False  # one subscription receives every answer, and the server denied it

    async def dial(self, url: str, *, name: str, timeout_s: float, options: Mapping[str, Any]) -> None:
        """Connect and sign in. The caller bounds the time, and calls `shut_down` after a failure."""
        await self.connect(
            servers=[url],
            name=name,
            error_cb=self._on_error,
            allow_reconnect=False,
            connect_timeout=timeout_s,  # type: ignore[arg-type]  # annotated int, passed to asyncio.wait_for
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=UNANSWERED_PINGS_MAX,
            pending_size=0,  # refuse what cannot be sent now instead of sending it later
            **options,
        )
        if not self.is_connected:
            raise ConnectionLost("the server closed the connection at once")

    async def send_request(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """Send a request and return its answer.

        Raises JetStreamError without an answer, subscriber or permission; ConnectionLost if the server may have executed it.
        """
        if not self.is_connected:
            raise ConnectionLost("the connection is closed")
        if self._inbox_denied:
            raise JetStreamError(Why.NOT_PERMITTED, _INBOX_DENIED)
        pending = _PendingRequest(subject, asyncio.timeout(timeout_s))
        self._pending_requests.add(pending)
        try:
            async with pending.timeout:
                return await self.request(subject, payload, timeout=timeout_s + 60, headers=headers)
        except TimeoutError:
            if pending.lost:
                raise ConnectionLost("the connection broke") from None
            detail = pending.denied or f"no answer to {subject} within {timeout_s:.3g} s"
            raise JetStreamError(Why.NOT_PERMITTED if pending.denied else Why.NO_ANSWER, detail) from None
        except NoRespondersError:
            raise JetStreamError(Why.NO_ANSWER, f"no subscriber on {subject}", NO_RESPONDERS) from None
        except (ConnectionClosedError, OutboundBufferLimitError, OSError):
            raise ConnectionLost("the connection broke") from None
        finally:
            self._pending_requests.discard(pending)

    async def shut_down(self) -> None:
        """Close in time, even if the server does not answer."""
        if self.is_connected:
            with contextlib.suppress(TimeoutError, Error, OSError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self.close()
        for writer in (getattr(self._transport, "_io_writer", None), getattr(self._transport, "_bare_io_writer", None)):
            if writer is not None:
                writer.transport.abort()

    async def _on_error(self, error: Exception) -> None:
        """Match a permissions violation with its request. The server writes the subject in lower case, quoted as in Go."""
        violation = _VIOLATION.search(str(error).lower())
        if violation is None:
            return
        subject = _QUOTED.sub(_unquote, violation[2])
        self._inbox_denied |= violation[1] == "subscription"
        for pending in tuple(self._pending_requests):
            if self._inbox_denied or pending.subject.lower() == subject:
                denied = f"the user may not publish to {pending.subject}"
                pending.denied = _INBOX_DENIED if self._inbox_denied else denied
                pending.end()

    @override
    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """The library upgrades to TLS only if this key is true: a man in the middle must not decide that."""
        if self._tls_required:
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    @override
    async def _close(self, status: int, do_cbs: bool = True) -> None:
        for callback in tuple(self.on_lost):
            callback()
        for pending in tuple(self._pending_requests):
            pending.lost = True
            pending.end()
        await super()._close(status, do_cbs)


def _unquote(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else match[4]


def decode(message: Msg) -> dict[str, Any]:
    """Return the JSON object that JetStream answered. Raises JetStreamError if it is an error, or not JetStream's."""
    try:
        answer = json.loads(message.data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise JetStreamError(Why.NO_ANSWER, f"the answer on {message.subject} is not JetStream's")
    if "error" in answer:
        code = integer(answer, "error", "err_code") or integer(answer, "error", "code") or 0
        raise JetStreamError(_WHY.get(code, Why.NO_ANSWER), text(answer, "error", "description"), code)
    return answer


# JetStream's error codes (nats-server, server/errors.json)
TEMPORARILY_UNAVAILABLE = 10008
CONSUMER_MISSING = 10014
NOT_FOR_ACCOUNT = 10039
STREAM_MISSING = 10059
STREAM_EXISTS = 10058
CONSUMER_EXISTS = 10148
CONSUMER_NAME_TAKEN = 10013

_WHY = {TEMPORARILY_UNAVAILABLE: Why.NO_LEADER, NOT_FOR_ACCOUNT: Why.NOT_PERMITTED}

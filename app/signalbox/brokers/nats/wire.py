"""nats-py's client with three promises that it does not make itself. It is told never to reconnect: that is connection.py's task.

A login never leaves in clear when TLS is demanded. A question ends at once when the connection is lost or the server says that it
is not permitted, where the library waits for its timeout. Closing ends in time, also when the server is frozen.
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
from signalbox.brokers.nats.answers import number, text

CLOSE_WAIT_S = 1.0
PING_EVERY_S = (
    5  # with two unanswered a frozen server is noticed after 10-15 s; the library's own figures give 6 minutes
)
PINGS_UNANSWERED_MAX = 2
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "(.*)"')
_DEAF = "the user may not subscribe to _INBOX.>, where answers come"
_QUOTED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u([0-9a-f]{8})|(.))", re.IGNORECASE)


class Lost(Exception):
    """The connection is not there any more; whatever was asked may have been done."""


class Refusal(Exception):
    """The server, or a part of JetStream, did not do what it was asked. `code` is JetStream's own, 0 where it gave none."""

    def __init__(self, why: Why, detail: str, code: int = 0) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.code = code


NO_RESPONDERS = 503  # nobody listens to that subject at all


@dataclass(eq=False, slots=True)
class _Question:
    """What waits for an answer. Its deadline is moved to now when none can come."""

    subject: str
    deadline: asyncio.Timeout
    refused: str = ""
    lost: bool = False

    def end(self) -> None:
        self.deadline.reschedule(asyncio.get_running_loop().time())


class Wire(Client):
    """One connection to one server, from `dial` until it is lost or closed."""

    def __init__(self, *, tls: bool) -> None:
        super().__init__()
        self.when_lost: set[Callable[[], None]] = set()
        self._tls_demanded = tls
        self._questions: set[_Question] = set()
        self._deaf = False  # no answer can reach us: the subscription for all of them is made once, and was refused

    async def dial(self, url: str, *, name: str, timeout_s: float, options: Mapping[str, Any]) -> None:
        """Connect and sign in. The caller bounds the time and closes it after a failure."""
        await self.connect(
            servers=[url],
            name=name,
            error_cb=self._heard,
            allow_reconnect=False,
            connect_timeout=timeout_s,  # type: ignore[arg-type]  # annotated int, handed to asyncio.wait_for
            ping_interval=PING_EVERY_S,
            max_outstanding_pings=PINGS_UNANSWERED_MAX,
            pending_size=0,  # what cannot be sent now is refused, not kept and delivered later
            **options,
        )
        if not self.is_connected:
            raise Lost("the server closed the connection at once")

    async def ask(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """Send a request and return its answer.

        Raises:
            Refusal: no answer in time, nobody there to answer, or not permitted.
            Lost: the connection broke; what was asked may have been done.
        """
        if not self.is_connected:
            raise Lost("the connection is closed")
        if self._deaf:
            raise Refusal(Why.NOT_PERMITTED, _DEAF)
        question = _Question(subject, asyncio.timeout(timeout_s))
        self._questions.add(question)
        try:
            async with question.deadline:
                return await self.request(subject, payload, timeout=timeout_s + 60, headers=headers)
        except TimeoutError:
            raise self._ended(question, timeout_s) from None
        except NoRespondersError:
            raise Refusal(Why.NO_ANSWER, f"nobody answers {subject}", NO_RESPONDERS) from None
        except (ConnectionClosedError, OutboundBufferLimitError, OSError):
            raise Lost("the connection broke") from None
        finally:
            self._questions.discard(question)

    def _ended(self, question: _Question, timeout_s: float) -> Exception:
        if question.lost:
            return Lost("the connection broke")
        if question.refused:
            return Refusal(Why.NOT_PERMITTED, question.refused)
        return Refusal(Why.NO_ANSWER, f"no answer to {question.subject} within {timeout_s:.3g} s")

    async def end(self) -> None:
        """Close in time, whatever the server does."""
        if self.is_connected:
            with contextlib.suppress(TimeoutError, Error, OSError):
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await self.close()
        for writer in (getattr(self._transport, "_io_writer", None), getattr(self._transport, "_bare_io_writer", None)):
            if writer is not None:
                writer.transport.abort()

    async def _heard(self, error: Exception) -> None:
        """Errors that belong to no call. A violation names its subject in lower case, quoted as Go quotes."""
        violation = _VIOLATION.search(str(error).lower())
        if violation is None:
            return
        subject = _QUOTED.sub(_unquoted, violation[2])
        self._deaf |= violation[1] == "subscription"
        for question in tuple(self._questions):
            if self._deaf or question.subject.lower() == subject:
                question.refused = _DEAF if self._deaf else f"the user may not publish to {question.subject}"
                question.end()

    @override
    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """The library upgrades to TLS only when this key is true: whoever stands in between must not decide that."""
        if self._tls_demanded:
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    @override
    async def _close(self, status: int, do_cbs: bool = True) -> None:
        for tell in tuple(self.when_lost):
            tell()
        for question in tuple(self._questions):
            question.lost = True
            question.end()
        await super()._close(status, do_cbs)


def _unquoted(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else match[4]


def decoded(message: Msg) -> dict[str, Any]:
    """Return the JSON object that JetStream answered.

    Raises:
        Refusal: it answered with an error, or with something else.
    """
    try:
        answer = json.loads(message.data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refusal(Why.NO_ANSWER, f"the answer on {message.subject} is not JetStream's")
    if "error" in answer:
        code = number(answer, "error", "err_code") or number(answer, "error", "code") or 0
        raise Refusal(_WHY.get(code, Why.NO_ANSWER), text(answer, "error", "description"), code)
    return answer


# JetStream's own error codes (nats-server, server/errors.json)
TEMPORARILY_UNAVAILABLE = 10008
CONSUMER_MISSING = 10014
NOT_FOR_ACCOUNT = 10039
STREAM_MISSING = 10059
STREAM_EXISTS = 10058
CONSUMER_EXISTS = 10148
CONSUMER_NAME_TAKEN = 10013

_WHY = {TEMPORARILY_UNAVAILABLE: Why.NO_LEADER, NOT_FOR_ACCOUNT: Why.NOT_PERMITTED}

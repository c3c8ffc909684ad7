"""Publishes to a stream and waits until JetStream has stored the message."""

import asyncio
import re
import time
from collections.abc import Mapping
from functools import partial

from signalbox.brokers.backoff import ask_until_found
from signalbox.brokers.errors import BrokerUnavailable, OutcomeUnknown, PublishRefused, Unroutable
from signalbox.brokers.model import Message, Why
from signalbox.brokers.nats.client import NO_RESPONDERS, STREAM_MISSING, JetStreamError, decode
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.fields import mapping
from signalbox.brokers.nats.names import name_problem

MESSAGE_ID = "Nats-Msg-Id"  # JetStream stores one message per id within the stream's duplicate window
EXPECTED_STREAM = "Nats-Expected-Stream"
WRONG_STREAM = 10060
HEADERS_FRAME = len(b"NATS/1.0\r\n\r\n")
SEND_TIMEOUT_MIN_S = 0.05
_STORED = b'{"stream":'  # the stream's name follows, quoted as in Go, which is not JSON for control characters
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAY_BE_STORED = "The message may be stored: publish it again only with the same message id."


class JetStreamPublisher:
    """A destination is a stream; its messages go to the stream's first subject."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection
        self._name = connection.settings.name
        self._subjects: dict[str, str] = {}

    async def publish(self, stream: str, message: Message, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        if problem := name_problem(stream):
            raise Unroutable(self._name, f"There is no stream {stream[:300]!r}: {problem}.")
        await self._connection.connected_client()
        headers = self._headers(stream, message)
        subject = await self._find_subject(stream, deadline)
        try:
            await self._send(subject, message.body, headers, deadline)
        except Unroutable:  # not stored; a stream that recovers has no subscriber for a moment
            subject = await self._find_subject(stream, deadline)
            await self._send(subject, message.body, headers, deadline)

    async def _send(self, subject: str, body: bytes, headers: dict[str, str], deadline: float) -> None:
        stream = headers[EXPECTED_STREAM]
        left_s = max(deadline - time.monotonic(), SEND_TIMEOUT_MIN_S)
        try:
            answer = await self._connection.request(subject, body, timeout_s=left_s, headers=headers)
            if not answer.data.startswith(_STORED):
                decode(answer)
        except JetStreamError as error:
            raise self._publish_error(stream, subject, error) from None
        except BrokerUnavailable as lost:
            problem = f"The message for {stream} was sent, then the connection failed. {lost.problem}"
            raise OutcomeUnknown(self._name, problem, _MAY_BE_STORED) from None

    async def _find_subject(self, stream: str, deadline: float) -> str:
        if stream in self._subjects:
            return self._subjects[stream]
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                ask, is_ready = partial(self._request_subject, stream, deadline), self._connection.is_jetstream_ready
                self._subjects[stream] = await ask_until_found(ask, is_ready, missing=Unroutable)
        except TimeoutError:
            raise PublishRefused(self._name, f"JetStream did not find the stream {stream} in time.") from None
        return self._subjects[stream]

    async def _request_subject(self, stream: str, deadline: float) -> str:
        timeout_s = max(deadline - time.monotonic(), SEND_TIMEOUT_MIN_S)
        try:
            answer = await self._connection.request_api(f"STREAM.INFO.{stream}", timeout_s=timeout_s)
        except JetStreamError as error:
            if error.code == STREAM_MISSING:
                raise Unroutable(self._name, f"There is no stream {stream}.", "Create the stream first.") from None
            if error.why is not Why.NOT_PERMITTED:
                raise self._connection.broker_error(error) from None
            return stream  # the user may only publish: `ensure` names the subject after the stream
        return self._first_subject(stream, mapping(answer, "config").get("subjects"))

    def _first_subject(self, stream: str, subjects: object) -> str:
        texts = [s for s in subjects if isinstance(s, str)] if isinstance(subjects, list) else []
        if not texts:
            problem = f"The stream {stream} has no subjects: it mirrors or aggregates other streams."
            raise PublishRefused(self._name, problem)
        if {"*", ">"} & set(texts[0].split(".")):
            problem = f"The first subject of the stream {stream} is a pattern, {texts[0]}."
            raise PublishRefused(self._name, problem, "Put a subject without wildcards first.")
        return texts[0]

    def _headers(self, stream: str, message: Message) -> dict[str, str]:
        headers = {**message.headers, EXPECTED_STREAM: stream}
        if message.id is not None:
            headers[MESSAGE_ID] = message.id
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or value != value.strip() or "\r" in value or "\n" in value:
                problem = f"NATS cannot carry the header {name[:100]!r} unchanged."
                hint = "Use a plain word as the name, and a value without line ends or surrounding spaces."
                raise PublishRefused(self._name, problem, hint)
        most, size = self._connection.info.get("max_payload"), len(message.body) + _size(headers)
        if isinstance(most, int) and size > most:
            problem = f"The message has {size} bytes; the server accepts at most {most}."
            raise PublishRefused(self._name, problem, "Raise max_payload.")
        return headers

    def _publish_error(self, stream: str, subject: str, error: JetStreamError) -> Exception:
        self._subjects.pop(stream, None)
        if error.code in {NO_RESPONDERS, WRONG_STREAM}:
            problem = f"No stream {stream} receives messages on {subject}."
            return Unroutable(self._name, problem, "Create the stream first.")
        if error.why is Why.NO_ANSWER and not error.code:
            problem = f"No confirmation for a message to {stream}: {error.detail}."
            return OutcomeUnknown(self._name, problem, _MAY_BE_STORED)
        return PublishRefused(self._name, f"{stream} refused the message: {error.detail}.")


def _size(headers: Mapping[str, str]) -> int:
    return HEADERS_FRAME + sum(len(name) + len(value.encode()) + 4 for name, value in headers.items())

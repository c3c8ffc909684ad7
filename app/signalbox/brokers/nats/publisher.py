"""Publishes to a stream and waits until JetStream has stored the message."""

import re
import time
from collections.abc import Mapping

from signalbox.brokers.errors import BrokerUnavailable, OutcomeUnknown, PublishRefused, Unroutable
from signalbox.brokers.model import Message, Why
from signalbox.brokers.nats.answers import part
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.names import wrong
from signalbox.brokers.nats.wire import NO_RESPONDERS, STREAM_MISSING, Refusal, decoded

MESSAGE_ID = "Nats-Msg-Id"  # JetStream stores a message of a known id once, within the stream's duplicate window
EXPECTED_STREAM = "Nats-Expected-Stream"
WRONG_STREAM = 10060
_STORED = b'{"stream":'  # the server quotes the name that follows as Go does, which is no JSON for control characters
HEADERS_FRAME = len(b"NATS/1.0\r\n\r\n")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class JetStreamPublisher:
    """A destination is a stream; its messages go to the stream's first subject."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._name = connection.settings.name
        self._subjects: dict[str, str] = {}

    async def publish(self, stream: str, message: Message, *, timeout_s: float) -> None:
        """As port.Publisher.publish."""
        until = time.monotonic() + timeout_s
        await self._connection.live()
        subject = await self._subject(stream, timeout_s)
        headers = self._headers(stream, message)
        left = max(until - time.monotonic(), 0.05)
        try:
            answer = await self._connection.request(subject, message.body, timeout_s=left, headers=headers)
            if not answer.data.startswith(_STORED):
                decoded(answer)
        except Refusal as refusal:
            raise self._failed(stream, subject, refusal) from None
        except BrokerUnavailable as lost:
            raise OutcomeUnknown(
                self._name, f"the message for {stream} was sent, then {lost.problem}", _TWICE
            ) from None

    async def _subject(self, stream: str, timeout_s: float) -> str:
        if reason := wrong(stream):
            raise Unroutable(self._name, f"there is no stream {stream[:300]!r}: {reason}.")
        if stream not in self._subjects:
            try:
                answer = await self._connection.ask(f"STREAM.INFO.{stream}", timeout_s=timeout_s)
            except Refusal as refusal:
                if refusal.code == STREAM_MISSING:
                    raise Unroutable(self._name, f"there is no stream {stream}.", "Create it first.") from None
                if refusal.why is not Why.NOT_PERMITTED:
                    raise self._connection.error(refusal) from None
                return stream  # a user that may only publish: by the stream's name, as `ensure` makes them
            self._subjects[stream] = self._first(stream, part(answer, "config").get("subjects"))
        return self._subjects[stream]

    def _first(self, stream: str, subjects: object) -> str:
        exact = [s for s in subjects if isinstance(s, str)] if isinstance(subjects, list) else []
        if not exact:
            raise PublishRefused(self._name, f"the stream {stream} takes no messages: it is a mirror or fed by others.")
        if {"*", ">"} & set(exact[0].split(".")):
            raise PublishRefused(
                self._name,
                f"the stream {stream} takes a pattern of subjects, {exact[0]}.",
                "Name one of them first in it.",
            )
        return exact[0]

    def _headers(self, stream: str, message: Message) -> dict[str, str]:
        headers = {**message.headers, EXPECTED_STREAM: stream}
        if message.id is not None:
            headers[MESSAGE_ID] = message.id
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or value != value.strip() or "\r" in value or "\n" in value:
                found = f"NATS cannot carry the header {name[:100]!r} unchanged."
                raise PublishRefused(
                    self._name, found, "No line ends, no blanks around the value, a plain word as name."
                )
        most, size = self._connection.info.get("max_payload"), len(message.body) + _size(headers)
        if isinstance(most, int) and size > most:
            raise PublishRefused(
                self._name, f"the message has {size} bytes; the server takes {most}.", "Raise max_payload."
            )
        return headers

    def _failed(self, stream: str, subject: str, refusal: Refusal) -> Exception:
        self._subjects.pop(stream, None)
        if refusal.code in {NO_RESPONDERS, WRONG_STREAM}:
            return Unroutable(self._name, f"no stream {stream} takes messages on {subject}.", "Create it first.")
        if refusal.why is Why.NO_ANSWER and not refusal.code:
            return OutcomeUnknown(self._name, f"no confirm for a message to {stream}: {refusal.detail}.", _TWICE)
        return PublishRefused(self._name, f"{stream} did not take the message: {refusal.detail}.")


_TWICE = "It may be stored: publish it again only with the same message id."


def _size(headers: Mapping[str, str]) -> int:
    return HEADERS_FRAME + sum(len(name) + len(value.encode()) + 4 for name, value in headers.items())

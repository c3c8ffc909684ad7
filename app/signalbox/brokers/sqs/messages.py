"""A message as SQS can carry it, and back, byte for byte.

SQS takes text of 1 byte or more without most control characters, at most 10 attributes, none of them empty. What does not fit
travels in one more attribute, `signalbox`, a JSON object:
    body      "base64": the body is base64 of the bytes; "empty": the body stands for no bytes
    headers   all headers, when they cannot be attributes of their own
    key, id   the message's, where no system attribute of a FIFO queue holds them
A message that needs none of it looks like any other. Rules:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from signalbox.brokers.model import Message

ENVELOPE = "signalbox"
ATTRIBUTES_MOST = 9  # and the envelope
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_SYSTEM_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")  # of a FIFO queue
_NO_GROUP = "signalbox"  # the group of a FIFO message without a key: in order with the others like it


def parameters(message: Message, *, fifo: bool) -> dict[str, Any]:
    """Return what SendMessage takes for it, but the queue."""
    envelope: dict[str, Any] = {}
    text, coding = _text_of(message.body)
    if coding:
        envelope["body"] = coding
    if not _fit(message.headers):
        envelope["headers"] = dict(message.headers)
    fields, carried = _fifo_fields(message) if fifo else ({}, set())
    envelope |= {name: value for name in ("key", "id") if (value := getattr(message, name)) and name not in carried}
    attributes = {} if "headers" in envelope else {name: _string(value) for name, value in message.headers.items()}
    if envelope:
        attributes[ENVELOPE] = _string(json.dumps(envelope))
    return {"MessageBody": text, "MessageAttributes": attributes, **fields}


def message_of(received: Mapping[str, Any]) -> Message:
    """Return the message of one that ReceiveMessage gave. One that was not sent by Signalbox keeps every attribute."""
    attributes = received.get("MessageAttributes", {})
    envelope = _envelope(attributes)
    system = received.get("Attributes", {})
    headers = {name: _value(found) for name, found in attributes.items() if not (name == ENVELOPE and envelope)}
    own = envelope.get("headers")
    key, own_id = envelope.get("key"), envelope.get("id")
    group = system.get("MessageGroupId")
    return Message(
        body=_body_of(received.get("Body", ""), envelope.get("body")),
        headers=headers | ({str(name): str(value) for name, value in own.items()} if isinstance(own, dict) else {}),
        key=key if isinstance(key, str) else (None if group == _NO_GROUP else group),
        id=own_id if isinstance(own_id, str) else system.get("MessageDeduplicationId", received.get("MessageId")),
    )


def _text_of(body: bytes) -> tuple[str, str | None]:
    if not body:
        return "-", "empty"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
    if _FORBIDDEN.search(text):
        return base64.b64encode(body).decode(), "base64"
    return text, None


def _body_of(text: str, coding: object) -> bytes:
    if coding == "empty":
        return b""
    if coding == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass  # somebody else's message that looks like ours: as it came
    return text.encode(errors="surrogatepass")


def _fit(headers: Mapping[str, str]) -> bool:
    """Say whether they can be attributes of their own."""
    return (
        len(headers) <= ATTRIBUTES_MOST
        and all(name != ENVELOPE and _ATTRIBUTE.fullmatch(name) for name in headers)
        and all(value and not _FORBIDDEN.search(value) for value in headers.values())
    )


def _fifo_fields(message: Message) -> tuple[dict[str, str], set[str]]:
    """The group keeps the order of one key. The id makes a message that is sent twice within 5 minutes count once."""
    carried, group, own = set(), _NO_GROUP, uuid.uuid4().hex
    if message.key:
        group = hashlib.sha256(message.key.encode()).hexdigest()
        if _SYSTEM_ID.fullmatch(message.key) and message.key != _NO_GROUP:
            group = message.key
            carried.add("key")
    if message.id:
        own = hashlib.sha256(message.id.encode()).hexdigest()
        if _SYSTEM_ID.fullmatch(message.id):
            own = message.id
            carried.add("id")
    return {"MessageGroupId": group, "MessageDeduplicationId": own}, carried


def _envelope(attributes: Mapping[str, Any]) -> dict[str, Any]:
    text = attributes.get(ENVELOPE, {}).get("StringValue")
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _string(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _value(attribute: Mapping[str, Any]) -> str:
    """Text and numbers as they are, binary as base64."""
    binary = attribute.get("BinaryValue")
    return base64.b64encode(binary).decode() if isinstance(binary, bytes) else str(attribute.get("StringValue", ""))

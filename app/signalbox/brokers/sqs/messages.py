"""Converts messages to SQS and back without loss.

SQS's rules: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from signalbox.brokers.model import Message

ENVELOPE = "signalbox"
"""The attribute for what SQS cannot carry itself (text of at least 1 byte, few control characters, at most 10 attributes, none
empty). A JSON object, absent if the message needs none of it:
    body      "base64": the body is base64 of the bytes; "empty": the body has no bytes
    headers   all headers, if they cannot be attributes of their own
    key, id   the message's, if no system attribute of a FIFO queue holds them
"""
ATTRIBUTES_MAX = 9  # plus the envelope
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_SYSTEM_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")  # of a FIFO queue
_NO_KEY_GROUP = "signalbox"  # the message group of FIFO messages without a key


def to_send_parameters(message: Message, *, fifo: bool) -> dict[str, Any]:
    """Return the parameters of SendMessage, without the queue."""
    envelope: dict[str, Any] = {}
    text, encoding = _encode_body(message.body)
    if encoding:
        envelope["body"] = encoding
    if not _fit_attributes(message.headers):
        envelope["headers"] = dict(message.headers)
    fields, stored = _fifo_fields(message) if fifo else ({}, set())
    envelope |= {name: value for name in ("key", "id") if (value := getattr(message, name)) and name not in stored}
    headers = {} if "headers" in envelope else message.headers
    attributes = {name: _string_attribute(value) for name, value in headers.items()}
    if envelope:
        attributes[ENVELOPE] = _string_attribute(json.dumps(envelope))
    return {"MessageBody": text, "MessageAttributes": attributes, **fields}


def to_message(received: Mapping[str, Any]) -> Message:
    """Return a message from ReceiveMessage. A message from another program keeps all its attributes as headers."""
    attributes = received.get("MessageAttributes", {})
    envelope = _envelope(attributes)
    system = received.get("Attributes", {})
    headers = {name: _attribute_value(a) for name, a in attributes.items() if not (name == ENVELOPE and envelope)}
    if isinstance(packed := envelope.get("headers"), dict):
        headers |= {str(name): str(value) for name, value in packed.items()}
    key, message_id, group = envelope.get("key"), envelope.get("id"), system.get("MessageGroupId")
    if not isinstance(key, str):
        key = None if group == _NO_KEY_GROUP else group
    if not isinstance(message_id, str):
        message_id = system.get("MessageDeduplicationId", received.get("MessageId"))
    body = _decode_body(received.get("Body", ""), envelope.get("body"))
    return Message(body=body, headers=headers, key=key, id=message_id)


def _encode_body(body: bytes) -> tuple[str, str | None]:
    if not body:
        return "-", "empty"
    with suppress(UnicodeDecodeError):
        if not _FORBIDDEN.search(text := body.decode()):
            return text, None
    return base64.b64encode(body).decode(), "base64"


def _decode_body(text: str, encoding: object) -> bytes:
    if encoding == "empty":
        return b""
    if encoding == "base64":
        with suppress(binascii.Error, ValueError):  # a message from another program that looks like ours: unchanged
            return base64.b64decode(text, validate=True)
    return text.encode(errors="surrogatepass")


def _fit_attributes(headers: Mapping[str, str]) -> bool:
    """Return whether all headers can be attributes of their own."""
    return (
        len(headers) <= ATTRIBUTES_MAX
        and all(name != ENVELOPE and _ATTRIBUTE.fullmatch(name) for name in headers)
        and all(value and not _FORBIDDEN.search(value) for value in headers.values())
    )


def _fifo_fields(message: Message) -> tuple[dict[str, str], set[str]]:
    """The group keeps the order per key. SQS stores one message per deduplication id within 5 minutes."""
    stored, group, deduplication_id = set(), _NO_KEY_GROUP, uuid.uuid4().hex
    if message.key:
        group = hashlib.sha256(message.key.encode()).hexdigest()
        if _SYSTEM_ID.fullmatch(message.key) and message.key != _NO_KEY_GROUP:
            group = message.key
            stored.add("key")
    if message.id:
        deduplication_id = hashlib.sha256(message.id.encode()).hexdigest()
        if _SYSTEM_ID.fullmatch(message.id):
            deduplication_id = message.id
            stored.add("id")
    return {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}, stored


def _envelope(attributes: Mapping[str, Any]) -> dict[str, Any]:
    text = attributes.get(ENVELOPE, {}).get("StringValue")
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _string_attribute(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _attribute_value(attribute: Mapping[str, Any]) -> str:
    """Return text and numbers unchanged, and binary values as base64."""
    binary = attribute.get("BinaryValue")
    return base64.b64encode(binary).decode() if isinstance(binary, bytes) else str(attribute.get("StringValue", ""))

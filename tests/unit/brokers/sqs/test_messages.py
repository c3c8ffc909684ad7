"""Messages survive the conversion to SQS and back; messages from other programs stay unchanged."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.model import Message
from signalbox.brokers.sqs.messages import ENVELOPE, to_message, to_send_parameters

ALLOWED = [(0x9, 0x9), (0xA, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]

texts = st.text(max_size=40)
messages = st.builds(
    Message,
    body=st.one_of(st.binary(max_size=60), texts.map(lambda text: text.encode())),
    headers=st.dictionaries(st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True) | texts, texts, max_size=12),
    key=st.none() | texts.filter(bool),
    id=st.none() | texts.filter(bool),
)


def permitted(text: str) -> bool:
    return bool(text) and all(any(low <= ord(char) <= high for low, high in ALLOWED) for char in text)


def as_received(sent: Mapping[str, Any]) -> dict[str, Any]:
    system = {key: sent[key] for key in ("MessageGroupId", "MessageDeduplicationId") if key in sent}
    received = {"MessageId": "given-by-sqs", "Body": sent["MessageBody"], "Attributes": system}
    return {**received, "MessageAttributes": sent["MessageAttributes"]}


@given(messages, st.booleans())
def test_any_message_round_trips_within_the_limits_of_sqs(message: Message, fifo: bool) -> None:
    sent = to_send_parameters(message, fifo=fifo)
    assert permitted(sent["MessageBody"])
    assert len(sent["MessageAttributes"]) <= 10
    assert all(permitted(attribute["StringValue"]) for attribute in sent["MessageAttributes"].values())
    if fifo:
        assert 1 <= len(sent["MessageGroupId"]) <= 128
        assert 1 <= len(sent["MessageDeduplicationId"]) <= 128
    back = to_message(as_received(sent))
    assert (back.body, back.headers, back.key) == (message.body, message.headers, message.key)
    if message.id is not None:
        assert back.id == message.id


def test_plain_text_needs_no_envelope() -> None:
    sent = to_send_parameters(Message(body=b'{"n": 1}\r\n', headers={"trace-id": "4b"}), fifo=False)
    attributes = {"trace-id": {"DataType": "String", "StringValue": "4b"}}
    assert sent == {"MessageBody": '{"n": 1}\r\n', "MessageAttributes": attributes}


def test_fifo_groups_by_key_and_deduplicates_by_id() -> None:
    first, again, other = (
        to_send_parameters(Message(body=b"x", key=key, id=name), fifo=True)
        for key, name in (("Zoë 1", "a b"), ("Zoë 1", "a b"), ("Zoë 2", "a c"))
    )
    assert first["MessageGroupId"] == again["MessageGroupId"] != other["MessageGroupId"]
    assert first["MessageDeduplicationId"] == again["MessageDeduplicationId"] != other["MessageDeduplicationId"]
    without = [to_send_parameters(Message(body=b"x"), fifo=True) for _ in range(2)]
    assert without[0]["MessageDeduplicationId"] != without[1]["MessageDeduplicationId"]


def test_a_message_from_another_program_keeps_its_attributes() -> None:
    attributes = {
        "count": {"DataType": "Number", "StringValue": "12"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        ENVELOPE: {"DataType": "String", "StringValue": "theirs {"},
    }
    received = to_message({"MessageId": "m-1", "Body": "not base64 at all", "MessageAttributes": attributes})
    headers = {"count": "12", "raw": "AP8=", ENVELOPE: "theirs {"}
    assert received == Message(body=b"not base64 at all", headers=headers, id="m-1")


def test_an_invalid_envelope_is_ignored() -> None:
    for envelope in ('{"body": "base64", "headers": 5, "key": [1], "id": {}}', '{"body": ["x"]}', "[1]", "null", "7"):
        attributes = {ENVELOPE: {"StringValue": envelope}}
        received = to_message({"Body": "é!", "MessageAttributes": attributes, "MessageId": "m-2"})
        assert received.body == "é!".encode()
        assert (received.key, received.id) == (None, "m-2")

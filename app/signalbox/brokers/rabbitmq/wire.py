"""What pamqp refuses and RabbitMQ allows, put right in one place: call `widen` before the first connection.

1. Names. pamqp allows only [a-zA-Z0-9-_.:@#,/+ ] in names of queues and exchanges and raises ValueError for all else before
   anything is sent; RabbitMQ takes any UTF-8 of up to 255 bytes. names.refused_name says what is refused instead.
2. Short strings. The broker cuts its error texts at 255 bytes, in the middle of a character when a queue has a long name, and
   whoever publishes chooses the bytes of a message id: pamqp breaks the whole connection over one wrong byte, each time again.
3. Tables. The same for the names of headers.
"""

import re
import struct

from pamqp import common, constants, decode


def widen() -> None:
    """Make pamqp take what the broker takes. May be called again."""
    constants.DOMAIN_REGEX.update(dict.fromkeys(constants.DOMAIN_REGEX, re.compile(r"(?s).*")))
    decode.METHODS.update(shortstr=_short_string, table=_table)
    decode.TABLE_MAPPING[b"F"] = _table


def _short_string(value: bytes) -> tuple[int, str]:
    if not value:
        raise ValueError("a short string without its length")
    end = value[0] + 1
    return end, value[1:end].decode(errors="replace")


def _table(value: bytes) -> tuple[int, common.FieldTable]:
    """As pamqp's own, but that a name which is not UTF-8 is shown as such."""
    try:
        (length,) = struct.unpack_from(">I", value)
    except struct.error as error:
        raise ValueError("a table without its length") from error
    at, end = 4, 4 + length
    if end > len(value):
        raise ValueError("a table longer than its frame")
    table: common.FieldTable = {}
    while at < end:
        consumed, name = _short_string(value[at:end])
        at += consumed
        consumed, table[name] = decode.embedded_value(value[at:end])
        at += consumed
    return end, table

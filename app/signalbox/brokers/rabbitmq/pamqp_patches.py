"""Patches that make pamqp accept every name and string that RabbitMQ allows. Call `relax_pamqp` before the first connection."""

import re
import struct

from pamqp import common, constants, decode


def relax_pamqp() -> None:
    """Make pamqp accept what the broker accepts. May be called again."""
    # pamqp allows [a-zA-Z0-9-_.:@#,/+ ] in queue and exchange names; RabbitMQ any UTF-8 up to 255 bytes (see name_problem).
    constants.DOMAIN_REGEX.update(dict.fromkeys(constants.DOMAIN_REGEX, re.compile(r"(?s).*")))
    # One byte that is not UTF-8 makes pamqp drop the connection: the broker cuts error texts at 255 bytes inside a character, and
    # publishers choose the bytes of message ids and header names.
    decode.METHODS.update(shortstr=_short_string, table=_table)
    decode.TABLE_MAPPING[b"F"] = _table


def _short_string(value: bytes) -> tuple[int, str]:
    if not value:
        raise ValueError("a short string without a length")
    end = value[0] + 1
    return end, value[1:end].decode(errors="replace")


def _table(value: bytes) -> tuple[int, common.FieldTable]:
    """Decode as pamqp does, with a replacement character for name bytes that are not UTF-8."""
    try:
        (length,) = struct.unpack_from(">I", value)
    except struct.error as error:
        raise ValueError("a table without a length") from error
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

"""Rows of the audit log as lines of JSON, with all that is needed to check them away from the database."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from signalbox.security.audit.model import FIELDS, AuditRecord, ChainRow
from signalbox.security.errors import SecurityError

LINE_BYTES_MAX: Final = 256 * 1024  # a row of ours is some kilobytes
KEYS: Final = {"row", "previous", "hash", *FIELDS}


class ExportUnreadable(SecurityError):
    """A line of an export is not one that Signalbox wrote."""


def to_line(row: ChainRow) -> bytes:
    """Return a row as a line, its end included. Hashes are hexadecimal, times are microseconds since the epoch, UTC."""
    fields = {name: getattr(row.record, name) for name in FIELDS}
    return (
        msgspec.json.encode({"row": row.number, "previous": row.previous.hex(), "hash": row.hash.hex(), **fields})
        + b"\n"
    )


def read(file: BinaryIO) -> Iterator[ChainRow]:
    """Yield the rows of an export, in the order in which they stand, whatever they hold: the check is to say what was changed.

    Raises:
        ExportUnreadable: a line has not the form of a row; names the line.
    """
    for number, text in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), start=1):
        try:
            line = msgspec.json.decode(text)
            if not isinstance(line, dict) or line.keys() != KEYS or type(line["row"]) is not int:
                raise ValueError("other fields")
            previous, hash_ = bytes.fromhex(line["previous"]), bytes.fromhex(line["hash"])
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            raise ExportUnreadable(
                f"Line {number} of the export is not a row of an audit log: {error}. It was changed, or is of another file."
            ) from None
        yield ChainRow(line["row"], previous, hash_, AuditRecord(**{name: line[name] for name in FIELDS}))

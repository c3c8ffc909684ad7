"""Audit rows as lines of JSON, complete enough to verify them without the database."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from signalbox.security.audit.model import FIELDS, AuditRecord, ChainRow
from signalbox.security.errors import SecurityError

LINE_BYTES_MAX: Final = 256 * 1024  # our rows have a few KiB
KEYS: Final = {"row", "previous", "hash", *FIELDS}


class ExportUnreadable(SecurityError):
    """A line of an export is not an audit row."""


def to_line(row: ChainRow) -> bytes:
    """Return a row as a line with its newline. Hashes are hexadecimal, times are microseconds since the epoch."""
    fields = {name: getattr(row.record, name) for name in FIELDS}
    return (
        msgspec.json.encode({"row": row.number, "previous": row.previous.hex(), "hash": row.hash.hex(), **fields})
        + b"\n"
    )


def read(file: BinaryIO) -> Iterator[ChainRow]:
    """Yield the rows of an export in file order, without verifying them.

    Raises:
        ExportUnreadable: a line does not have the fields of a row.
    """
    for number, text in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), start=1):
        try:
            line = msgspec.json.decode(text)
            if not isinstance(line, dict) or line.keys() != KEYS or type(line["row"]) is not int:
                raise ValueError("wrong fields")
            previous, hash_ = bytes.fromhex(line["previous"]), bytes.fromhex(line["hash"])
        except (msgspec.DecodeError, ValueError, TypeError) as error:
            raise ExportUnreadable(
                f"Line {number} of the export is not an audit row: {error}. The line was changed, or the file is not an export."
            ) from None
        yield ChainRow(line["row"], previous, hash_, AuditRecord(**{name: line[name] for name in FIELDS}))

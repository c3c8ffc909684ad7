"""How the log is written: nothing that somebody else gave, a name or an error's text, can end a line or look like a record."""

import logging
import sys
from types import TracebackType
from typing import TypeAlias

from typing_extensions import override

from signalbox.commands.printing import safe

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SET_IN = "    "  # before each line of a trace: no record begins so

Caught: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """Writes a record as one line with control and bidi characters made visible; the lines of a trace follow, set in."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    @override
    def format(self, record: logging.LogRecord) -> str:
        kept, record.exc_text = record.exc_text, None  # another handler may have left the trace as it writes it
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return safe(super().formatMessage(record))

    @override
    def formatException(self, ei: Caught) -> str:
        return _set_in(super().formatException(ei))

    @override
    def formatStack(self, stack_info: str) -> str:
        return _set_in(stack_info)


def log_to_stderr(level: int) -> None:
    """Send the log of this process to where an operator reads it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of itself at each look at the schema


def _set_in(text: str) -> str:
    return "\n".join(SET_IN + safe(line) for line in text.split("\n"))

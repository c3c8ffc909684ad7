"""Logging to stderr. Foreign text in a record, such as names and errors, cannot break a line or forge a record."""

import logging
import sys
from types import TracebackType
from typing import TypeAlias

from typing_extensions import override

from signalbox.commands.printing import safe

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
INDENT = "    "  # of traceback lines: no record starts with it

Caught: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLineFormatter(logging.Formatter):
    """Formats a record as one line, with control and bidi characters made visible and tracebacks indented."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    @override
    def format(self, record: logging.LogRecord) -> str:
        cached, record.exc_text = record.exc_text, None  # another handler may have cached its own format
        try:
            return super().format(record)
        finally:
            record.exc_text = cached

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return safe(super().formatMessage(record))

    @override
    def formatException(self, ei: Caught) -> str:
        return _indent(super().formatException(ei))

    @override
    def formatStack(self, stack_info: str) -> str:
        return _indent(stack_info)


def log_to_stderr(level: int) -> None:
    """Log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it logs each schema check


def _indent(text: str) -> str:
    return "\n".join(INDENT + safe(line) for line in text.split("\n"))

"""What pages say when Signalbox itself fails to read a connection."""

from typing import Final

READING_FAILED_HINT: Final = (
    "The broker may be fine. Signalbox tries again by itself; report the error with its lines of the log."
)


def reading_failed(fault: str) -> str:
    """Return the problem; `fault` is the id of the error in the log."""
    return f"Signalbox itself failed. Error {fault} is in the log."

"""Errors of monitoring."""

from signalbox.brokers.errors import BrokerError
from signalbox.monitoring.words.faults import READING_FAILED_HINT, reading_failed


class ReadingFailed(BrokerError):
    """An unexpected exception of Signalbox itself or of a client library. `fault` is its id in the log."""

    def __init__(self, connection: str, fault: str) -> None:
        super().__init__(connection, reading_failed(fault), READING_FAILED_HINT)
        self.fault = fault

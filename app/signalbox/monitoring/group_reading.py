"""One reading of a group in columns, and which of the earlier ones are kept. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.columns import Column

COARSE_SPACING_S = 60.0


@dataclass(frozen=True, slots=True)
class GroupReading:
    """One reading: `requested_at` belongs to `settled`, `read_at` to `arrived`."""

    requested_at: float
    read_at: float
    settled: Column
    arrived: Column
    lag: int | None
    complete: bool  # every row of both columns is known
    start: Column | None = None


def all_read(reading: GroupReading, position: Column) -> bool:
    """Return whether all messages that had arrived by that reading are read by now, on all known rows."""
    return not any(end > done for end, done in zip(reading.arrived, position, strict=True) if done != UNKNOWN)


def spaced(readings: Sequence[GroupReading]) -> list[GroupReading]:
    kept: list[GroupReading] = []
    for reading in readings:
        if not kept or reading.requested_at - kept[-1].requested_at >= COARSE_SPACING_S:
            kept.append(reading)
    return kept

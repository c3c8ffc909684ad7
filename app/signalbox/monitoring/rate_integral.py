"""Counters for the history of a queue, made of its rates: the broker's own are older than the lag they are stored with."""


class RateIntegral:
    """Adds up the messages that the present rates mean. None while a rate is unknown."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._arrived = self._settled = 0.0

    def add(self, at: float, rate_in: float | None, rate_out: float | None) -> tuple[int | None, int | None]:
        """Return the counters of arrived and settled messages at that time."""
        seconds = 0.0 if self._at is None else max(at - self._at, 0.0)
        self._at = at
        self._arrived += (rate_in or 0.0) * seconds
        self._settled += (rate_out or 0.0) * seconds
        return None if rate_in is None else int(self._arrived), None if rate_out is None else int(self._settled)

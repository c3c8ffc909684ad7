"""What an adapter's test module supplies to the broker contract."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from signalbox.brokers.port import Broker


class Harness(Protocol):
    """A real server and the answers of its own tools."""

    own_groups: bool  # several groups read one destination, each with its own lag; False for queues
    reports_redelivery: bool  # the broker marks redelivered messages
    figures_within_s: float  # maximum delay of the broker's metrics
    large_body: int  # bytes: 200,000 unless the broker cannot

    def open(self, **overrides: object) -> Broker:
        """Create an adapter for the server, not connected; `overrides` replace fields of its settings."""

    def at(self, port: int) -> Mapping[str, object]:
        """Return overrides that point the adapter at another loopback port."""

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        """Return overrides with this wrong secret."""

    def unique(self, hint: str) -> str:
        """Return an unused plain name."""

    def nasty_destinations(self) -> Sequence[str]:
        """Return unused legal names with quotes, angle brackets, slash, percent, emoji, bidi marks and maximum length."""

    def nasty_groups(self) -> Sequence[str]:
        """Return the same for groups; () where groups have no names."""

    def illegal_destinations(self) -> Sequence[str]:
        """Return names that the broker does not allow."""

    def group_name(self, destination: str, group: str) -> str:
        """Return the `Group.name` of the group that `receive(destination, group)` joins."""

    async def actual_lag(self, destination: str, group: str) -> int:
        """Return the lag from the broker's own tool or API."""

    async def break_connections(self) -> None:
        """Break every connection of adapters from `open`. New connections must succeed within seconds."""

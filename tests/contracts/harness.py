"""What an adapter's test file supplies to the broker contract."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from signalbox.brokers.port import Broker


class Harness(Protocol):
    """What an adapter's test file supplies: a real server, and what its own tool says."""

    own_groups: bool  # several groups read one destination, each with its own lag; False for queues
    tells_redelivered: bool  # the broker says that a message was handed out before
    figures_within_s: float  # how late the broker's figures may be
    large_body: int  # bytes: 200,000 unless the broker cannot

    def open(self, **overrides: object) -> Broker:
        """Make an adapter for the server, not yet connected; `overrides` replace fields of its settings."""
        ...

    def at(self, port: int) -> Mapping[str, object]:
        """Overrides that point it at another loopback port altogether."""
        ...

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        """Overrides that make it sign in with this wrong secret."""
        ...

    def unique(self, hint: str) -> str:
        """A plain name that nobody has used."""
        ...

    def nasty_destinations(self) -> Sequence[str]:
        """Legal names that break careless code: quotes, angle brackets, slash, percent, emoji, bidi, the longest. All unused."""
        ...

    def nasty_groups(self) -> Sequence[str]:
        """The same for groups; () where groups have no names of their own."""
        ...

    def illegal_destinations(self) -> Sequence[str]:
        """Names that this broker cannot have."""
        ...

    def group_name(self, destination: str, group: str) -> str:
        """The `Group.name` under which a snapshot shows the group that `receive(destination, group)` reads for."""
        ...

    async def told_lag(self, destination: str, group: str) -> int:
        """The lag by the broker's own tool or API, not by our adapter."""
        ...

    async def break_connections(self) -> None:
        """Break every connection that adapters from `open` have now. New ones must be possible again within seconds."""
        ...

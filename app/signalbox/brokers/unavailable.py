"""A connection that cannot be opened at all: it fails like a broker that is down, so the other connections work."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import NoReturn

from signalbox.brokers.model import Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.brokers.settings import ConnectionSettings


class UnavailableBroker:
    """A broker in all roles of `signalbox.brokers.port`; every request raises the same error."""

    capabilities = frozenset[Capability]()
    sweep_interval_s = 5.0
    watch_interval_s: float | None = None

    def __init__(self, settings: ConnectionSettings, error: Exception) -> None:
        self.name, self.kind = settings.name, settings.kind
        self._error = error

    async def connect(self, *, timeout_s: float = 5.0) -> None:  # noqa: ARG002 - as the port has it
        self._fail()

    async def close(self) -> None:
        """Nothing is open."""

    def cost_note(self, destinations: int) -> str | None:  # noqa: ARG002 - as the port has it
        return None

    async def sweep(self) -> Snapshot:
        self._fail()

    async def watch(self, groups: Collection[str]) -> Snapshot:  # noqa: ARG002 - as the port has it
        self._fail()

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:  # noqa: ARG002
        self._fail()

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:  # noqa: ARG002
        self._fail()

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:  # noqa: ARG002
        self._fail()

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:  # noqa: ARG002 - as the port has it
        self._fail()

    def _fail(self) -> NoReturn:
        raise self._error

"""Exceptions that no adapter expects: each costs its own connection, and becomes an error with an id that the log explains."""

import logging
import secrets
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import NoReturn

from typing_extensions import override

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Broker, Delivery
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 5.0
HINT = "The broker may be fine. Report the error with its lines of the log."


class UnexpectedError(BrokerError):
    """Signalbox itself failed, or a client library, and not the broker. `fault` is the id in the log."""

    def __init__(self, connection: str, fault: str) -> None:
        super().__init__(connection, f"Signalbox itself failed. Error {fault} is in the log.", HINT)
        self.fault = fault


def unexpected(connection: str, error: Exception) -> UnexpectedError:
    """Log the exception and return it as an error for pages."""
    failure = UnexpectedError(connection, secrets.token_hex(3))
    log.error("fault %s: cannot read %s", failure.fault, connection, exc_info=error)
    return failure


def open_any(settings: ConnectionSettings) -> Broker:
    """Create the adapter; if that fails, one that raises the error when it is to connect."""
    try:
        return open_broker(settings)
    except BrokerError as error:
        return UnopenedBroker(settings, error)
    except Exception as error:  # noqa: BLE001 - a client library may raise anything
        return UnopenedBroker(settings, unexpected(settings.name, error))


class UnopenedBroker(Broker):
    """Stands for a connection whose adapter cannot be created: it never connects, and says why."""

    capabilities = frozenset[Capability]()
    sweep_interval_s = SWEEP_INTERVAL_S
    watch_interval_s: float | None = None

    def __init__(self, settings: ConnectionSettings, error: BrokerError) -> None:
        self.name = settings.name
        self.kind = BrokerKind(settings.kind)
        self._error = error

    @override
    async def connect(self, *, timeout_s: float = 5.0) -> None:
        self._refuse(timeout_s)

    @override
    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    @override
    async def sweep(self) -> Snapshot:
        self._refuse()

    @override
    async def watch(self, groups: Collection[str]) -> Snapshot:
        self._refuse(groups)

    @override
    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        self._refuse(groups)

    @override
    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        self._refuse(destination, message, timeout_s)

    @override
    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        self._refuse(destination, group)

    @override
    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        self._refuse(specs)

    @override
    def cost_note(self, destinations: int) -> str | None:
        del destinations
        return None

    def _refuse(self, *_: object) -> NoReturn:
        raise self._error

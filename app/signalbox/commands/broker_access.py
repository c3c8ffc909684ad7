"""What commands that read brokers share: whatever happens to one connection, the others are read."""

import logging
import secrets

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.port import Broker
from signalbox.monitoring.words.faults import reading_failed

log = logging.getLogger(__name__)


def connection_error(connection: str, raised: Exception) -> BrokerError:
    """Return the error of a connection; an unexpected exception is logged with the id that the error names."""
    if isinstance(raised, BrokerError):
        return raised
    fault = secrets.token_hex(3)
    log.error("fault %s: reading %s failed", fault, connection, exc_info=raised)
    return BrokerError(connection, reading_failed(fault), "Report the error with its lines of the log.")


async def close_quietly(broker: Broker) -> None:
    try:
        await broker.close()
    except Exception as error:  # noqa: BLE001 - the command is done with it
        log.info("%s: the connection was not closed cleanly: %r", broker.name, error)

"""What commands that read brokers share: whatever happens to one connection, the others are read."""

import asyncio
import logging
import secrets

from signalbox.brokers.errors import BrokerError, BrokerTimeout
from signalbox.brokers.model import Snapshot
from signalbox.brokers.port import Broker
from signalbox.monitoring.words.faults import reading_failed

log = logging.getLogger(__name__)


READ_MAX_S = 120.0  # besides the connection's timeouts; adapters have their own deadlines, this one is the safety net
CLOSE_MAX_S = 5.0


async def read(broker: Broker, timeout_s: float, *, connect: bool) -> Snapshot:
    """Return one sweep, after connecting if asked to. Raises BrokerTimeout if a library hangs, and what the adapter raises."""
    try:
        async with asyncio.timeout(READ_MAX_S + 2 * timeout_s):
            if connect:
                await broker.connect(timeout_s=timeout_s)
            return await broker.sweep()
    except TimeoutError:
        raise BrokerTimeout(broker.name, "The broker did not answer within the deadline.") from None


def connection_error(connection: str, raised: Exception) -> BrokerError:
    """Return the error of a connection; an unexpected exception is logged with the id that the error names."""
    if isinstance(raised, BrokerError):
        return raised
    fault = secrets.token_hex(3)
    log.error("fault %s: reading %s failed", fault, connection, exc_info=raised)
    return BrokerError(connection, reading_failed(fault), "Report the error with its lines of the log.")


async def close_quietly(broker: Broker) -> None:
    try:
        async with asyncio.timeout(CLOSE_MAX_S):
            await broker.close()
    except Exception as error:  # noqa: BLE001 - the command is done with it
        log.info("%s: the connection was not closed cleanly: %r", broker.name, error)

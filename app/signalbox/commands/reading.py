"""Read one connection from the command line: whatever goes wrong with one costs no other anything."""

import asyncio
import logging
from collections.abc import Sequence

from signalbox.brokers.errors import BrokerError, BrokerTimeout
from signalbox.brokers.model import Snapshot
from signalbox.brokers.port import Broker
from signalbox.brokers.unexpected import unexpected

log = logging.getLogger(__name__)

READ_MAX_S = 60.0  # besides the connection's own timeout; adapters have their own deadlines, this one is the safety net
CLOSE_MAX_S = 5.0


async def read(broker: Broker, timeout_s: float, *, connect: bool) -> Snapshot:
    """Return one sweep, after connecting if asked to.

    Raises:
        BrokerError: and nothing else, whatever the adapter raises.
    """
    limit_s = READ_MAX_S + 2 * timeout_s
    try:
        async with asyncio.timeout(limit_s):
            if connect:
                await broker.connect(timeout_s=timeout_s)
            return await broker.sweep()
    except BrokerError:
        raise
    except TimeoutError:
        raise BrokerTimeout(broker.name, f"The broker was not read within {limit_s:.0f} s.") from None
    except Exception as error:  # noqa: BLE001 - a client library may raise anything
        raise unexpected(broker.name, error) from None


async def close_all(brokers: Sequence[Broker]) -> None:
    """Close the connections at the same time; one that cannot be closed is left."""
    await asyncio.gather(*map(_close, brokers))


async def _close(broker: Broker) -> None:
    try:
        async with asyncio.timeout(CLOSE_MAX_S):
            await broker.close()
    except Exception as error:  # noqa: BLE001 - the command is done with it
        log.info("%s: the connection was not closed cleanly: %r", broker.name, error)

"""A process that writes history until it is killed: `python -m tests.support.history_writer URL FLUSH_S`.

Adds one reading every 10 ms and prints its number, so the test knows what was read before the kill.
"""

import asyncio
import sys

from signalbox.kernel.clock import system_clock
from signalbox.monitoring.series import Series
from signalbox.storage.engine import Database
from tests.support.database import settings


async def write(url: str, flush_s: float) -> None:
    series = Series(Database(settings(url)), system_clock, 10**9, flush_s=flush_s, pack_s=flush_s * 3)
    await series.start()
    count = 0
    while True:
        count += 1
        series.add("prod", "payments", system_clock(), lag=count, arrived=7 * count, settled=6 * count, interval_s=1)
        print(count, flush=True)  # noqa: T201 - the test reads it
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], float(sys.argv[2])))

"""A process that writes audit rows: `python -m tests.support.audit_writer URL NAME COUNT`, eight at a time."""

import asyncio
import sys

from signalbox.storage.engine import Database
from tests.support.audit import AuditedDoor, actor
from tests.support.database import settings

AT_ONCE = 8


async def write(url: str, name: str, count: int) -> None:
    database = Database(settings(url))
    book, places = AuditedDoor(database), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await book.act(by=actor(name), target=f"letter {number}")

    await asyncio.gather(*(one(number) for number in range(count)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))

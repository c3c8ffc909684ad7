"""The browsers of `bench.viewers`, in a process of their own: opens live pages and notes when each figure came.

Reads its orders as JSON from standard input, writes {"open": n}, follows the pages until a line comes, and then writes what
it saw. Each page checks what it is sent: the group's own name, and a lag that was really reached and never falls.
"""

import asyncio
import html
import re
import sys
import time
from dataclasses import dataclass, field

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from signalbox.monitoring import keys

OPEN_AT_ONCE = 25
LAG = re.compile(r'data-label="lag">(.*?)</td>', re.DOTALL)
TAGS = re.compile(r"<[^>]*>")


class Orders(msgspec.Struct):
    url: str
    connection: str
    groups: list[str]
    viewers: int
    rows: int  # how many groups stand on a page
    stalled_every: int  # one in so many takes nothing


@dataclass
class Page:
    """One page that is open."""

    shown: list[str]
    stalled: bool
    socket: ClientConnection | None = None
    seen: list[tuple[float, int]] = field(default_factory=list)  # when it came, the lag of its first group
    received: int = 0
    bytes: int = 0
    wrong: list[str] = field(default_factory=list)


def pages(orders: Orders) -> list[Page]:
    """Page number n shows `rows` groups from the n-th on."""
    around = orders.groups * 2
    size = len(orders.groups)
    return [
        Page(
            shown=around[number % size : number % size + orders.rows],
            stalled=number % orders.stalled_every == orders.stalled_every - 1,
        )
        for number in range(orders.viewers)
    ]


async def open_page(orders: Orders, page: Page, number: int) -> None:
    # sockets of one address are limited to 100: 127.0.0.0/8 is all ours
    source = (f"127.0.0.{2 + number % 8}", 0)
    page.socket = await connect(
        orders.url,
        local_addr=source,
        max_size=2**22,
        max_queue=1 if page.stalled else 16,
        compression=None,
        proxy=None,
        ping_interval=None,
    )
    watch = [[keys.group(orders.connection, name), "groups/row", ""] for name in page.shown]
    await page.socket.send(msgspec.json.encode({"watch": watch}).decode())


async def follow(orders: Orders, page: Page) -> None:
    """Take what comes, for ever."""
    first = keys.group(orders.connection, page.shown[0])
    assert page.socket is not None
    async for message in page.socket:
        now = time.time()
        page.received += 1
        page.bytes += len(message)
        for key, _, _, drawn in (item[:4] for item in msgspec.json.decode(message).get("drawn", ())):
            name = key.split("/", 2)[2]
            if name not in page.shown or not drawn or html.escape(name.rpartition("/")[2]) not in drawn:
                page.wrong.append(f"{key}: {str(drawn)[:80]}")
            elif key == first:
                page.seen.append((now, lag_of(drawn)))


def lag_of(drawn: str) -> int:
    found = LAG.search(drawn)
    assert found is not None, drawn[:500]
    return int("".join(character for character in TAGS.sub("", found.group(1)) if character.isdigit()))


async def main() -> None:
    orders = msgspec.json.decode(sys.stdin.readline(), type=Orders)
    opened = pages(orders)
    for begin in range(0, len(opened), OPEN_AT_ONCE):
        some = enumerate(opened[begin : begin + OPEN_AT_ONCE], start=begin)
        await asyncio.gather(*(open_page(orders, page, number) for number, page in some))
    print(msgspec.json.encode({"open": len(opened)}).decode(), flush=True)
    following = [asyncio.ensure_future(follow(orders, page)) for page in opened if not page.stalled]
    await asyncio.to_thread(sys.stdin.readline)
    ended = [str(task.exception()) for task in following if task.done() and not task.cancelled()]
    for task in following:
        task.cancel()
    told = {
        "seen": [page.seen for page in opened if not page.stalled],
        "received": sum(page.received for page in opened),
        "bytes": sum(page.bytes for page in opened),
        "wrong": [wrong for page in opened for wrong in page.wrong][:20],
        "ended": ended[:20],
    }
    print(msgspec.json.encode(told).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

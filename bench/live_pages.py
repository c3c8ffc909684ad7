"""The browsers of `bench.viewers` in a separate process: open live pages and record when each lag arrives.

Reads its order as JSON from standard input, writes {"open": n}, follows the pages until another line arrives, then writes the
results. Each page checks the fragments it gets.
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


class PageOrder(msgspec.Struct):
    url: str
    connection: str
    groups: list[str]
    viewers: int
    rows: int  # groups per page
    stalled_every: int  # every n-th page does not read


@dataclass
class Page:
    """One open page."""

    groups: list[str]
    stalled: bool
    socket: ClientConnection | None = None
    lags: list[tuple[float, int]] = field(default_factory=list)  # time of arrival, lag of the first group
    received: int = 0
    bytes: int = 0
    errors: list[str] = field(default_factory=list)


def pages(order: PageOrder) -> list[Page]:
    """Build the pages: number n shows `rows` groups from the n-th on."""
    wrapped = order.groups * 2
    size = len(order.groups)
    return [
        Page(
            groups=wrapped[number % size : number % size + order.rows],
            stalled=number % order.stalled_every == order.stalled_every - 1,
        )
        for number in range(order.viewers)
    ]


async def open_page(order: PageOrder, page: Page, number: int) -> None:
    # one address may open 100 sockets; all of 127.0.0.0/8 is loopback
    source = (f"127.0.0.{2 + number % 8}", 0)
    page.socket = await connect(
        order.url,
        local_addr=source,
        max_size=2**22,
        max_queue=1 if page.stalled else 16,
        compression=None,
        proxy=None,
        ping_interval=None,
    )
    watch = [[keys.group(order.connection, name), "groups/row", ""] for name in page.groups]
    await page.socket.send(msgspec.json.encode({"watch": watch}).decode())


async def follow(order: PageOrder, page: Page) -> None:
    """Read messages until canceled."""
    first = keys.group(order.connection, page.groups[0])
    assert page.socket is not None
    async for message in page.socket:
        now = time.time()
        page.received += 1
        page.bytes += len(message)
        for key, _, _, fragment_html in (item[:4] for item in msgspec.json.decode(message).get("fragments", ())):
            name = key.split("/", 2)[2]
            if (
                name not in page.groups
                or not fragment_html
                or html.escape(name.rpartition("/")[2]) not in fragment_html
            ):
                page.errors.append(f"{key}: {str(fragment_html)[:80]}")
            elif key == first:
                page.lags.append((now, lag_of(fragment_html)))


def lag_of(fragment_html: str) -> int:
    match = LAG.search(fragment_html)
    assert match is not None, fragment_html[:500]
    return int("".join(character for character in TAGS.sub("", match.group(1)) if character.isdigit()))


async def main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=PageOrder)
    opened = pages(order)
    for begin in range(0, len(opened), OPEN_AT_ONCE):
        batch = enumerate(opened[begin : begin + OPEN_AT_ONCE], start=begin)
        await asyncio.gather(*(open_page(order, page, number) for number, page in batch))
    print(msgspec.json.encode({"open": len(opened)}).decode(), flush=True)
    following = [asyncio.ensure_future(follow(order, page)) for page in opened if not page.stalled]
    await asyncio.to_thread(sys.stdin.readline)
    ended = [str(task.exception()) for task in following if task.done() and not task.cancelled()]
    for task in following:
        task.cancel()
    results = {
        "lags": [page.lags for page in opened if not page.stalled],
        "received": sum(page.received for page in opened),
        "bytes": sum(page.bytes for page in opened),
        "errors": [error for page in opened for error in page.errors][:20],
        "ended": ended[:20],
    }
    print(msgspec.json.encode(results).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

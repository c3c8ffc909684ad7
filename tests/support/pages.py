"""Everything that Signalbox shows, asked for as a browser and a program ask."""

import asyncio
import html
import re
from collections.abc import AsyncIterator, Sequence

import httpx
import msgspec
from websockets.asyncio.client import connect

from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls

LIVE = re.compile(r'data-live="([^"]*)" data-fragment="([^"]*)"')
ASIDE = (
    "/nowhere",
    "/groups/none/none",
    "/groups?sort=none",
    "/search?q=a",
    urls.METRICS,
    urls.OPENAPI,
    "/health/ready",
)


def addresses(connections: Sequence[str]) -> list[str]:
    """Return every page and every answer of the API about these connections, and what is wrong on purpose."""
    pages = [
        urls.home(),
        monitoring_urls.groups(),
        monitoring_urls.destinations(),
        monitoring_urls.connections(),
        *map(monitoring_urls.connection, connections),
    ]
    api = [urls.api(name) for name in ("connections", "groups", "destinations", "changes", "search")]
    return [*pages, *api, *(urls.api("connections", name) for name in connections), *ASIDE]


async def everything(url: str, connections: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    """Yield (address, what was answered with its headers) of all of these, and what the socket draws of every page."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        for address in addresses(connections):
            answer = await client.get(address)
            yield address, f"{answer.status_code} {answer.headers} {answer.text}"
            if watched := LIVE.findall(answer.text):
                yield f"live {address}", await drawn(url, watched)


async def drawn(url: str, watched: Sequence[tuple[str, str]]) -> str:
    """Return what the socket sends first to a page that shows these fragments in an older version."""
    wanted = [[html.unescape(key), html.unescape(name), "0.0"] for key, name in watched]
    async with connect(url.replace("http", "ws") + urls.LIVE, max_size=2**24) as socket:
        await socket.recv()
        await socket.send(msgspec.json.encode({"watch": wanted[:200]}).decode())
        async with asyncio.timeout(10):
            return str(await socket.recv())

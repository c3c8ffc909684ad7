"""Open live sockets as a user, against a server that listens on a port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect

from signalbox.web import urls
from tests.web.multi_user_site import MultiUserSite
from tests.web.server import RunningServer


@asynccontextmanager
async def socket(
    live: tuple[MultiUserSite, RunningServer], who: str | None, *, by: str = "cookie", origin: str | None = None
) -> AsyncIterator[ClientConnection]:
    """Open a live socket as this user. The name of the session cookie contains the port."""
    site, server = live
    headers = {k: v for k, v in site.headers(who, by=by).items() if k != "Origin"}
    if "Cookie" in headers:
        headers["Cookie"] = headers["Cookie"].replace("signalbox=", f"signalbox-{server.port}=")
    url = f"ws://{server.host}{urls.LIVE}"
    async with connect(url, additional_headers=headers, origin=origin, max_size=2**24) as client:  # type: ignore[arg-type]
        yield client

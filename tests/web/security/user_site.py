"""Signalbox with users who sign in through the real routes over a real database."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any, cast

import httpx
from litestar import Litestar

from signalbox.brokers.model import BrokerKind
from signalbox.security.accounts import actions
from signalbox.security.accounts.service import Accounts
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.security.model import ADMIN_EVERYWHERE, Actor, Via
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.support.security import core_over
from tests.support.simulation import SimulatedConnection, Simulation
from tests.web.sites import build_application, simulation_in

PASSWORD = "correct horse battery"
CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
STARTER = Actor(name="starter", rights=ADMIN_EVERYWHERE, via=Via.CLI)
LINK = re.compile(r"http://localhost(/join/[\w-]+)")


class Browser:
    """The browser of one user."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def page(self, address: str, status: int = 200) -> str:
        answer = await self.client.get(address)
        assert answer.status_code == status, f"{address}: {answer.status_code}\n{answer.text[:500]}"
        return answer.text

    async def redirect_of(self, address: str) -> str:
        """Return the redirect of an address."""
        answer = await self.client.get(address)
        assert answer.status_code in {302, 303}, answer.text[:500]
        return answer.headers["location"]

    async def submit(self, address: str, status: int = 303, /, **fields: str) -> str:
        """Submit a form; return the redirect, or the page."""
        answer = await self.client.post(address, data=fields)
        assert answer.status_code == status, f"{address}: {answer.status_code}\n{answer.text[:1500]}"
        return answer.headers["location"] if status == 303 else unescape(answer.text)

    async def api(self, method: str, path: str, status: int = 200, **options: Any) -> Any:  # noqa: ANN401 - JSON
        answer = await self.client.request(method, f"{urls.API}/{path}", **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


class UserSite:
    """Signalbox with an admin named ada, who invites others."""

    def __init__(self, simulation: Simulation, app: Litestar, stack: AsyncExitStack) -> None:
        self.simulation = simulation
        self.app = app
        self._stack = stack

    @property
    def accounts(self) -> Accounts:
        return cast("Accounts", self.app.state.accounts)

    async def browser(self, *, agent: str = CHROMIUM, token: str = "") -> Browser:
        headers = {"User-Agent": agent, "Sec-Fetch-Site": "same-origin"}
        if token:
            headers = {"User-Agent": "curl/8.5.0", "Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(cast("Any", self.app), client=("10.20.4.17", 1234))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)
        return Browser(await self._stack.enter_async_context(client))

    async def first_admin(self) -> Browser:
        door = core_over(self.simulation.database, self.simulation.clock).door
        secret = await door.act(STARTER, actions.create_first_admin_link(), self.accounts.users.create_first_admin_link)
        ada = await self.browser()
        await ada.submit(urls.join(secret), name="ada", password=PASSWORD, again=PASSWORD)
        return ada

    async def invite(self, admin: Browser, name: str, **invited: str) -> Browser:
        """Invite a user, who sets a password; return the user's browser."""
        page = await admin.submit(security_urls.users(), 200, name=name, **{"role": "viewer", **invited})
        link = LINK.search(page)
        assert link, page[:3000]
        browser = await self.browser()
        assert await browser.submit(link[1], password=PASSWORD, again=PASSWORD) == urls.home()
        return browser

    async def sign_in(self, name: str, password: str = PASSWORD, **made: str) -> Browser:
        browser = await self.browser(**made)
        await browser.submit(urls.sign_in(), name=name, password=password)
        return browser


@asynccontextmanager
async def user_site_in(
    folder: Path, settings: ServerSettings | None = None, rules: Sequence[MaskingRuleSettings] = ()
) -> AsyncIterator[UserSite]:
    async with simulation_in(folder) as simulation, AsyncExitStack() as stack:
        simulation.connect(SimulatedConnection("kafka-prod", BrokerKind.KAFKA, []))
        simulation.connect(SimulatedConnection("rabbit-eu", BrokerKind.RABBITMQ, []))
        yield UserSite(simulation, build_application(simulation, settings, rules), stack)


def visible_text(html: str) -> str:
    """Return the text that a person reads."""
    text = re.sub(r"<[^>]+>", "", unescape(html)).replace("\u00a0", " ")
    return re.sub(r"\s+", " ", text)

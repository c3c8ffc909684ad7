"""One real Chromium for the whole run. Every page is watched for what a clean page never does."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.support.servers import record_server, require_server

CHROMIUM = os.environ.get("SIGNALBOX_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CSP_LISTENER = """
window.signalboxViolations = [];
document.addEventListener('securitypolicyviolation', (e) => window.signalboxViolations.push(e.violatedDirective + ' ' + e.blockedURI));
"""


@dataclass
class Watched:
    """A page, with everything that a clean page does not have."""

    page: Page
    origin: str = ""
    errors: list[str] = field(default_factory=list)  # console errors and uncaught exceptions
    third_party_requests: list[str] = field(default_factory=list)  # requests to any other host
    expected: tuple[str, ...] = ()  # parts of console errors that a test provokes, such as a stopped server

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.expected):
            self.errors.append(message.text)

    def _request(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in {"127.0.0.1", None}:
            self.third_party_requests.append(request.url)

    async def violations(self) -> list[str]:
        return list(await self.page.evaluate("window.signalboxViolations"))

    async def assert_clean(self) -> None:
        assert self.errors == []
        assert self.third_party_requests == []
        assert await self.violations() == []


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    require_server("chromium")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        record_server("Chromium", found.version, CHROMIUM)
        yield found
        await found.close()


@pytest_asyncio.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(viewport={"width": 1440, "height": 900})
    await made.add_init_script(CSP_LISTENER)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def watched(context: BrowserContext) -> Watched:
    found = Watched(await context.new_page())
    found.watch()
    return found

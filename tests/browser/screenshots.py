"""Take screenshots of every page at 1440 and 390 px, light and dark: `make screenshots`, then look at screenshots/.

SCREENSHOTS_WITH=kafka,rabbitmq,sqs adds brokers; SCREENSHOTS_AFTER_S is how long the demo runs first.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from playwright.async_api import Browser, Page, async_playwright

from signalbox.servers.process import ServerProcess, free_port
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.security import urls as security_urls
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.security.screenshots_accounts import ACCOUNT_PAGES, accounts
from tests.browser.security.screenshots_audit import audit_pages
from tests.browser.security.screenshots_masking import MASKING_PAGES, TRIALS, masking
from tests.support.serving import COMMAND

FOLDER = Path("screenshots")
WIDTHS = {1440: 900, 390: 844}
AFTER_S = float(os.environ.get("SCREENSHOTS_AFTER_S", "128"))  # then one group is behind and one is stopped
WITH = os.environ.get("SCREENSHOTS_WITH", "")


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        try:
            async with httpx.AsyncClient(timeout=1.0) as client:
                return (await client.get(f"{url}/health/live")).is_success
        except httpx.HTTPError:
            return False

    argv = [str(COMMAND), "demo", "--port", str(port), *(["--with", WITH] if WITH else [])]
    process = ServerProcess(
        name="demo", argv=argv, folder=Path.cwd() / ".cache" / "screenshots", ready=ready, start_timeout_s=120
    )
    try:
        await process.start()
        yield url
    finally:
        await process.stop()


async def pages(url: str) -> dict[str, str]:
    """Return the URL of every page: the lists, and each thing."""
    addresses = {
        "overview": urls.home(),
        "groups": monitoring_urls.groups(),
        "destinations": monitoring_urls.destinations(),
        "connections": monitoring_urls.connections(),
        "not-addresses": monitoring_urls.group("nobody", "none"),
    }
    async with httpx.AsyncClient(base_url=url) as client:
        groups = (await client.get("/api/v1/groups")).json()["items"]
        destinations = (await client.get("/api/v1/destinations")).json()["items"]
    for row in groups:
        addresses[f"group-{row['connection']}-{row['name'].replace('/', '-')}"] = monitoring_urls.group(
            row["connection"], row["name"]
        )
    for row in destinations:
        addresses[f"destination-{row['connection']}-{row['name']}"] = monitoring_urls.destination(
            row["connection"], row["name"]
        )
        addresses[f"connection-{row['connection']}"] = monitoring_urls.connection(row["connection"])
    return addresses


async def no_action(_: Page) -> None:
    """Take the screenshot without further action."""


async def take_screenshots(
    browser: Browser,
    url: str,
    address: str,
    name: str,
    cookies: Mapping[str, str],
    *,
    then: Callable[[Page], Awaitable[None]] = no_action,
) -> None:
    for width, height in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="light" if scheme == "light" else "dark",
                device_scale_factor=1,
            )
            await context.add_cookies([{"name": key, "value": value, "url": url} for key, value in cookies.items()])
            page = await context.new_page()
            await page.goto(url + address)
            await page.locator("body").wait_for()
            await page.wait_for_load_state("load")
            await then(page)
            await page.screenshot(path=FOLDER / f"{name}-{width}-{scheme}.png", full_page=True)
            await context.close()


async def main() -> None:
    await asyncio.to_thread(FOLDER.mkdir, exist_ok=True)
    async with demo() as url, async_playwright() as playwright:
        print(f"the demo runs for {AFTER_S:.0f} s first")
        await asyncio.sleep(AFTER_S)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, address in (await pages(url)).items():
            await take_screenshots(browser, url, address, name, {})
            print(f"{name}: {address}")
        async with accounts() as (site_url, cookies):
            for name, address in ACCOUNT_PAGES.items():
                await take_screenshots(browser, site_url, address, name, cookies)
                print(f"{name}: {address}")
        async for site_url, cookies, addresses in audit_pages():
            for name, address in addresses.items():
                await take_screenshots(browser, site_url, address, name, cookies)
                print(f"{name}: {address}")
        await take_masking_screenshots(browser)
        await browser.close()


async def take_masking_screenshots(browser: Browser) -> None:
    async with masking() as (site_url, cookies):
        for name, address in MASKING_PAGES.items():
            await take_screenshots(browser, site_url, address, name, cookies)
            print(f"{name}: {address}")
        for name, then in TRIALS.items():
            await take_screenshots(browser, site_url, security_urls.masking(), name, cookies, then=then)
            print(f"{name}: {security_urls.masking()}")


if __name__ == "__main__":
    asyncio.run(main())

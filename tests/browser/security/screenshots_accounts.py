"""A Signalbox with users, created through the real routes, for the screenshots of profile and users."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from tests.support.first_admin import PASSWORD, first_link
from tests.support.serving import serving

CONNECTIONS = "".join(
    f'[[connections]]\nname = "{name}"\nkind = "nats"\nurls = ["nats://127.0.0.1:1"]\ntimeout_s = 1\n'
    for name in ("kafka-prod", "rabbit-eu", "nats-edge", "sqs-partners", "rabbit-legacy")
)
INVITED: Mapping[str, dict[str, object]] = {
    "billing-lead": {"role": "operator", "resource": "kafka-prod", "payloads": True},
    "on-call": {"role": "operator"},
    "partner-desk": {"role": "viewer", "resource": "sqs-partners"},
    "support": {"role": "viewer"},
}
NEVER_SIGNED_IN = "partner-desk"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
ACCOUNT_PAGES = {
    "profile": urls.profile(),
    "users": security_urls.users(),
    "users-one": security_urls.users("billing-lead"),
    "users-last-admin": security_urls.users("platform-admin"),
    "users-remove": security_urls.users("billing-lead", "remove"),
}


@asynccontextmanager
async def accounts() -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """Yield the URL of the Signalbox, and the cookies of its admin."""
    with TemporaryDirectory() as folder:
        async with serving(Path(folder) / "accounts", CONNECTIONS) as served:
            async with _browser(served.url) as admin:
                await _accept(admin, first_link(served), name="platform-admin")
                for name, invitation in INVITED.items():
                    made = await admin.post("/api/v1/users", json={"name": name, **invitation})
                    if name != NEVER_SIGNED_IN:
                        async with _browser(served.url, DESKTOP) as guest:
                            await _accept(guest, made.json()["link"])
                for name, days in (("grafana-lag", 90), ("laptop-cli", 5)):
                    await admin.post("/api/v1/tokens", json={"name": name, "days": days, "role": "viewer"})
                async with _browser(served.url, PHONE) as phone:
                    await phone.post(urls.sign_in(), data={"name": "platform-admin", "password": PASSWORD})
                cookies = dict(admin.cookies)
            yield served.url, cookies


def _browser(url: str, agent: str = DESKTOP) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"User-Agent": agent, "Sec-Fetch-Site": "same-origin"})


async def _accept(browser: httpx.AsyncClient, link: str, **more: str) -> None:
    answer = await browser.post(link, data={"password": PASSWORD, "again": PASSWORD, **more})
    assert answer.status_code == 303, answer.text

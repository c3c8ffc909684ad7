"""A Signalbox with masking rules of the configuration and of an admin, for the screenshots of masking."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from playwright.async_api import Page
from pydantic import SecretStr

from signalbox.core import Core
from signalbox.security.door import Permit
from signalbox.security.errors import NotPermitted
from signalbox.security.masking.actions import view_payload
from signalbox.security.masking.model import ClearMessage
from signalbox.security.model import VIEWER_EVERYWHERE, Actor, Grant, Rights, Role, Via
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.security import urls
from tests.support.first_admin import PASSWORD, first_link
from tests.support.security import core_over
from tests.support.serving import serving

CONFIGURED = """
    [[masking]]
    name = "card numbers"
    what = ["card numbers"]
    how = "keep last 4"
    [[masking]]
    name = "bearer tokens"
    what = ["header authorization"]
    how = "hide"
"""
RULES = (
    {
        "name": "names in addresses",
        "what": ["$.address.name"],
        "how": "hide",
        "destinations": ["*/orders.*", "*/SHIPMENTS"],
    },
    {"name": "e-mail", "what": ["$..email", "header reply-to"], "how": "hash"},
    {"name": "customer key", "what": ["key"], "how": "hash", "destinations": ["kafka-prod/customers.*"]},
    {"name": "phone", "what": ["$..phone"], "how": "keep last 2"},
    {
        "name": "bank account",
        "what": ["$..iban"],
        "how": "keep last 4",
        "destinations": ["*/payout.*"],
        "types": ["Payout*"],
    },
    {"name": "free text", "what": ["$.text"], "how": "hide", "destinations": ["*/reviews.*"]},
)
SAMPLE = {
    "order_id": "7f3a91c2",
    "customer_id": "c-204417",
    "address": {"name": "A Sample Name", "country": "NO"},
    "email": "someone@mail.example",
    "note": "card 4242 4242 4242 4242",
    "lines": [{"sku": "b<i>x</i>", "count": 2}],
}
MESSAGE = ClearMessage(
    connection="kafka-prod",
    destination="orders.placed",
    name="partition 0, offset 17",
    body=json.dumps(SAMPLE).encode(),
)
CAN_UNMASK = Rights(Grant(Role.VIEWER, payloads=True))
VIEWS = (
    ("crm-lead", "bounces, mailbox full", CAN_UNMASK),
    ("on-call", "just looking", VIEWER_EVERYWHERE),
    ("billing-lead", "which country is it", CAN_UNMASK),
)
MASKING_PAGES = {
    "masking": urls.masking(),
    "masking-rule": urls.masking("rules", "names in addresses"),
    "masking-remove": urls.masking("rules", "names in addresses", "remove"),
}


@asynccontextmanager
async def masking() -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """Yield the URL of the Signalbox, and the cookies of its admin."""
    with TemporaryDirectory() as folder:
        async with serving(Path(folder) / "masking", CONFIGURED) as served:
            headers = {"Sec-Fetch-Site": "same-origin"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers) as admin:
                chosen = {"name": "platform-admin", "password": PASSWORD, "again": PASSWORD}
                assert (await admin.post(first_link(served), data=chosen)).status_code == 303
                for rule in RULES:
                    answer = await admin.post("/api/v1/masking-rules", json={**rule, "reason": "asked for"})
                    assert answer.status_code == 201, answer.text
                cookies = dict(admin.cookies)
            await record_views(Path(folder) / "masking" / "signalbox.db")
            yield served.url, cookies


async def record_views(file: Path) -> None:
    """Record three unmasked views in the audit log, as a page of messages would."""
    database = Database(DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{file}")))
    security = core_over(database)
    await security.masking.load()
    for name, reason, rights in VIEWS:
        actor = Actor(name=name, rights=rights, via=Via.PAGE)
        with suppress(NotPermitted):
            await security.door.act(actor, view_payload(MESSAGE, reason), _view_with(security))
    await database.close()


def _view_with(security: Core) -> Callable[[Permit], Awaitable[ClearMessage]]:
    async def view(permit: Permit) -> ClearMessage:
        return security.masking.unmask(permit, MESSAGE)

    return view


async def submit_a_trial(page: Page) -> None:
    """Fill in the form and submit it."""
    await page.get_by_label("Destination of the sample").fill("kafka-prod/orders.placed")
    await page.get_by_label("Fields to mask").fill("$.customer_id")
    await page.get_by_label("Method").select_option("hash")
    await page.get_by_label("Sample JSON").fill(json.dumps(SAMPLE, indent=2))
    await page.get_by_role("button", name="Test on sample").click()
    await page.get_by_role("heading", name="Masked result").wait_for()
    await page.evaluate("scrollTo(0, 0)")


async def submit_an_invalid_trial(page: Page) -> None:
    await page.get_by_label("Destination of the sample").fill("orders.placed")
    await page.get_by_label("Fields to mask").fill("$..email\nemail")
    await page.get_by_role("button", name="Test on sample").click()
    await page.get_by_text("fields have errors").wait_for()
    await page.evaluate("scrollTo(0, 0)")


TRIALS = {"masking-trial": submit_a_trial, "masking-faults": submit_an_invalid_trial}

"""A house with masking rules of the configuration and of its admin, for the pictures of Masking."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from playwright.async_api import Page
from pydantic import SecretStr

from signalbox.security.door import Permit
from signalbox.security.errors import NotPermitted
from signalbox.security.masking.actions import view_payload
from signalbox.security.masking.model import Message
from signalbox.security.model import VIEWER_EVERYWHERE, Actor, Grant, Rights, Role, Via
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.security import urls
from tests.support.joining import PASSWORD, first_link
from tests.support.security import Secured, secured
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
MADE = (
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
LETTER = Message(
    connection="kafka-prod",
    destination="orders.placed",
    name="partition 0, offset 17",
    body=json.dumps(SAMPLE).encode(),
)
SEES = Rights(Grant(Role.VIEWER, payloads=True))
LOOKS = (
    ("crm-lead", "bounces, mailbox full", SEES),
    ("on-call", "just looking", VIEWER_EVERYWHERE),
    ("billing-lead", "which country is it", SEES),
)
MASKED = {
    "masking": urls.masking(),
    "masking-rule": urls.masking("rules", "names in addresses"),
    "masking-remove": urls.masking("rules", "names in addresses", "remove"),
}


@asynccontextmanager
async def masked() -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """Yield the address of a Signalbox with masking rules, and the cookies of its admin."""
    with TemporaryDirectory() as folder:
        async with serving(Path(folder) / "masked", CONFIGURED) as served:
            headers = {"Sec-Fetch-Site": "same-origin"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers) as admin:
                chosen = {"name": "platform-admin", "password": PASSWORD, "again": PASSWORD}
                assert (await admin.post(first_link(served), data=chosen)).status_code == 303
                for rule in MADE:
                    answer = await admin.post("/api/v1/masking-rules", json={**rule, "reason": "asked for"})
                    assert answer.status_code == 201, answer.text
                cookies = dict(admin.cookies)
            await look_beneath(Path(folder) / "masked" / "signalbox.db")
            yield served.url, cookies


async def look_beneath(file: Path) -> None:
    """Have three looks in the audit log, as a page of messages would."""
    database = Database(DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{file}")))
    security = secured(database)
    await security.masking.load()
    for name, reason, rights in LOOKS:
        actor = Actor(name=name, rights=rights, via=Via.PAGE)
        with suppress(NotPermitted):
            await security.door.act(actor, view_payload(LETTER, reason), _look_with(security))
    await database.close()


def _look_with(security: Secured) -> Callable[[Permit], Awaitable[Message]]:
    async def look(permit: Permit) -> Message:
        return security.masking.unmask(permit, LETTER)

    return look


async def try_a_rule(page: Page) -> None:
    """Fill in the form and send it."""
    await page.get_by_label("As if from").fill("kafka-prod/orders.placed")
    await page.get_by_label("What the new rule masks").fill("$.customer_id")
    await page.get_by_label("How").select_option("hash")
    await page.get_by_label("Sample").fill(json.dumps(SAMPLE, indent=2))
    await page.get_by_role("button", name="Try it on the sample").click()
    await page.get_by_role("heading", name="What others would see").wait_for()
    await page.evaluate("scrollTo(0, 0)")


async def write_it_wrong(page: Page) -> None:
    await page.get_by_label("As if from").fill("orders.placed")
    await page.get_by_label("What the new rule masks").fill("$..email\nemail")
    await page.get_by_role("button", name="Try it on the sample").click()
    await page.get_by_text("fields need a change").wait_for()
    await page.evaluate("scrollTo(0, 0)")


TRIALS = {"masking-trial": try_a_rule, "masking-faults": write_it_wrong}

"""An audit log with every outcome, and the same log tampered with, for the screenshots of the audit page."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from signalbox.security.audit.model import AuditFilter
from signalbox.security.door import Permit
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.model import VIEWER_EVERYWHERE, Action, Actor, JsonValue, Via
from signalbox.storage.engine import Database
from signalbox.web.security import urls
from tests.support.audit import AuditedDoor, actor, drop_triggers, run_sql
from tests.support.database import settings
from tests.support.first_admin import PASSWORD, first_link
from tests.support.serving import serving

OWN = {"Sec-Fetch-Site": "same-origin"}
SUPPORT = Actor(name="support", rights=VIEWER_EVERYWHERE, via=Via.PAGE, address="10.20.7.3")
CI = Actor(name="ci-deploys", rights=actor().rights, via=Via.API, address="10.20.9.2", agent="curl/8.5.0")
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
RETRY: dict[str, JsonValue] = {
    "group": 2288,
    "letters": 340,
    "to": "invoice-writer.retry",
    "waves": [1, 5, 50, 284],
    "stop_at_first_return": True,
    "edited": {"vat_rate": 0.19, "currency": "EUR"},
}


async def audit_pages() -> AsyncIterator[tuple[str, Mapping[str, str], Mapping[str, str]]]:
    """Yield a URL, the cookies of its admin, and the pages, twice: intact, then tampered with."""
    with TemporaryDirectory() as folder:
        installation = Path(folder) / "audit"
        database_settings = settings(f"sqlite+aiosqlite:///{installation}/signalbox.db")
        async with serving(installation, "") as served, httpx.AsyncClient(base_url=served.url, headers=OWN) as admin:
            asked = {"name": "platform-admin", "password": PASSWORD, "again": PASSWORD}
            assert (await admin.post(first_link(served), data=asked)).status_code == 303
            database = Database(database_settings)
            book = AuditedDoor(database)
            await _night(book)
            retry = (await book.log.page(AuditFilter(action="retry"))).entries[-1].row
            await admin.post(urls.audit("verify"))
            yield served.url, dict(admin.cookies), {"audit": urls.audit(), "audit-row": urls.audit(row=retry)}
            await database.close()
            await drop_triggers(database_settings)
            await run_sql(database_settings, "UPDATE audit SET actor = 'logistics-lead' WHERE action = 'annotate'")
            await run_sql(database_settings, "DELETE FROM audit WHERE action = 'note'")
            await admin.post(urls.audit("verify"))
            yield served.url, dict(admin.cookies), {"audit-broken": urls.audit(row=retry)}


async def _night(book: AuditedDoor) -> None:
    for group in (2288, 2291, 2294):
        await book.act("own", target=f"dead-letter group {group}", resource="rabbit-eu")
    await book.act("annotate", by=CI, target="deploy invoice-writer 52", resource="kafka-prod")
    await book.act(
        "retry",
        target="118: 340 letters",
        parameters=RETRY,
        reason="Deploy 52 adds vat_rate",
        run=_stopped,
        by=replace(actor(), agent=DESKTOP),
    )
    try:
        await book.door.act(SUPPORT, Action(name="purge", target="orders.placed.dlq", resource="kafka-prod"), _stopped)
    except NotPermitted:
        await book.act("note", target="dead-letter group 2288", reason="Vat rate is missing since the deploy")
    try:
        await book.act("retry", target="1 letter of group 2288", resource="rabbit-eu", run=_came_back)
    except RequestRejected:
        await book.log.record_intent(actor("orders-lead"), Action(name="rebuild", target="order-summary to version 8"))


async def _stopped(permit: Permit) -> None:
    permit.detail = "29 settled, 17 came back, 294 not sent"


async def _came_back(_: Permit) -> None:
    raise RequestRejected("It came back with the same error.")

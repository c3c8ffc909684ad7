"""Verification, export and the signed head on the audit page, also for a tampered log."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from signalbox.security.audit import documents
from signalbox.security.audit.chain import FindingKind
from signalbox.security.audit.export import verify
from signalbox.security.audit.model import AuditFilter
from signalbox.security.errors import RequestRejected
from signalbox.security.keys import Keys
from signalbox.web.security import urls
from signalbox.web.security.audit.export import Export
from signalbox.web.security.audit.routes import VERIFY
from signalbox.web.settings import ServerSettings
from tests.support.audit import actor
from tests.support.hostile import NAMES
from tests.web.security.audit_site import AuditSite, audit_site_in, audit_site_over
from tests.web.security.test_audit_page import rows, text
from tests.web.security.user_site import user_site_in
from tests.web.sites import Elements, headline

PUBLIC = Keys(bytes(32)).signing().public_key().public_bytes_raw()
HOSTILE = [
    "<script>window.pwned=1</script>",
    "\u202e\x1b[2J\x07\n",
    "{{7*7}}{% raw %}",
    "'\"><img src=x onerror=pwned()>",
    *(name for name in NAMES.values() if len(name) <= 200),
]


MANY = json.dumps({str(number): {"deep": [{"er": number}]} for number in range(500)})


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[AuditSite]:
    async with audit_site_in(tmp_path) as opened_site:
        yield opened_site


async def test_an_intact_log_is_verified_up_to_its_last_row(site: AuditSite) -> None:
    await site.book.act_times(3)
    verified_row = await site.last() + 1
    assert await site.admin.submit(urls.audit("verify")) == urls.audit()
    html = await site.admin.page(urls.audit())
    assert headline(html) == f"The audit log is intact up to row {verified_row}, verified at 03:12:40."
    assert "added since" not in text(html)
    assert f"verify audit log done intact up to row {verified_row}" in rows(html)[0]
    assert "Broken chain" not in html
    assert "Chain intact, verified at 03:12:40" in text(await site.admin.page(urls.audit(row=2)))
    await site.book.act("note")
    assert "Chain added after the verification at 03:12:40" in text(
        await site.admin.page(urls.audit(row=verified_row + 2))
    )


async def test_a_tampered_row_is_named_beside_the_intact_ones(site: AuditSite) -> None:
    row = await site.last() + 1
    await site.book.act_times(4)
    [line] = [line for line in (await site.log.page(AuditFilter())).entries if line.row == row + 2]
    await site.tamper(row + 2, "UPDATE audit SET actor = '<b>logistics</b>' WHERE row = ROW")
    await site.admin.submit(urls.audit("verify"))
    html = await site.admin.page(urls.audit())
    page_text = text(html)
    assert headline(html) == f"1 problem found at 03:12:40: Row {row + 2} was changed after it was written."
    assert (
        f"Intact: rows 1 to {row + 1}. Changed: {row + 2}. "
        f"Consistent with each other, but after a damaged row: {row + 3} to {await site.last() - 1}." in page_text
    )
    assert "changed now says: note by <b>logistics</b>" in page_text
    assert line.hash.hex() in html
    assert f'href="{urls.audit(row=row + 2)}&amp;when=all"' in html
    assert f"verify audit log tampering found Row {row + 2} was changed after it was written." in rows(html)[0]
    opened = text(await site.admin.page(urls.audit(row=row + 2)))
    assert "Chain changed, found at 03:12:40" in opened
    assert "Chain consistent, but" in text(await site.admin.page(urls.audit(row=row + 4)))
    assert "Chain intact, verified" in text(await site.admin.page(urls.audit(row=row)))


async def test_every_finding_has_a_row(site: AuditSite) -> None:
    await site.book.act_times(5)
    last = await site.last()
    await site.tamper(last, "DELETE FROM audit WHERE row = ROW - 6", "UPDATE audit SET hash = 'x' WHERE row = ROW - 2")
    await site.admin.submit(urls.audit("verify"))
    html = await site.admin.page(urls.audit())
    assert headline(html) == f"2 problems found at 03:12:40: Row {last - 6} was removed, and 1 more."
    findings = [row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if "m-failed" in row]
    assert [text(row).split()[:2] for row in findings] == [
        [str(last - 6), FindingKind.REMOVED],
        [str(last - 2), FindingKind.CHANGED],
    ]


async def test_a_long_log_is_verified_on_the_command_line(site: AuditSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.web.security.audit.summary.ROWS_MAX", 3)
    html = await site.admin.page(urls.audit())
    assert "rows take too long to verify here. Run: signalbox audit verify" in text(html)
    assert '<button class="btn btn--primary" disabled aria-describedby="too-long">Verify now</button>' in html
    assert "Run: signalbox audit verify" in await site.admin.submit(urls.audit("verify"), 409)
    assert site.log.last_verification is None


async def test_one_verification_at_a_time(site: AuditSite) -> None:
    await site.book.act_times(2)
    results = await asyncio.gather(
        site.log.verify_and_record(PUBLIC), site.log.verify_and_record(PUBLIC), return_exceptions=True
    )
    assert [type(result) for result in results if isinstance(result, Exception)] == [RequestRejected]
    assert site.log.last_verification in results


async def test_an_export_of_everything_can_be_verified_elsewhere(
    site: AuditSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 3)
    await site.book.act_times(6)
    begun = await site.last() + 1
    answer = await site.admin.client.post(urls.audit("export"), data={"when": "all"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-2026-11-17T031240Z.ndjson"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [json.loads(line)["row"] for line in answer.text.splitlines()] == list(range(1, begun + 1))
    head = documents.parse((await site.admin.client.get(urls.audit("head"))).content, "the head")
    documents.verify_signature(head, PUBLIC)
    assert head.row == begun + 1
    assert not verify(io.BytesIO(answer.content), head).is_intact  # the outcome of the export itself is not in it
    assert verify(io.BytesIO(answer.content)).is_intact
    line = await site.log.entry(begun)
    assert line is not None
    assert (line.action, line.outcome, line.detail) == ("export audit log", "done", f"{begun} rows")
    assert json.loads(line.parameters) == {"when": "all"}


async def test_an_export_of_a_filter_has_the_listed_actions_and_outcomes(site: AuditSite) -> None:
    await site.book.act("retry", target="7", by=actor("on-call"))
    await site.book.act("note", by=actor("on-call"))
    html = await site.admin.page(urls.audit(action="retry"))
    [form] = re.findall(r'<form class="cluster".*?</form>', html, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert "Export 1 action<" in form
    sent = await site.admin.client.post(urls.audit("export"), data=fields)
    assert [(line["action"], line["kind"]) for line in map(json.loads, sent.text.splitlines())] == [
        ("retry", "intent"),
        ("retry", "outcome"),
    ]
    await site.admin.submit(urls.audit("export"), 400, when="tomorrow")
    assert (await site.admin.client.get(urls.audit("export"))).status_code == 405


async def test_a_client_that_disconnects_during_export_is_recorded(
    site: AuditSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 2)
    await site.book.act_times(5)
    begun = await site.last() + 1
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - of ASGI
        sent.append(message)

    async def receive() -> Any:  # noqa: ANN401 - of ASGI
        if len(sent) < 3:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    leaving = Export(
        audit=site.log,
        door=site.book.door,
        actor=actor(),
        action=VERIFY,
        line_filter=AuditFilter(),
        filename="audit.ndjson",
    )
    await leaving(cast("Any", {}), receive, send)
    line = await site.log.entry(begun)
    assert line is not None
    assert (line.outcome, line.detail) == ("failed", "The client disconnected after 4 rows.")
    assert len(sent) == 3


async def test_read_only_mode_keeps_verification_and_export(tmp_path: Path) -> None:
    async with audit_site_in(tmp_path):
        pass
    async with user_site_in(tmp_path, ServerSettings(read_only=True)) as users:
        await users.accounts.changes.refresh()
        site = audit_site_over(users, await users.sign_in("ada"), tmp_path)
        await site.admin.submit(urls.audit("verify"))
        assert site.log.last_verification is not None
        assert '{"row":1,' in await site.admin.submit(urls.audit("export"), 200, when="all")


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_text_is_shown_as_text(site: AuditSite, hostile: str) -> None:
    bare = Elements(await site.admin.page(urls.audit(row=1)))
    by = actor(hostile)
    opened_site = type(by)(name=hostile, rights=by.rights, via=by.via, address=hostile, agent=hostile, request=hostile)
    row = await site.last() + 1
    with pytest.raises(RequestRejected):
        await site.book.act(
            hostile,
            by=opened_site,
            target=hostile,
            resource=hostile,
            reason=hostile,
            parameters={hostile: [hostile, {hostile: hostile}]},
            run=_raises(hostile),
        )
    await site.tamper(row, "UPDATE audit SET via = actor, outcome = actor WHERE row >= ROW")
    await site.admin.submit(urls.audit("verify"))
    for address in (
        urls.audit(row=row),
        urls.audit(row=row, q=hostile[:50]),
        urls.audit(actor=hostile, resource=hostile, action=hostile),
    ):
        html = await site.admin.page(address)
        elements = Elements(html)
        assert elements.names <= bare.names | {"option", "ul", "li", "pre", "h3"}
        assert elements.handlers == bare.handlers == set()
        assert not {"\u202e", "\x1b", "\x07"} & set(elements.text)
        assert all(link.startswith(("/", "#")) or not link for link in elements.links)
    listed = await site.admin.api("GET", "audit", params={"actor": hostile.replace("\0", "\ufffd")})
    assert listed["items"][0]["target"] == hostile


def _raises(words: str) -> Any:  # noqa: ANN401 - what an action runs
    async def run(_: object) -> None:
        raise RequestRejected(words)

    return run


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET at_us = 'noon'",
        "UPDATE audit SET at_us = 9000000000000000000",
        "UPDATE audit SET at_us = -5",
        "UPDATE audit SET actor = x'00'",
        "UPDATE audit SET hash = 7",
        "UPDATE audit SET hash = 'text'",
        "UPDATE audit SET parameters = '[[[[['",
        "UPDATE audit SET parameters = x'ff'",
        "UPDATE audit SET outcome = 12, took_us = 1e300",
        "UPDATE audit SET outcome = 'well'",
        "UPDATE audit SET parameters = '" + "[" * 3000 + "]" * 3000 + "'",
        "UPDATE audit SET parameters = 'MANY'",
    ],
    ids=lambda change: change[17:47],
)
async def test_a_tampered_value_of_another_type_is_shown(site: AuditSite, change: str) -> None:
    row = await site.last() + 1
    await site.book.act("note", parameters={"a": 1})
    await site.tamper(row, change.replace("MANY", MANY) + " WHERE row IN (ROW, ROW + 1)")
    await site.admin.submit(urls.audit("verify"))
    html = await site.admin.page(urls.audit(row=row, when="all"))
    assert f"Row {row}" in headline(html) or f"Rows {row}" in headline(html)
    assert f'id="row-{row}"' in html
    assert len(html) < 200_000
    await site.admin.api("GET", "audit")


async def test_the_api_pages_through_the_same_actions(site: AuditSite) -> None:
    await site.book.act("retry", target="7", parameters={"waves": [1, 5]}, reason="why", resource="kafka-prod")
    await site.book.act_times(4)
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        part = await site.admin.api("GET", "audit", params={"limit": "2", **({"older": cursor} if cursor else {})})
        seen += part["items"]
        cursor = part["next"]
    assert [line["row"] for line in seen] == sorted((line["row"] for line in seen), reverse=True)
    assert len(seen) == (await site.log.count(AuditFilter())).number
    [retry] = (await site.admin.api("GET", "audit", params={"resource": "kafka-prod"}))["items"]
    line = await site.log.entry(retry["row"])
    assert line is not None
    assert (retry["parameters"], retry["reason"], retry["outcome"], retry["running"]) == (
        {"waves": [1, 5]},
        "why",
        "done",
        False,
    )
    assert (retry["hash"], retry["previous_hash"], retry["outcome_row"]) == (
        line.hash.hex(),
        line.previous.hex(),
        line.outcome_row,
    )
    assert (retry["started_at"], retry["duration_s"] >= 0) == (site.users.simulation.now, True)
    problem = await site.admin.api("GET", "audit", 400, params={"when": "tomorrow"})
    assert problem["detail"].startswith("when: expected one of 1h, 24h, 7d, all, got 'tomorrow'.")
    assert (await site.admin.api("GET", "audit", 400, params={"limit": "501"}))["status"] == 400


async def test_the_api_returns_a_signed_head(site: AuditSite) -> None:
    answer = await site.admin.client.get("/api/v1/audit/head")
    head = documents.parse(answer.content, "the head")
    documents.verify_signature(head, PUBLIC)
    assert head.row == await site.last()
    await site.book.act_times(2)
    assert (await site.log.verify(PUBLIC, head)).is_intact


async def test_openapi_declares_parameters_and_refusals(site: AuditSite) -> None:
    paths = (await site.admin.api("GET", "openapi.json"))["paths"]
    for path in ("/api/v1/audit", "/api/v1/audit/head"):
        answers = paths[path]["get"]["responses"]
        assert {"200", "400", "401", "403", "429", "503"} <= set(answers)
        assert "application/problem+json" in answers["403"]["content"]
    described = {
        parameter["name"]: parameter.get("description") for parameter in paths["/api/v1/audit"]["get"]["parameters"]
    }
    assert set(described) == {"q", "when", "actor", "action", "resource", "outcome", "older", "limit"}
    assert all(described.values())

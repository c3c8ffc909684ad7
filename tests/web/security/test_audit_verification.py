"""Verifying from the page, taking the log out as a file, and what a page says of a log that was changed behind its back."""

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
from tests.web.security.audit_site import Audited, audited_in, over
from tests.web.security.test_audit_page import rows, text
from tests.web.security.user_site import house_in
from tests.web.sites import Elements, headline

PUBLIC = Keys(bytes(32)).signing().public_key().public_bytes_raw()
NASTY = [
    "<script>window.pwned=1</script>",
    "\u202e\x1b[2J\x07\n",
    "{{7*7}}{% raw %}",
    "'\"><img src=x onerror=pwned()>",
    *(name for name in NAMES.values() if len(name) <= 200),
]


MANY = json.dumps({str(number): {"deep": [{"er": number}]} for number in range(500)})


@pytest.fixture
async def audited(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited_in(tmp_path) as made:
        yield made


async def test_an_untouched_log_is_whole_to_its_last_row_and_the_check_is_in_it(audited: Audited) -> None:
    await audited.book.acts(3)
    asked = await audited.last() + 1
    assert await audited.admin.send(urls.audit("verify")) == urls.audit()
    html = await audited.admin.page(urls.audit())
    assert headline(html) == f"The audit log is intact up to row {asked}, verified at 03:12:40."
    assert "1 row was added since." in text(html)
    assert f"verify audit log done intact up to row {asked}" in rows(html)[0]
    assert "Broken chain" not in html
    assert "Chain intact, verified at 03:12:40" in text(await audited.admin.page(urls.audit(row=2)))
    await audited.book.act("note")
    assert "Chain added after the verification at 03:12:40" in text(await audited.admin.page(urls.audit(row=asked + 2)))


async def test_a_row_that_was_changed_behind_its_back_is_named_with_what_is_whole(audited: Audited) -> None:
    row = await audited.last() + 1
    await audited.book.acts(4)
    [line] = [line for line in (await audited.log.page(AuditFilter())).entries if line.row == row + 2]
    await audited.tamper(row + 2, "UPDATE audit SET actor = '<b>logistics</b>' WHERE row = ROW")
    await audited.admin.send(urls.audit("verify"))
    html = await audited.admin.page(urls.audit())
    told = text(html)
    assert headline(html) == f"Row {row + 2} was changed after it was written, found at 03:12:40."
    assert (
        f"Rows 1 to {row + 1} are intact. Rows {row + 3} to {await audited.last() - 1} after that are consistent"
        in told
    )
    assert "changed now says: note by <b>logistics</b>" in told
    assert line.hash.hex() in html
    assert f'href="{urls.audit(row=row + 2)}&amp;when=all"' in html
    assert f"verify audit log done Row {row + 2} was changed after it was written." in rows(html)[0]
    opened = text(await audited.admin.page(urls.audit(row=row + 2)))
    assert "Chain changed, found at 03:12:40" in opened
    assert "Chain consistent, but" in text(await audited.admin.page(urls.audit(row=row + 4)))
    assert "Chain intact, verified" in text(await audited.admin.page(urls.audit(row=row)))


async def test_more_findings_are_counted_and_each_has_a_row(audited: Audited) -> None:
    await audited.book.acts(5)
    last = await audited.last()
    await audited.tamper(
        last, "DELETE FROM audit WHERE row = ROW - 6", "UPDATE audit SET hash = 'x' WHERE row = ROW - 2"
    )
    await audited.admin.send(urls.audit("verify"))
    html = await audited.admin.page(urls.audit())
    assert headline(html) == f"Row {last - 6} was removed, found at 03:12:40, and 1 more finding."
    found = [one for one in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if "m-failed" in one]
    assert [text(one).split()[:2] for one in found] == [
        [str(last - 6), FindingKind.REMOVED],
        [str(last - 2), FindingKind.CHANGED],
    ]


async def test_a_log_that_is_too_long_to_wait_for_says_what_to_run(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalbox.web.security.audit.summary.ROWS_MAX", 3)
    html = await audited.admin.page(urls.audit())
    assert "rows take too long to verify here. Run: signalbox audit verify" in text(html)
    assert '<button class="btn btn--primary" disabled aria-describedby="too-long">Verify now</button>' in html
    assert "Run: signalbox audit verify" in await audited.admin.send(urls.audit("verify"), 409)
    assert audited.log.last_verification is None


async def test_two_checks_do_not_run_at_once(audited: Audited) -> None:
    await audited.book.acts(2)
    found = await asyncio.gather(
        audited.log.verify_and_record(PUBLIC), audited.log.verify_and_record(PUBLIC), return_exceptions=True
    )
    assert [type(one) for one in found if isinstance(one, Exception)] == [RequestRejected]
    assert audited.log.last_verification in found


async def test_the_export_is_every_row_of_its_filter_and_can_be_verified_elsewhere(
    audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 3)
    await audited.book.acts(6)
    begun = await audited.last() + 1
    answer = await audited.admin.client.post(urls.audit("export"), data={"when": "all"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-2026-11-17T031240Z.ndjson"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [json.loads(line)["row"] for line in answer.text.splitlines()] == list(range(1, begun + 1))
    head = documents.parse((await audited.admin.client.get(urls.audit("head"))).content, "the head")
    documents.verify_signature(head, PUBLIC)
    assert head.row == begun + 1
    assert not verify(io.BytesIO(answer.content), head).is_intact  # the outcome of the export itself is not in it
    assert verify(io.BytesIO(answer.content)).is_intact
    line = await audited.log.entry(begun)
    assert line is not None
    assert (line.action, line.outcome, line.detail) == ("export audit log", "done", f"{begun} rows")
    assert json.loads(line.parameters) == {"when": "all"}


async def test_the_export_of_a_filter_is_what_the_list_shows_with_its_outcomes(audited: Audited) -> None:
    await audited.book.act("retry", target="7", by=actor("on-call"))
    await audited.book.act("note", by=actor("on-call"))
    html = await audited.admin.page(urls.audit(action="retry"))
    [form] = re.findall(r'<form class="cluster".*?</form>', html, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert "Export 1 action<" in form
    sent = await audited.admin.client.post(urls.audit("export"), data=fields)
    assert [(line["action"], line["kind"]) for line in map(json.loads, sent.text.splitlines())] == [
        ("retry", "intent"),
        ("retry", "outcome"),
    ]
    await audited.admin.send(urls.audit("export"), 400, when="tomorrow")
    assert (await audited.admin.client.get(urls.audit("export"))).status_code == 405


async def test_whoever_leaves_before_the_end_is_in_the_log(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 2)
    await audited.book.acts(5)
    begun = await audited.last() + 1
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - of ASGI
        sent.append(message)

    async def receive() -> Any:  # noqa: ANN401 - of ASGI
        if len(sent) < 3:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    leaving = Export(
        audit=audited.log,
        door=audited.book.door,
        actor=actor(),
        action=VERIFY,
        line_filter=AuditFilter(),
        filename="audit.ndjson",
    )
    await leaving(cast("Any", {}), receive, send)
    line = await audited.log.entry(begun)
    assert line is not None
    assert (line.outcome, line.detail) == ("failed", "The client disconnected after 4 rows.")
    assert len(sent) == 3


async def test_read_only_takes_nothing_of_it_away(tmp_path: Path) -> None:
    async with audited_in(tmp_path):
        pass
    async with house_in(tmp_path, ServerSettings(read_only=True)) as house:
        await house.accounts.changes.refresh()
        audited = over(house, await house.signed_in("ada"), tmp_path)
        await audited.admin.send(urls.audit("verify"))
        assert audited.log.last_verification is not None
        assert '{"row":1,' in await audited.admin.send(urls.audit("export"), 200, when="all")


@pytest.mark.parametrize("nasty", NASTY)
async def test_hostile_text_in_every_field_is_shown_as_text(audited: Audited, nasty: str) -> None:
    bare = Elements(await audited.admin.page(urls.audit(row=1)))
    by = actor(nasty)
    made = type(by)(name=nasty, rights=by.rights, via=by.via, address=nasty, agent=nasty, request=nasty)
    row = await audited.last() + 1
    with pytest.raises(RequestRejected):
        await audited.book.act(
            nasty,
            by=made,
            target=nasty,
            resource=nasty,
            reason=nasty,
            parameters={nasty: [nasty, {nasty: nasty}]},
            run=_raises(nasty),
        )
    await audited.tamper(row, "UPDATE audit SET via = actor, outcome = actor WHERE row >= ROW")
    await audited.admin.send(urls.audit("verify"))
    for address in (
        urls.audit(row=row),
        urls.audit(row=row, q=nasty[:50]),
        urls.audit(actor=nasty, resource=nasty, action=nasty),
    ):
        html = await audited.admin.page(address)
        found = Elements(html)
        assert found.names <= bare.names | {"option", "ul", "li", "pre", "h3"}
        assert found.handlers == bare.handlers == set()
        assert not {"\u202e", "\x1b", "\x07"} & set(found.text)
        assert all(link.startswith(("/", "#")) or not link for link in found.links)
    listed = await audited.admin.api("GET", "audit", params={"actor": nasty.replace("\0", "\ufffd")})
    assert listed["items"][0]["target"] == nasty


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
async def test_what_no_row_of_ours_holds_is_shown_all_the_same(audited: Audited, change: str) -> None:
    row = await audited.last() + 1
    await audited.book.act("note", parameters={"a": 1})
    await audited.tamper(row, change.replace("MANY", MANY) + " WHERE row IN (ROW, ROW + 1)")
    await audited.admin.send(urls.audit("verify"))
    html = await audited.admin.page(urls.audit(row=row, when="all"))
    assert f"Row {row}" in headline(html) or f"Rows {row}" in headline(html)
    assert f'id="row-{row}"' in html
    assert len(html) < 200_000
    await audited.admin.api("GET", "audit")


async def test_the_api_gives_the_same_lines_page_by_page(audited: Audited) -> None:
    await audited.book.act("retry", target="7", parameters={"waves": [1, 5]}, reason="why", resource="kafka-prod")
    await audited.book.acts(4)
    seen: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        part = await audited.admin.api("GET", "audit", params={"limit": "2", **({"older": cursor} if cursor else {})})
        seen += part["items"]
        cursor = part["next"]
    assert [line["row"] for line in seen] == sorted((line["row"] for line in seen), reverse=True)
    assert len(seen) == (await audited.log.count(AuditFilter())).number
    [retry] = (await audited.admin.api("GET", "audit", params={"resource": "kafka-prod"}))["items"]
    line = await audited.log.entry(retry["row"])
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
    assert (retry["started_at"], retry["duration_s"] >= 0) == (audited.house.estate.now, True)
    problem = await audited.admin.api("GET", "audit", 400, params={"when": "tomorrow"})
    assert problem["detail"].startswith("when: expected one of 1h, 24h, 7d, all, got 'tomorrow'.")
    assert (await audited.admin.api("GET", "audit", 400, params={"limit": "501"}))["status"] == 400


async def test_the_api_signs_how_far_the_log_goes(audited: Audited) -> None:
    answer = await audited.admin.client.get("/api/v1/audit/head")
    head = documents.parse(answer.content, "the head")
    documents.verify_signature(head, PUBLIC)
    assert head.row == await audited.last()
    await audited.book.acts(2)
    assert (await audited.log.verify(PUBLIC, head)).is_intact


async def test_openapi_declares_what_is_refused_and_what_is_asked(audited: Audited) -> None:
    paths = (await audited.admin.api("GET", "openapi.json"))["paths"]
    for path in ("/api/v1/audit", "/api/v1/audit/head"):
        answers = paths[path]["get"]["responses"]
        assert {"200", "400", "401", "403", "429", "503"} <= set(answers)
        assert "application/problem+json" in answers["403"]["content"]
    asked = {one["name"]: one.get("description") for one in paths["/api/v1/audit"]["get"]["parameters"]}
    assert set(asked) == {"q", "when", "actor", "action", "resource", "outcome", "older", "limit"}
    assert all(asked.values())

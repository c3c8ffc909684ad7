"""The audit page: rows, filters, paging, an open row, and who may view it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import (
    ADMIN_EVERYWHERE,
    OPERATOR_EVERYWHERE,
    Action,
    Actor,
    Grant,
    JsonValue,
    Rights,
    Role,
    Via,
)
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from signalbox.web.security.audit.action_list import PAGE_ROWS
from tests.support.audit import actor
from tests.web.security.audit_site import AuditSite, audit_site_in
from tests.web.sites import Elements, headline

DAY_S = 86_400
NO_ADMINS = {
    "viewer": Rights(Grant(Role.VIEWER)),
    "operator": OPERATOR_EVERYWHERE,
    "admin-of-one": Rights(Grant(Role.VIEWER), {"kafka-prod": Grant(Role.ADMIN)}),
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[AuditSite]:
    async with audit_site_in(tmp_path) as opened_site:
        yield opened_site


def text(html: str) -> str:
    """Return the text of a page, with spaces between elements."""
    return Elements(html).text.replace("\u00a0", " ")


def rows(html: str) -> list[str]:
    """Return the text of each row."""
    return [text(row) for row in re.findall(r'<tr id="row-.*?</tr>', html, re.DOTALL)]


def numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="row-(\d+)"', html)]


def older(html: str) -> str | None:
    link = re.search(r'href="([^"]*)">Older</a>', html)
    return link[1].replace("&amp;", "&") if link else None


async def test_a_row_shows_user_address_action_outcome_and_rows(site: AuditSite) -> None:
    begun = await site.last()
    await site.book.act("retry", target="letter 7", resource="kafka-prod", by=actor("on-call"))
    with pytest.raises(RequestRejected):
        await site.book.act("purge", run=_fails)
    html = await site.admin.page(security_urls.audit())
    assert headline(html) == f"The audit log is recorded up to row {begun + 4}, not verified since Signalbox started."
    failed, done, *_ = rows(html)
    assert "on-call 10.20.4.17" in done
    assert "retry letter 7 on kafka-prod done" in done
    assert done.endswith(f"{begun + 1} outcome {begun + 2}")
    assert "purge failed The queue is gone." in failed
    assert any("sign" in row or "use one-time link" in row for row in rows(html))


async def _fails(_: Permit) -> None:
    raise RequestRejected("The queue is gone.")


@pytest.mark.parametrize("name", NO_ADMINS)
async def test_only_admins_everywhere_can_use_the_page(site: AuditSite, name: str) -> None:
    browser = await site.invite(name, NO_ADMINS[name])
    last = await site.last()
    words = text(await browser.page(security_urls.audit(), 403))
    assert f"{name} cannot view the audit log: that requires the admin role everywhere." in words
    assert f'href="{security_urls.audit()}"' not in await browser.page(urls.home())
    await browser.page(security_urls.audit("head"), 403)
    await browser.submit(security_urls.audit("verify"), 403)
    refused = await browser.submit(security_urls.audit("export"), 403, when="all")
    assert '{"row"' not in refused
    for path in ("audit", "audit/head"):
        problem = await browser.api("GET", path, 403)
        assert "requires the admin role everywhere" in problem["detail"]
    assert await site.last() == last
    assert site.log.last_verification is None


async def test_a_visitor_is_redirected_to_sign_in(site: AuditSite) -> None:
    nobody = await site.users.browser()
    assert await nobody.redirect_of(security_urls.audit(row=3)) == urls.sign_in(to=security_urls.audit(row=3))
    assert await nobody.submit(security_urls.audit("export"), when="all") == urls.sign_in()
    await nobody.api("GET", "audit", 401)


async def test_search_and_filters_are_in_the_url(site: AuditSite) -> None:
    await site.book.act("retry", target="Letter 100%", by=actor("billing-lead"), resource="kafka-prod")
    await site.book.act("note", reason="Deploy 52", by=actor("billing-lead"))
    with pytest.raises(Exception, match="cannot purge"):
        await site.book.act("purge", by=Actor(name="nobody", rights=Rights(), via=Via.API, address="10.20.4.99"))
    for query, expected in (
        ({"q": "100%"}, ["retry Letter 100%"]),
        ({"q": "deploy 52"}, ["note"]),
        ({"actor": "billing-lead"}, ["note", "retry"]),
        ({"actor": "billing-lead", "action": "retry"}, ["retry"]),
        ({"resource": "kafka-prod"}, ["retry"]),
        ({"outcome": "refused"}, ["purge denied requires the admin role everywhere"]),
    ):
        html = await site.admin.page(security_urls.audit(**query))
        assert len(rows(html)) == len(expected), query
        assert all(words in row for words, row in zip(expected, rows(html), strict=True)), (query, rows(html))
        assert html.count("<option") > 10
        links = [link for link in Elements(html).links if "row=" in link]
        assert links
        assert all(f"{key}=" in link for link in links for key in query)
    page = await site.admin.page(security_urls.audit(outcome="refused"))
    assert 'aria-pressed="true">Denied <b>1</b>' in page
    assert '<input type="hidden" name="outcome" value="refused">' in page


async def test_time_range_is_the_last_day_by_default(site: AuditSite) -> None:
    await site.book.act("note", target="long ago")
    site.users.simulation.now += 8 * DAY_S
    admin = await site.users.sign_in("ada")
    await site.book.act("note", target="just now")
    for when, expected in ((None, False), ("1h", False), ("7d", False), ("all", True)):
        page = await admin.page(security_urls.audit(when=when, action="note"))
        assert "just now" in page
        assert ("long ago" in page) is expected
    assert "1 of 1 action in the last hour, newest first" in text(
        await admin.page(security_urls.audit(when="1h", action="note"))
    )
    assert "17 Nov 03:12" in text(await admin.page(security_urls.audit(when="all", q="long ago")))


async def test_paging_goes_to_older_rows_and_back_to_the_newest(site: AuditSite) -> None:
    await site.book.act_times(2 * PAGE_ROWS + 5)
    address, seen, html = security_urls.audit(action="note"), [], ""
    while address:
        html = await site.admin.page(address)
        seen += numbers(html)
        address = older(html) or ""
        if address:
            await site.book.act("note", target="new during paging")
    assert len(seen) == len(set(seen)) == 2 * PAGE_ROWS + 5
    assert seen == sorted(seen, reverse=True)
    assert f'<a class="btn btn--small" href="{security_urls.audit(action="note")}">Newest</a>' in html


async def test_a_row_opens_in_place_and_has_a_url(site: AuditSite) -> None:
    parameters: dict[str, JsonValue] = {
        "group": 2288,
        "waves": [1, 5, 50],
        "to": "invoice-writer.retry",
        "edited": {"vat": True},
        "note": None,
    }
    row = await site.last() + 1
    await site.book.act("retry", target="118", parameters=parameters, reason="Deploy 52 adds vat_rate", run=_set_detail)
    closed = await site.admin.page(security_urls.audit())
    assert f'href="{security_urls.audit(row=row)}" aria-expanded="false"' in closed
    for address in (
        security_urls.audit(row=row),
        security_urls.audit(row=row + 1),
    ):  # the outcome's row opens the same action
        html = await site.admin.page(address)
        words = text(html)
        assert f'href="{security_urls.audit()}" aria-expanded="true"' in html
        for part in (
            f"Request, row {row}",
            'group : 2288 waves : [ 1, 5, 50 ] to : "invoice-writer.retry" edited : vat : true note : null',
            "Reason Deploy 52 adds vat_rate",
            "By on-call from 10.20.4.17",
            "Via web page; request 7c19e0-41",
            f"Outcome, row {row + 1}",
            "done 29 settled, 17 came back",
            "Chain not verified since Signalbox started",
        ):
            assert part in words, part
        line = await site.log.entry(row)
        assert line is not None
        assert line.hash.hex() in html
        assert line.previous.hex() in html
    assert "<html" not in await site.part(security_urls.audit(row=row))


async def _set_detail(permit: Permit) -> None:
    permit.detail = "29 settled, 17 came back"


async def test_an_open_row_outside_the_filter_is_shown_apart(site: AuditSite) -> None:
    row = await site.last() + 1
    await site.book.act("retry", target="118")
    await site.book.act("note")
    html = await site.admin.page(security_urls.audit(action="note", row=row))
    assert f"Row {row}, which is not on this page" in html
    assert numbers(html) == [row, row + 2]
    gone = text(await site.admin.page(security_urls.audit(row=4_000), 404))
    assert "There is no row 4,000 in the audit log. The row is not written yet, or was moved to a sealed file." in gone


async def test_a_row_without_outcome_says_why(site: AuditSite) -> None:
    mine = await site.log.record_intent(actor(), Action(name="rebuild"))
    site.users.simulation.now += 158
    await site.book.log.record_intent(actor(), Action(name="swap"))
    await site.book.log.record_intent(Actor(name="cli:root", rights=ADMIN_EVERYWHERE, via=Via.CLI), Action(name="seal"))
    seal, swap, rebuild, *_ = rows(await site.admin.page(security_urls.audit()))
    assert "running 2 min 38 s so far" in rebuild
    assert rebuild.endswith("none yet")
    for row in (seal, swap):
        assert "no result recorded check whether it ran unknown" in row
    opened = text(await site.admin.page(security_urls.audit(row=mine)))
    assert "Running in this process." in opened
    assert "Signalbox stopped before the action ended" in text(await site.admin.page(security_urls.audit(row=mine + 1)))
    assert "The command may still be running" in text(await site.admin.page(security_urls.audit(row=mine + 2)))
    await site.log.record_outcome(mine, actor(), Action(name="rebuild"), "done", detail="", took_s=1)  # type: ignore[arg-type]
    ended = await site.admin.page(security_urls.audit(row=mine))
    assert "running" not in str(rows(ended))
    assert "Running in this process." not in text(ended)


async def test_empty_list_names_the_filters_and_the_way_out(site: AuditSite) -> None:
    words = text(await site.admin.page(security_urls.audit(q="<b>nothing</b>", actor="on-call", outcome="refused")))
    assert "No action matches “ <b>nothing</b> ” by on-call, denied, in the last 24 h." in words
    assert "Clear filters" in words


async def test_a_partial_search_says_how_far_it_went(site: AuditSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.audit.entries.store.WINDOW", 4)
    await site.book.act("note", target="needle")
    site.users.simulation.now += 60
    await site.book.act_times(6)
    html = await site.admin.page(security_urls.audit(q="needle"))
    assert rows(html) == []
    assert "The search went back to 03:13:40. Choose Older to search further." in text(html)
    address = older(html)
    assert address is not None
    assert "needle" in str(rows(await site.admin.page(address)))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("when=yesterday", "when: expected one of 1h, 24h, 7d, all, got 'yesterday'."),
        ("outcome=done", "outcome: expected one of refused, got 'done'."),
        ("row=seven", "row: expected a whole number from 1 to 999,999,999, got 'seven'."),
        ("older=1-2-3", "older: expected a cursor from a previous response, got '1-2-3'."),
        ("q=" + "x" * 301, "q: expected at most 300 characters"),
    ],
)
async def test_an_invalid_parameter_names_the_expected_values(site: AuditSite, query: str, says: str) -> None:
    assert says in text(await site.admin.page(f"/audit?{query}", 400))


async def test_a_changed_filter_loads_only_the_list(site: AuditSite) -> None:
    part = await site.part(security_urls.audit(q="", when="", actor=""))
    assert part.lstrip().startswith('<section class="section stack" id="lister"')
    answer = await site.admin.client.get("/audit?q=&when=&actor=ada", headers={"HX-Request-Type": "partial"})
    assert answer.headers["HX-Push-Url"] == security_urls.audit(actor="ada")

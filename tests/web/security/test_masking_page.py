"""The masking page through the real routes over a real database."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.web.security.masking_site import CARDS
from tests.web.security.user_site import Browser, UserSite, user_site_in, visible_text
from tests.web.sites import headline, row_of

TRIAL = security_urls.masking("trial")
RULES = security_urls.masking("rules")
CANARY = "canary-7f3a91c2"
ORDER = {
    "order_id": CANARY,
    "customer_id": "c-204417",
    "address": {"name": "A Sample Name", "country": "NO"},
    "note": "card 4242 4242 4242 4242",
    "lines": [{"sku": "b<i>x</i>", "count": 2}],
    "gift": None,
}
TRY = {
    "source": "kafka-prod/orders.placed",
    "what": "$.customer_id",
    "how": "hash",
    "sample": json.dumps(ORDER, indent=2),
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path, rules=[CARDS]) as opened_site:
        yield opened_site


@pytest.fixture
async def ada(site: UserSite) -> Browser:
    return await site.first_admin()


async def add(ada: Browser, name: str, **more: str) -> str:
    return await ada.submit(RULES, 303, **{**TRY, "name": name, "reason": "asked for", **more})


def files_with(folder: Path, words: str) -> list[str]:
    """Return the names of the files below a folder that contain a text."""
    return [file.name for file in folder.rglob("*") if file.is_file() and words.encode() in file.read_bytes()]


async def numbers(ada: Browser) -> list[tuple[int, str]]:
    return [(item["number"], item["name"]) for item in (await ada.api("GET", "masking-rules"))["items"]]


async def test_only_admins_everywhere_can_use_the_page(site: UserSite, ada: Browser) -> None:
    await add(ada, "customers")
    nobody = await site.browser()
    assert await nobody.redirect_of(security_urls.masking()) == urls.sign_in(to=security_urls.masking())
    reads = (
        security_urls.masking(),
        security_urls.masking("rules", "customers"),
        security_urls.masking("rules", "customers", "remove"),
    )
    writes = (
        TRIAL,
        RULES,
        security_urls.masking("rules", "customers", "move"),
        security_urls.masking("rules", "customers", "remove"),
    )
    for name, invited in {"viv": {}, "oli": {"role": "operator"}, "one": {"role": "admin", "on": "kafka-prod"}}.items():
        browser = await site.invite(ada, name, **invited)
        for address in reads:
            content = visible_text(await browser.page(address, 403))
            assert f"{name} cannot view masking rules: that requires the admin role everywhere." in content
        for address in writes:
            content = await browser.submit(address, 403, **TRY, name="x", reason="y", number="1")
            assert CANARY not in content
    assert await numbers(ada) == [(1, "cards"), (2, "customers")]


async def test_the_page_lists_rules_with_hits_and_authors(site: UserSite, ada: Browser) -> None:
    await add(ada, "customers", destinations="*/orders.*\nkafka-prod/payments", types="Order*")
    await site.invite(ada, "sam", on="kafka-prod", payloads="true")
    await site.invite(ada, "viv")
    page = await ada.page(security_urls.masking())
    assert headline(page) == "2 rules mask payloads before data leaves the server."
    assert "2 of 3 users can unmask payloads, one message at a time" in visible_text(page)
    assert "Every unmasked view is in the audit log: none in the last 24 h." in visible_text(page)
    assert "Hits since 03:12" in visible_text(page)
    cards, customers = visible_text(row_of(page, "cards")), visible_text(row_of(page, "customers"))
    assert (
        cards
        == "1cardsany destinationcard numbers: 13 to 19 digits with a valid checksumkeep last 4 example •••• 42420configuration"
    )
    assert customers.startswith("2customers*/orders.*, kafka-prod/payments; type Order*$.customer_idhash example h:")
    assert customers.endswith("0ada")
    assert "No unmasked payload has been viewed." in page


async def test_after_a_day_hits_cover_24_hours(site: UserSite, ada: Browser) -> None:
    site.simulation.now += 25 * 3600
    again = await site.sign_in("ada")
    assert "Hits, 24 h" in visible_text(await again.page(security_urls.masking()))


async def test_a_trial_shows_the_masked_sample(ada: Browser) -> None:
    await add(ada, "names", what="$.address.name", how="hide")
    page = await ada.submit(TRIAL, 200, **TRY)
    content = visible_text(page)
    assert "Masked result3 of 8 fields masked, in " in content
    assert "name: masked rule 2" in content
    assert 'note: "card •••• 4242" rule 1' in content
    assert "customer_id: h:" in content
    assert " new rule " in content
    assert f'order_id: "{CANARY}"' in content
    assert "gift: null" in content
    assert "Add rule 3: hash $.customer_id" in content
    assert "<i>x" not in (await ada.client.post(TRIAL, data=TRY)).text


async def test_a_trial_uses_the_new_rule_only_or_the_existing_ones_only(ada: Browser) -> None:
    alone = visible_text(await ada.submit(TRIAL, 200, **TRY, only="yes"))
    assert "1 of 8 fields masked" in alone
    assert 'note: "card 4242 4242 4242 4242"' in alone
    assert "Add rule 2: hash" in alone
    there = visible_text(await ada.submit(TRIAL, 200, **{**TRY, "what": " \n"}))
    assert "1 of 8 fields masked" in there
    assert "Add rule 2" not in there


async def test_type_and_destination_select_the_rules(ada: Browser) -> None:
    await add(ada, "elsewhere", what="$.order_id", destinations="rabbit-eu/*")
    await add(ada, "refunds", what="$.order_id", types="Refund*")
    assert f'order_id: "{CANARY}"' in visible_text(await ada.submit(TRIAL, 200, **TRY, kind="OrderPlaced"))
    assert "order_id: h:" in visible_text(await ada.submit(TRIAL, 200, **TRY, kind="RefundMade"))
    assert "order_id: h:" in visible_text(
        await ada.submit(TRIAL, 200, **{**TRY, "source": "rabbit-eu/orders"}, kind="OrderPlaced")
    )


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("{no json", "The whole sample is hidden: it is not valid JSON. new rule would have to read it."),
        ("[" * 600 + "]" * 600, "The whole sample is hidden: it is nested deeper than 512 levels."),
        ("", "Masked resultno sample given"),
    ],
)
async def test_a_sample_that_cannot_be_parsed_is_hidden_with_the_reason(
    ada: Browser, sample: str, expected: str
) -> None:
    assert expected in visible_text(await ada.submit(TRIAL, 200, **{**TRY, "sample": sample}))


async def test_card_numbers_are_masked_in_plain_text(ada: Browser) -> None:
    page = visible_text(
        await ada.submit(TRIAL, 200, **{**TRY, "what": "", "sample": "paid & with\n4242 4242 4242 4242 today"})
    )
    assert "paid & with •••• 4242 rule 1 today" in page
    assert "Not JSON: only card numbers can be masked in such text" in page


async def test_a_sample_is_not_stored(ada: Browser, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from litestar._parsers import parse_url_encoded_form_data  # noqa: PLC0415 - what must not see a sample: it keeps forms

    caplog.set_level(logging.DEBUG)
    kept = parse_url_encoded_form_data.cache_info()
    await ada.submit(TRIAL, 200, **TRY)
    await ada.submit(TRIAL, 400, **{**TRY, "what": "email"})
    leads = await add(ada, "customers")
    await ada.api("POST", "masking-rules/try", 200, json={"sample": TRY["sample"], "source": "a/b"})
    assert parse_url_encoded_form_data.cache_info() == kept
    assert CANARY not in leads
    assert files_with(tmp_path, "c-204417") == []
    assert files_with(tmp_path, "customers"), "the database is where it is looked for"
    assert CANARY not in caplog.text
    assert files_with(tmp_path, CANARY) == []


async def test_browsers_do_not_cache_a_sample(ada: Browser) -> None:
    answer = await ada.client.post(TRIAL, data=TRY)
    assert answer.headers["cache-control"] == "no-store"
    for address in (TRIAL, RULES):
        assert await ada.redirect_of(address) == security_urls.masking()
    await add(ada, "customers")
    assert await ada.redirect_of(security_urls.masking("rules", "customers", "move")) == security_urls.masking(
        "rules", "customers"
    )


async def test_faults_are_shown_at_their_fields_and_typed_text_is_kept(ada: Browser) -> None:
    typed = {
        "source": "orders.placed",
        "what": "$..email\nemail",
        "how": "keep last 99",
        "destinations": "orders.*",
        "sample": '{"kept": "</textarea><script>alert(1)</script>"}',
    }
    page = await ada.submit(TRIAL, 400, **typed)
    assert "4 fields have errors." in visible_text(page)
    for field, fault in {
        "source": "Expected connection/destination, such as kafka-prod/orders.placed. Got 'orders.placed'.",
        "what": "Expected one of: a JSON path ($.email), header NAME, key, card numbers, such as $..email or header reply-to. Got 'email'.",
        "how": "Expected hide, hash, or keep last N with N from 1 to 16, such as keep last 4. Got 'keep last 99'.",
        "destinations": "Expected * or a shell pattern over connection/destination, such as */orders.*. Got 'orders.*'.",
    }.items():
        assert f'aria-invalid="true" aria-describedby="{field}-fault"' in page, field
        [fault_html] = [part for part in page.split('<p class="fault" id="') if part.startswith(f"{field}-fault")]
        assert fault in visible_text(fault_html.partition("</p>")[0]), field
    for kept in ('value="orders.placed"', "$..email\nemail</textarea>", "orders.*</textarea>", typed["sample"]):
        assert kept in page
    raw = (await ada.client.post(TRIAL, data=typed)).text
    assert "<script>alert" not in raw


async def test_adding_a_rule_requires_a_name_and_a_reason(site: UserSite, ada: Browser) -> None:
    page = await ada.submit(RULES, 400, **TRY)
    assert "2 fields have errors." in visible_text(page)
    assert "Expected a name of 1 to 60 characters, such as names in addresses. Got ''." in visible_text(page)
    assert "Expected a reason of 1 to 500 characters, such as customers asked for it. Got nothing." in visible_text(
        page
    )
    assert "1 of 8" not in visible_text(page)
    assert "2 of 8 fields masked" in visible_text(page)
    leads = await ada.submit(RULES, 303, **TRY, name="customer key", reason="GDPR, ticket 12")
    assert leads == security_urls.masking("rules", "customer key", done="added")
    page = await ada.page(leads)
    assert "Rule added. It applies from now on, also to messages that are already on the broker." in page
    assert "Rule 2, customer keyset by ada" in visible_text(page)
    async with site.simulation.database.read() as connection:
        rows = await connection.execute(
            text("SELECT kind, actor, target, parameters, reason, outcome FROM audit WHERE action = 'add masking rule'")
        )
        intent, outcome = rows.all()
    assert (intent.kind, intent.actor, intent.target, intent.reason) == (
        "intent",
        "ada",
        "customer key",
        "GDPR, ticket 12",
    )
    assert json.loads(intent.parameters) == {
        "destinations": ["*"],
        "types": ["*"],
        "what": ["$.customer_id"],
        "how": "hash",
    }
    assert outcome.outcome == "done"


async def test_a_taken_name_is_refused_and_typed_text_is_kept(ada: Browser) -> None:
    await add(ada, "customers")
    for name, expected in (
        ("customers", "A masking rule named “customers” already exists."),
        ("cards", "in signalbox.toml"),
    ):
        page = await ada.submit(RULES, 409, **TRY, name=name, reason="once more")
        assert expected in visible_text(page)
        assert f'name="name" value="{name}"' in page
        assert 'value="once more"' in page
        assert "2 of 8 fields masked" in visible_text(page)
    assert await numbers(ada) == [(1, "cards"), (2, "customers")]


async def test_moving_a_rule_requires_a_reason(ada: Browser) -> None:
    for name in ("a", "b", "c"):
        await add(ada, name)
    page = visible_text(await ada.page(security_urls.masking("rules", "b")))
    assert "Move up to 2" in page
    assert "Move down to 4" in page
    first = visible_text(await ada.page(security_urls.masking("rules", "a")))
    assert "Move up" not in first, "rules of the configuration stay first"
    move = security_urls.masking("rules", "b", "move")
    assert await ada.submit(move, 303, number="2", reason="it is wider") == security_urls.masking(
        "rules", "b", done="moved"
    )
    assert await numbers(ada) == [(1, "cards"), (2, "b"), (3, "a"), (4, "c")]
    assert "Expected a reason of 1 to 500 characters" in visible_text(
        await ada.submit(move, 400, number="4", reason=" ")
    )
    refused = visible_text(await ada.submit(move, 409, number="1", reason="x"))
    assert "The masking rule “b” cannot move to position 1: choose 2 to 4" in refused
    await ada.submit(move, 400, number="two", reason="x")
    await ada.submit(move, 400, number="2", reason="x", more="y")
    assert await numbers(ada) == [(1, "cards"), (2, "b"), (3, "a"), (4, "c")]


async def test_removing_a_rule_requires_confirmation_and_a_reason(ada: Browser) -> None:
    await add(ada, "customers")
    remove = security_urls.masking("rules", "customers", "remove")
    question = visible_text(await ada.page(remove))
    assert "Remove the masking rule “customers”?" in question
    assert "Anyone who can view messages of any destination sees $.customer_id unmasked from now on" in question
    assert "Expected a reason of 1 to 500 characters" in visible_text(await ada.submit(remove, 400, reason=""))
    assert await numbers(ada) == [(1, "cards"), (2, "customers")]
    assert await ada.submit(remove, 303, reason="nobody needs it") == security_urls.masking(done="removed")
    assert "Rule removed." in await ada.page(security_urls.masking(done="removed"))
    assert await numbers(ada) == [(1, "cards")]
    for address in (remove, security_urls.masking("rules", "customers")):
        assert "There is no masking rule named “customers”." in visible_text(await ada.page(address, 404))


async def test_rules_of_the_configuration_cannot_be_changed(ada: Browser) -> None:
    page = visible_text(await ada.page(security_urls.masking("rules", "cards")))
    assert "This rule is set in signalbox.toml and comes before rules of admins." in page
    assert "Remove rule" not in page
    expected = "The masking rule “cards” is defined in signalbox.toml. Change it there and restart Signalbox."
    assert expected in visible_text(
        await ada.submit(security_urls.masking("rules", "cards", "remove"), 409, reason="x")
    )
    assert expected in visible_text(
        await ada.submit(security_urls.masking("rules", "cards", "move"), 409, reason="x", number="2")
    )


async def test_empty_state_without_rules(tmp_path: Path) -> None:
    async with user_site_in(tmp_path) as site:
        ada = await site.first_admin()
        page = await ada.page(security_urls.masking())
        assert headline(page) == "No masking rules: payloads leave the server unmasked."
        assert "No rules yet." in page
        assert "0 of 1 user" not in page


async def test_read_only_mode_allows_trials_only(tmp_path: Path) -> None:
    async with user_site_in(tmp_path, rules=[CARDS]) as site:
        await site.first_admin()
    async with user_site_in(tmp_path, ServerSettings(read_only=True), [CARDS]) as site:
        ada = await site.sign_in("ada")
        page = visible_text(await ada.submit(TRIAL, 200, **TRY))
        assert "2 of 8 fields masked" in page
        assert "Add rule" not in page
        assert "Add rule…" not in page
        await ada.submit(RULES, 405, **TRY, name="x", reason="y")
        await ada.page(security_urls.masking("rules", "cards", "remove"), 403)


async def test_text_from_the_url_is_not_shown(ada: Browser) -> None:
    assert "hello" not in visible_text(await ada.page(security_urls.masking(done="hello")))

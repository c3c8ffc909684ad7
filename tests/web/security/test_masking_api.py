"""/api/v1/masking-rules: the same rules, trials and refusals as on the page."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.web import urls
from signalbox.web.security.masking.forms import REQUEST_BYTES_MAX
from tests.web.security.masking_site import CARDS
from tests.web.security.user_site import Browser, UserSite, user_site_in

RULES = "masking-rules"
RULE = {"name": "customers", "what": ["$.customer_id"], "how": "hash", "reason": "asked for"}
SAMPLE = json.dumps({"customer_id": "c-204417", "note": "card 4242 4242 4242 4242", "count": 1.0})
TRIAL = {"sample": SAMPLE, "source": "kafka-prod/orders"}


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path_factory.mktemp("rules"), rules=[CARDS]) as created:
        yield created


@pytest.fixture(scope="module")
async def ada(site: UserSite) -> Browser:
    return await site.first_admin()


async def names(ada: Browser) -> list[str]:
    return [item["name"] for item in (await ada.api("GET", RULES))["items"]]


async def test_rules_are_added_moved_and_removed(ada: Browser) -> None:
    added = await ada.api("POST", RULES, 201, json=RULE)
    assert added == {
        "number": 2,
        "name": "customers",
        "destinations": ["*"],
        "types": ["*"],
        "what": ["$.customer_id"],
        "how": "hash",
        "hits": 0,
        "set_by": "ada",
        "created_at": added["created_at"],
    }
    wide = {**RULE, "name": "try", "destinations": ["*/orders.*"], "types": ["Order*"], "how": "keep last 4"}
    await ada.api("POST", RULES, 201, json=wide)
    assert (await ada.api("PATCH", f"{RULES}/try", json={"number": 2, "reason": "first"}))["number"] == 2
    listed = await ada.api("GET", RULES)
    assert [(item["number"], item["name"], item["set_by"]) for item in listed["items"]] == [
        (1, "cards", "configuration"),
        (2, "try", "ada"),
        (3, "customers", "ada"),
    ]
    assert listed["items"][0]["created_at"] is None
    assert listed["hits_since"] > 0
    for name in ("try", "customers"):
        await ada.api("DELETE", f"{RULES}/{name}", 204, params={"reason": "done"})
    assert await names(ada) == ["cards"]


async def test_a_name_with_slashes_and_dots_is_one_segment(ada: Browser) -> None:
    for name in ("a/b c", "..", "~"):
        await ada.api("POST", RULES, 201, json={**RULE, "name": name})
        await ada.api("DELETE", f"{RULES}/{urls.encode_segment(name)}", 204, params={"reason": "done"})
    assert await names(ada) == ["cards"]


async def test_a_trial_returns_the_masked_sample(ada: Browser) -> None:
    result = await ada.api("POST", f"{RULES}/try", json={**TRIAL, "rule": {"what": ["$.customer_id"], "how": "hide"}})
    assert json.loads(result.pop("body")) == {"customer_id": "masked", "note": "card •••• 4242", "count": 1.0}
    assert result.pop("took_ms") > 0
    masked_by = [{"number": 1, "values": 1}, {"number": None, "values": 1}]
    assert result == {"hidden_reason": None, "masked_by": masked_by, "masked": 2, "fields": 3}
    hidden = await ada.api(
        "POST", f"{RULES}/try", json={**TRIAL, "sample": "{", "rule": {"what": ["$.a"], "how": "hide"}}
    )
    assert (hidden["body"], hidden["hidden_reason"], hidden["masked"]) == (None, "it is not valid JSON", None)
    assert hidden["masked_by"] == [{"number": None, "values": 1}]
    plain = await ada.api("POST", f"{RULES}/try", json={**TRIAL, "sample": "card 4242 4242 4242 4242"})
    assert (plain["body"], plain["masked_by"]) == ("card •••• 4242", [{"number": 1, "values": 1}])
    alone = {"rule": {"what": ["$.customer_id"], "how": "hide"}, "only_new_rule": True, "type": "OrderPlaced"}
    assert "4242 4242" in (await ada.api("POST", f"{RULES}/try", json={**TRIAL, **alone}))["body"]


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("POST", RULES, {**RULE, "name": "cards"}, (409, "in signalbox.toml")),
        ("POST", RULES, {**RULE, "how": "burn"}, (400, "how: Expected hide, hash, or keep last N")),
        ("POST", RULES, {**RULE, "what": ["$..", "x"], "types": []}, (400, "types: Expected 1 to 50 shell patterns")),
        ("POST", RULES, {**RULE, "what": []}, (400, "what: Expected 1 to 50 targets, such as $..email.")),
        ("POST", RULES, {**RULE, "reason": " "}, (400, "reason: Expected a reason of 1 to 500 characters")),
        ("POST", RULES, {**RULE, "reason": ""}, (400, "Expected `str` of length >= 1")),
        ("POST", RULES, {**RULE, "number": 1}, (400, "unknown field `number`")),
        ("PATCH", f"{RULES}/cards", {"number": 2, "reason": "x"}, (409, "is defined in signalbox.toml")),
        ("PATCH", f"{RULES}/nobody", {"number": 2, "reason": "x"}, (404, "There is no masking rule named “nobody”.")),
        ("DELETE", f"{RULES}/nobody?reason=x", None, (404, "There is no masking rule named “nobody”.")),
        ("DELETE", f"{RULES}/try?reason=x", None, (404, "There is no masking rule named “try”.")),
        ("DELETE", f"{RULES}/cards?reason=x", None, (409, "is defined in signalbox.toml")),
        ("DELETE", f"{RULES}/cards", None, (400, "reason")),
        ("POST", f"{RULES}/try", {**TRIAL, "source": "orders"}, (400, "source: Expected connection/destination")),
        ("POST", f"{RULES}/try", {**TRIAL, "source": "a/" + "b" * 500}, (400, "source: Expected")),
        ("POST", f"{RULES}/try", {**TRIAL, "type": "b" * 501}, (400, "kind: Expected a type of at most 500")),
        ("POST", f"{RULES}/try", {**TRIAL, "sample": "x" * (SAMPLE_BYTES_MAX + 1)}, (400, "65,537 bytes")),
        ("POST", f"{RULES}/try", {**TRIAL, "sample": "x" * REQUEST_BYTES_MAX}, (413, "The request is too large.")),
        ("POST", f"{RULES}/try", {**TRIAL, "only_new_rule": True}, (400, "what: Expected a field to mask")),
    ],
)
async def test_refusals_have_a_reason_and_are_declared(
    ada: Browser, method: str, path: str, body: Mapping[str, Any] | None, refusal: tuple[int, str]
) -> None:
    status, detail = refusal
    problem = await ada.api(method, path, status, json=body)
    assert detail in problem["detail"]
    assert "4242" not in problem["detail"]
    document = (await ada.client.get(urls.OPENAPI)).json()
    where = path.partition("?")[0].removeprefix(RULES)
    where = f"{urls.API}/{RULES}" + ("" if not where else where if where == "/try" else "/{name}")
    assert str(status) in document["paths"][where][method.lower()]["responses"]
    assert await names(ada) == ["cards"]


async def test_a_sample_of_64_kib_fits_with_escapes(ada: Browser) -> None:
    sample = '"' + "\u0001" * (SAMPLE_BYTES_MAX - 2) + '"'
    answer = await ada.client.post(f"{urls.API}/{RULES}/try", json={**TRIAL, "sample": sample})
    assert answer.status_code == 200


async def test_other_users_are_refused(site: UserSite, ada: Browser) -> None:
    others = [
        (await site.browser(), 401),
        (await site.invite(ada, "viv"), 403),
        (await site.invite(ada, "oli", role="operator", payloads="true"), 403),
        (await site.invite(ada, "one", role="admin", on="kafka-prod"), 403),
    ]
    requests: list[tuple[str, str, Mapping[str, Any] | None]] = [
        ("GET", RULES, None),
        ("POST", RULES, RULE),
        ("PATCH", f"{RULES}/cards", {"number": 1, "reason": "x"}),
        ("DELETE", f"{RULES}/cards?reason=x", None),
        ("POST", f"{RULES}/try", TRIAL),
    ]
    for browser, status in others:
        for method, path, body in requests:
            answer = await browser.api(method, path, status, json=body)
            assert "4242" not in json.dumps(answer)
    assert await names(ada) == ["cards"]


async def test_only_an_admin_token_can_list_rules(site: UserSite, ada: Browser) -> None:
    for role, status in (("admin", 200), ("viewer", 403)):
        created = await ada.api("POST", "tokens", 201, json={"name": role, "days": 1, "role": role})
        program = await site.browser(token=created["secret"])
        await program.api("GET", RULES, status)

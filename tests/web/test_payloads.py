"""Masked values do not leave the service through any exit that shows a payload.

Each exit is an entry of EXITS, with its routes. Walks over all routes and sources find an exit that is missing here.
"""

import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath
from sqlalchemy import text

from signalbox.security.errors import NotPermitted
from signalbox.security.masking.actions import view_payload
from signalbox.security.masking.engine import JsonBody
from signalbox.security.masking.model import ClearMessage
from signalbox.security.masking.service import Masking
from signalbox.security.model import Actor, Grant, Rights, Role, Via
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from tests.support.simulation import Simulation
from tests.web.payload_walk import masking_bypasses, masking_callers, product_sources, routes_to_payloads
from tests.web.security.masking_site import rule, second_process
from tests.web.security.user_site import Browser, UserSite, user_site_in, visible_text

CANARIES = {part: f"canary-{part}-5e81a7f0" for part in ("body", "header", "key", "error")}
PLAIN = "plain-for-all-91c4b07e"
MESSAGE = ClearMessage(
    connection="kafka-prod",
    destination="orders.placed",
    name="partition 0, offset 17",
    key=CANARIES["key"].encode(),
    headers=(("x-customer", CANARIES["header"]), ("x-plain", PLAIN)),
    body=json.dumps({"email": CANARIES["body"], "token": CANARIES["error"], "plain": PLAIN}).encode(),
    texts=(f"not mailed to {CANARIES['body']}: {CANARIES['error']} is not valid ({PLAIN})",),
)
EVERYTHING = rule(
    "everything", "$..email", "$..token", "header x-customer", "key", "$.headers['x-customer']", "$.key", "$.error"
)


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a payload leaves: the routes, and how to make one of them show a message."""

    routes: frozenset[tuple[str, str]]
    show: Callable[[Browser, ClearMessage], Awaitable[str]]  # the response without the typed form fields


def sample(message: ClearMessage) -> str:
    """Return a message as a user would paste it."""
    return json.dumps(
        {
            "key": (message.key or b"").decode(),
            "headers": dict(message.headers),
            "body": json.loads(message.body or b"null"),
            "error": message.texts[0],
        }
    )


async def trial_page(browser: Browser, message: ClearMessage) -> str:
    form = {"source": message.source, "what": "$.body.unheard_of", "how": "hide", "sample": sample(message)}
    return without_typed_fields((await browser.client.post(security_urls.masking("trial"), data=form)).text)


async def refused_rule(browser: Browser, message: ClearMessage) -> str:
    """Add a rule without a name: the page shows the trial again."""
    form = {"source": message.source, "what": "$.body.unheard_of", "how": "hide", "sample": sample(message)}
    return without_typed_fields((await browser.client.post(security_urls.masking("rules"), data=form)).text)


async def trial_for_programs(browser: Browser, message: ClearMessage) -> str:
    body = {"source": message.source, "sample": sample(message)}
    return (await browser.client.post(f"{urls.API}/masking-rules/try", json=body)).text


def without_typed_fields(page: str) -> str:
    """Remove the typed fields of forms."""
    return re.sub(r"<textarea.*?</textarea>|<input[^>]*>", "", page, flags=re.DOTALL)


EXITS = {
    "the page's trial": Exit(frozenset({("POST", "/masking/trial")}), trial_page),
    "a rule that is refused": Exit(frozenset({("POST", "/masking/rules")}), refused_rule),
    "the API's trial": Exit(frozenset({("POST", f"{urls.API}/masking-rules/try")}), trial_for_programs),
}
CALLERS = {"app/signalbox/web/security/masking/rule_draft.py: run_trial"}
BODIES = {
    "app/signalbox/web/security/masking/masked_sample.py: reads trial.body",  # a masked sample
    "app/signalbox/web/security/masking/api.py: reads trial.body",
    "app/signalbox/web/security/forms.py: reads request.body",  # a form
}


def leaks(left: str) -> list[str]:
    """Return the canaries in a text, also as base64 and hexadecimal."""
    return [part for part, value in CANARIES.items() if any(form in left for form in _forms(value))]


def _forms(value: str) -> list[str]:
    data = value.encode()
    shifted = [base64.b64encode(b"\0" * shift + data).decode()[4:-4] for shift in range(3)]
    return [value, data.hex(), *shifted]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path_factory.mktemp("payloads"), rules=[EVERYTHING]) as opened_site:
        yield opened_site


@pytest.fixture(scope="module")
async def ada(site: UserSite) -> Browser:
    return await site.first_admin()


@pytest.fixture(scope="module")
async def viv(site: UserSite, ada: Browser) -> Browser:
    return await site.invite(ada, "viv")


@pytest.mark.parametrize("exit_name", EXITS)
async def test_masked_values_leave_through_no_exit(
    ada: Browser, viv: Browser, exit_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    left = await EXITS[exit_name].show(ada, MESSAGE)
    assert leaks(left) == []
    assert PLAIN in left, "the message was shown at all"
    assert leaks(await EXITS[exit_name].show(viv, MESSAGE)) == []
    assert leaks(caplog.text) == []


@pytest.mark.parametrize("exit_name", EXITS)
async def test_without_the_rule_every_canary_leaves(tmp_path_factory: pytest.TempPathFactory, exit_name: str) -> None:
    async with user_site_in(tmp_path_factory.mktemp("bare")) as bare:
        left = await EXITS[exit_name].show(await bare.first_admin(), MESSAGE)
    assert leaks(left) == list(CANARIES)


@pytest.mark.parametrize("shift", range(3))
def test_an_encoded_canary_is_found(shift: int) -> None:
    encoded = base64.b64encode(b"x" * shift + CANARIES["key"].encode() + b"tail").decode()
    assert leaks(encoded) == ["key"]
    assert leaks(CANARIES["error"].encode().hex()) == ["error"]
    assert leaks("canary") == []


async def test_a_masked_message_has_no_canary(site: UserSite) -> None:
    view = (await second_process(site, EVERYTHING)).masking.mask(MESSAGE)
    assert isinstance(view.body, JsonBody)
    assert view.key is not None
    parts = [view.body.encoded().decode(), view.key.text, *(item.text for item in view.texts)]
    parts += [shown.text for pair in view.headers for shown in pair]
    assert leaks("\n".join(parts)) == []
    assert sum(PLAIN in part for part in parts) == 3


def test_every_route_to_a_payload_is_an_exit(site: UserSite) -> None:
    listed = {route for leave in EXITS.values() for route in leave.routes}
    assert routes_to_payloads(site.app) == listed


def test_every_caller_of_masking_is_known() -> None:
    assert masking_callers(product_sources()) == CALLERS


def test_pages_and_commands_read_no_unmasked_message() -> None:
    assert masking_bypasses(product_sources()) == BODIES


def _of(masking: NamedDependency[Masking]) -> str:
    return str(masking.mask(MESSAGE))


def provided(masking: NamedDependency[Masking]) -> str:
    return _of(masking)


@get("/planted/{name:str}", sync_to_thread=False)
def planted(masking: NamedDependency[Masking], name: FromPath[str]) -> str:
    return _of(masking) + name


@get("/planted-behind", sync_to_thread=False, dependencies={"seen": Provide(provided, sync_to_thread=False)})
def planted_behind(seen: NamedDependency[str]) -> str:
    return seen


@get("/harmless", sync_to_thread=False)
def harmless() -> str:
    return security_urls.masking()


def test_a_planted_route_is_found_through_calls_and_dependencies(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    app = simulation.built().app
    for route in (planted, planted_behind, harmless):
        app.register(route)
    assert routes_to_payloads(app, "tests.web") == {("GET", "/planted/{name}"), ("GET", "/planted-behind")}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from signalbox.brokers.model import BrokerKind, Message", {"imports Message"}),
        ("from signalbox.brokers.port import Delivery", {"imports Delivery"}),
        ("def show(message):\n    return message.body.decode()", {"reads message.body"}),
        ("from litestar.types import Message", set()),
    ],
)
def test_planted_code_past_masking_is_found(source: str, found: set[str]) -> None:
    assert masking_bypasses([("app/signalbox/web/letters/page.py", source)]) == {
        f"app/signalbox/web/letters/page.py: {item}" for item in found
    }
    assert masking_bypasses([("app/signalbox/brokers/nats/adapter.py", source)]) == set()


def test_a_planted_caller_is_found() -> None:
    source = "async def letter(masking):\n    return masking.mask(1)\n\ndef fine(page):\n    return page.masks(1)"
    assert masking_callers([("app/letters/service.py", source)]) == {"app/letters/service.py: letter"}


async def test_each_unmasked_view_is_recorded_and_listed(site: UserSite, ada: Browser) -> None:
    security = await second_process(site, EVERYTHING)
    sees = Actor(name="crm-lead", rights=Rights(Grant(Role.VIEWER, payloads=True)), via=Via.PAGE)
    blind = Actor(name="on-call", rights=Rights(Grant(Role.OPERATOR)), via=Via.PAGE)
    action = view_payload(MESSAGE, "customer asked")

    async def view(permit: object) -> ClearMessage:
        return security.masking.unmask(permit, MESSAGE)  # type: ignore[arg-type]  # the door's own

    assert await security.door.act(sees, action, view) == MESSAGE
    with pytest.raises(NotPermitted, match="requires the payloads permission on kafka-prod"):
        await security.door.act(blind, action, view)
    async with site.simulation.database.read() as connection:
        rows = await connection.execute(text("SELECT * FROM audit WHERE action = 'view payload' ORDER BY row"))
        kept = [dict(row) for row in rows.mappings()]
    assert [(row["kind"], row["actor"], row["outcome"]) for row in kept] == [
        ("intent", "crm-lead", ""),
        ("outcome", "crm-lead", "done"),
        ("refused", "on-call", "refused"),
    ]
    assert leaks(json.dumps(kept, default=repr)) == []
    page = visible_text(await ada.page(security_urls.masking()))
    assert "Every unmasked view is in the audit log: 1 in the last 24 h." in page
    assert "crm-lead unmasked orders.placed: partition 0, offset 17, on kafka-prod" in page
    assert "\u201ccustomer asked\u201d, 6 masked values were shown (rules: everything)" in page
    assert "on-call was denied an unmasked view of orders.placed: partition 0, offset 17, on kafka-prod" in page
    assert "requires the payloads permission on kafka-prod" in page

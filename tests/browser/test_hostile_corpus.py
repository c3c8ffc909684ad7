"""Some ninety texts that try to run, to break out or to push the layout, all on each page at once, in real Chromium.

They stand in names and in every other text that a broker gives, in the texts of errors, in the names of tokens, in what
browsers call themselves, and in addresses.
"""

import html
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from signalbox.security.accounts.model import EVERYWHERE, TOKEN_NAME_LENGTH_MAX
from signalbox.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE, Grant, Role
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.security import urls as security_urls
from tests.browser.conftest import Watched
from tests.browser.harmless import assert_harmless, dialogs, visit
from tests.support.hostile import CORPUS
from tests.support.hostile_simulation import EVERYTHING, hostile_site, reads_everything
from tests.support.simulation import Simulation
from tests.support.waiting import eventually
from tests.web.multi_user_site import ROOT_ACTOR, SETUP, MultiUserSite, multi_user_site
from tests.web.server import RunningServer, run_server

TEXTS = tuple(CORPUS.values())
PRINTABLE = [text for text in TEXTS if text.isprintable()]
ALIVE, BROKEN = "kafka-hostile", "kafka-broken"
ADDRESS_MAX = 1500  # characters of texts in one address
PAGES = [
    urls.home(),
    monitoring_urls.connections(),
    monitoring_urls.connection(ALIVE),
    monitoring_urls.connection(BROKEN),
    monitoring_urls.group(ALIVE, EVERYTHING),
    monitoring_urls.destination(ALIVE, EVERYTHING),
    monitoring_urls.group(BROKEN, EVERYTHING),
    urls.profile(),
    security_urls.users(),
    security_urls.users("admin"),
    security_urls.users("viewer"),
    security_urls.audit(),
    security_urls.masking(),
]


@dataclass(frozen=True, slots=True)
class SimulatedConnection:
    """Signalbox with the hostile data, on a real server."""

    site: MultiUserSite
    server: RunningServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimulatedConnection]:
    simulation = Simulation(tmp_path_factory.mktemp("corpus"))
    async with AsyncExitStack() as stack:
        await simulation.database.upgrade()
        stack.push_async_callback(simulation.database.close)
        await simulation.series.start()
        stack.push_async_callback(simulation.series.stop)
        hostile_site(simulation, ALIVE, TEXTS).readers.append(reads_everything(TEXTS))
        hostile_site(simulation, BROKEN, TEXTS).readers.append(reads_everything(TEXTS))
        await simulation.run(60)
        simulation.fail(simulation.simulated[1], " ".join(TEXTS))
        people = {"admin": ADMIN_EVERYWHERE, "viewer": VIEWER_EVERYWHERE}
        made = await stack.enter_async_context(multi_user_site(simulation, users=people))
        for text in PRINTABLE:
            await _token(made, text)
            await made.sign_in("admin", **{"User-Agent": text.encode("utf-8").decode("latin-1")})
        yield SimulatedConnection(made, await stack.enter_async_context(run_server(made.app)))


async def _token(made: MultiUserSite, name: str) -> None:
    tokens, user = made.core.accounts.tokens, made.users["admin"].id
    shown, grant = name.strip()[:TOKEN_NAME_LENGTH_MAX], Grant(Role.VIEWER)
    await made.core.door.act(
        ROOT_ACTOR,
        SETUP,
        lambda permit: tokens.create(permit, user, name=shown, grant=grant, resource=EVERYWHERE, days=30),
    )


@pytest.fixture
async def admin(site: SimulatedConnection, watched: Watched) -> Watched:
    """A browser with the admin signed in."""
    secret = site.site.users["admin"].cookie.partition("=")[2]
    name = f"signalbox-{site.server.port}"
    await watched.page.context.add_cookies([{"name": name, "value": secret, "domain": "127.0.0.1", "path": "/"}])
    return watched


def some_of(texts: Sequence[str], count: int) -> Iterator[Sequence[str]]:
    return (texts[begin : begin + count] for begin in range(0, len(texts), count))


def test_the_corpus_is_large_and_has_no_duplicates() -> None:
    assert len(set(TEXTS)) == len(TEXTS) >= 60


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_with_all_texts_is_harmless(site: SimulatedConnection, admin: Watched, path: str) -> None:
    opened = dialogs(admin.page)
    async with site.site.client("admin") as client:
        there = (await client.get(path)).status_code
    assert there in ({200, 404} if path in {security_urls.audit(), security_urls.masking()} else {200})
    admin.expected = ("404",) if there == 404 else ()
    await visit(admin, site.url + path, status=there)
    assert opened == []


@pytest.mark.parametrize("what", ["groups", "destinations"])
async def test_every_page_of_a_list_is_harmless_and_shows_each_name(
    site: SimulatedConnection, admin: Watched, what: str
) -> None:
    opened, shown, address = dialogs(admin.page), set[str](), f"/{what}?connection={ALIVE}"
    for _ in range(2 + len(TEXTS) // 50):
        await visit(admin, site.url + address)
        shown |= set(await admin.page.locator("main tr bdi").all_inner_texts())
        following = re.search(rf'href="(/{what}\?[^"]*after=[^"]*)"', await admin.page.content())
        if following is None:
            break
        address = html.unescape(following[1])
    assert len(shown) >= len(TEXTS)
    assert opened == []


async def test_each_text_as_the_name_of_a_page(site: SimulatedConnection, admin: Watched) -> None:
    opened = dialogs(admin.page)
    for text in TEXTS:
        answer = await admin.page.goto(site.url + monitoring_urls.group(ALIVE, text))
        assert answer is not None
        assert answer.status == 200, text
        await assert_harmless(admin)
    assert opened == []


@pytest.mark.parametrize(
    "address",
    [
        "/groups/kafka-hostile/none-{}",
        "/groups/none-{}/x",
        "/users/none-{}",
        "/nowhere/{}",
        "/join/{}",
        "/groups?q={}",
        "/groups?sort={}",
        "/destinations?connection={}",
        "/users?q={}",
        "/sign-in?to={}",
    ],
)
async def test_each_text_in_a_url(site: SimulatedConnection, admin: Watched, address: str) -> None:
    opened = dialogs(admin.page)
    admin.expected = ("400", "404", "429")
    for some in some_of(TEXTS, 12):
        text = quote(" ".join(some)[:ADDRESS_MAX], safe="")
        await admin.page.goto(site.url + address.format(text))
        await assert_harmless(admin)
    assert opened == []


async def test_a_refused_form_shows_its_input_harmlessly(site: SimulatedConnection, watched: Watched) -> None:
    opened, page = dialogs(watched.page), watched.page
    watched.expected = ("401", "429")
    for some in some_of([text for text in PRINTABLE if len(text) < 60], 8):
        await page.goto(site.url + urls.sign_in())
        await page.evaluate("document.querySelectorAll('input').forEach((input) => input.removeAttribute('maxlength'))")
        await page.locator("#name").fill(" ".join(some))
        await page.locator("#password").fill("wrong horse battery")
        await page.locator("form button").click()
        await expect(page.locator("#password")).to_be_visible()
        await assert_harmless(watched)
    assert opened == []


async def test_the_socket_sends_all_texts_harmlessly(site: SimulatedConnection, admin: Watched) -> None:
    opened, page = dialogs(admin.page), admin.page
    await page.goto(site.url + monitoring_urls.group(ALIVE, EVERYTHING))
    await expect(page.locator("#live")).to_have_text("live")
    before = await _versions(admin)
    site.site.simulation.simulated[1].answers = False
    await site.site.simulation.run(5)

    async def drawn_anew() -> None:
        now = await _versions(admin)
        assert now
        assert not set(now) & set(before)

    await eventually(drawn_anew)
    await assert_harmless(admin)
    assert opened == []


async def _versions(watched: Watched) -> list[str]:
    found = await watched.page.evaluate(
        "[...document.querySelectorAll('[data-version]')].map((e) => e.dataset.version)"
    )
    return [str(version) for version in found]

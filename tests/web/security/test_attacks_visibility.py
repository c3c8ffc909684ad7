"""A user who may view one connection finds nothing of another: not on a page, not in an API answer.

Two installations are compared, one with a hidden second connection and one without. Answers must be the same, character by character.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.support.simulation import Simulation
from tests.web.multi_user_site import (
    CANARY,
    HIDDEN,
    SHARED_GROUPS,
    VISIBLE,
    MultiUserSite,
    multi_user_site,
    two_connections,
)
from tests.web.walk import addresses, crawl

PLACES = (VISIBLE, HIDDEN)
NAMES = (SHARED_GROUPS[0], f"{CANARY}-group", f"{CANARY}-topic", "orders.placed", "plain-group", "one")
SIGN_INS = ("cookie", "token")
REVEALING = {  # where a user who may view both connections finds the other
    "/",
    "/groups",
    "/destinations",
    "/connections",
    urls.METRICS,
    monitoring_urls.group(HIDDEN, SHARED_GROUPS[0]),
    monitoring_urls.destination(HIDDEN, f"{CANARY}-topic"),
    monitoring_urls.connection(HIDDEN),
    urls.api("connections"),
    urls.api("groups"),
    urls.api("destinations"),
    urls.api("changes"),
    urls.api("search"),
    urls.api("connections", HIDDEN),
    urls.api("groups", HIDDEN, SHARED_GROUPS[0]),
}
RANDOM = re.compile(
    r'(?:nonce|data-version)="[^"]*"|/static/[0-9a-f]+/|[\w-]{40,}|sbx_[\w-]+…[\w-]+'  # random, or counted over everything
)


@dataclass(frozen=True, slots=True)
class Both:
    """The same first connection, with a hidden one beside it and without."""

    whole: MultiUserSite
    alone: MultiUserSite


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        sites = []
        for hidden in (True, False):
            simulation = Simulation(tmp_path_factory.mktemp("visibility"))
            await stack.enter_async_context(two_connections(simulation, hidden=hidden))
            sites.append(await stack.enter_async_context(multi_user_site(simulation)))
        yield Both(*sites)


def comparable(answer: httpx.Response) -> str:
    """Return an answer without its random parts."""
    headers = sorted(
        (k, v) for k, v in answer.headers.items() if k not in {"content-length", "content-security-policy"}
    )
    return RANDOM.sub("", f"{answer.status_code} {headers} {answer.text}")


def without_request(address: str, answer: httpx.Response) -> str:
    """Return an answer without the requested names, which a refusal repeats."""
    text = f"{answer.headers} {answer.text}"
    url = httpx.URL(f"http://localhost{address}")
    for part in {*str(url.path).split("/"), *url.params.values()} & {*PLACES, *NAMES}:
        text = text.replace(part, "")
    return text


@pytest.mark.timeout(300)
async def test_every_address_hides_the_other_connection(both: Both) -> None:
    """One walk over all addresses by users of each kind: who may view one connection, both, or only a removed one."""
    answered, revealed = dict.fromkeys(SIGN_INS, 0), set()
    async with AsyncExitStack() as stack:

        async def client(site: MultiUserSite, name: str, by: str = "cookie") -> httpx.AsyncClient:
            return await stack.enter_async_context(site.client(name, by=by))

        pairs = {by: (await client(both.whole, "one", by), await client(both.alone, "one", by)) for by in SIGN_INS}
        viewer, gone = await client(both.whole, "viewer"), await client(both.whole, "gone")
        for address in addresses(both.whole.app, PLACES, NAMES):
            for by, (whole, alone) in pairs.items():
                answer = await whole.get(address)
                assert CANARY not in without_request(address, answer), (by, address)
                assert comparable(answer) == comparable(await alone.get(address)), (by, address)
                answered[by] += answer.status_code == 200
            if CANARY in without_request(address, await viewer.get(address)):
                revealed.add(address.partition("?")[0])
            text = without_request(address, await gone.get(address))
            assert not re.search(f"{CANARY}|plain-|{VISIBLE}", text), address
    assert all(count > 60 for count in answered.values())
    assert revealed >= REVEALING, "the walk would not notice a leak there"


async def test_no_link_leads_to_the_other_connection(both: Both) -> None:
    async with both.whole.client("one") as whole, both.alone.client("one") as alone:
        pages = {address: answer async for address, answer in crawl(whole)}
        for address, answer in pages.items():
            assert answer.status_code not in {401, 403, 500}, address
            assert CANARY not in str(answer.headers) + answer.text, address
        assert set(pages) == {address async for address, _ in crawl(alone)}
    assert len(pages) > 20


async def test_partial_pages_hide_the_other_connection(both: Both) -> None:
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    async with both.whole.client("one", **headers) as whole, both.alone.client("one", **headers) as alone:
        for text in ("", "orders", CANARY, "a", "kafka"):
            for path in (urls.search(q=text), monitoring_urls.groups(q=text), monitoring_urls.destinations(q=text)):
                assert comparable(await whole.get(path)) == comparable(await alone.get(path)), path

"""Who sees one connection finds nothing of another, on any page, in any answer, on any socket: it is as if it were not there.

Two houses are compared: in one there is a second connection that must not be seen, in the other there is none. What a
person sees who may see the first connection alone has to be the same, character by character.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
import pytest

from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.support.estate import Estate
from tests.web.house import CANARY, HIDDEN, OPEN, SHARED, House, house, two_connections
from tests.web.walk import addresses, crawled

PLACES = (OPEN, HIDDEN)
NAMES = (SHARED[0], f"{CANARY}-group", f"{CANARY}-topic", "orders.placed", "plain-group", "one")
CHANCE = re.compile(
    r'(?:nonce|data-version)="[^"]*"|/static/[0-9a-f]+/|[\w-]{40,}|sbx_[\w-]+…[\w-]+'  # drawn by lot, or counted over everything
)


@dataclass(frozen=True, slots=True)
class Both:
    """The same first connection, with a hidden one beside it and without."""

    whole: House
    alone: House


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        houses = []
        for hidden in (True, False):
            estate = Estate(tmp_path_factory.mktemp("sight"))
            await stack.enter_async_context(two_connections(estate, hidden=hidden))
            houses.append(await stack.enter_async_context(house(estate)))
        yield Both(*houses)


def told(answer: httpx.Response) -> str:
    """Return all of an answer but what is drawn by lot."""
    headers = sorted(
        (k, v) for k, v in answer.headers.items() if k not in {"content-length", "content-security-policy"}
    )
    return CHANCE.sub("", f"{answer.status_code} {headers} {answer.text}")


def unasked(address: str, answer: httpx.Response) -> str:
    """Return an answer without the names that were asked for, which a refusal says again."""
    text = f"{answer.headers} {answer.text}"
    asked = httpx.URL(f"http://localhost{address}")
    for part in {*str(asked.path).split("/"), *asked.params.values()} & {*PLACES, *NAMES}:
        text = text.replace(part, "")
    return text


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_every_address_answers_as_if_the_other_connection_were_not_there(both: Both, by: str) -> None:
    seen = 0
    async with both.whole.client("one", by=by) as whole, both.alone.client("one", by=by) as alone:
        for address in addresses(both.whole.app, PLACES, NAMES):
            answer = await whole.get(address)
            assert CANARY not in unasked(address, answer), address
            assert told(answer) == told(await alone.get(address)), address
            seen += answer.status_code == 200
    assert seen > 60


async def test_every_link_leads_to_what_may_be_seen(both: Both) -> None:
    async with both.whole.client("one") as whole, both.alone.client("one") as alone:
        pages = {address: answer async for address, answer in crawled(whole)}
        for address, answer in pages.items():
            assert answer.status_code not in {401, 403, 500}, address
            assert CANARY not in str(answer.headers) + answer.text, address
        assert set(pages) == {address async for address, _ in crawled(alone)}
    assert len(pages) > 20


async def test_parts_that_htmx_asks_for_tell_nothing_either(both: Both) -> None:
    asks = {"HX-Request": "true", "HX-Request-Type": "partial"}
    async with both.whole.client("one", **asks) as whole, both.alone.client("one", **asks) as alone:
        for text in ("", "orders", CANARY, "a", "kafka"):
            for path in (urls.search(q=text), monitoring_urls.groups(q=text), monitoring_urls.destinations(q=text)):
                assert told(await whole.get(path)) == told(await alone.get(path)), path


async def test_who_may_see_both_finds_the_other_on_every_kind_of_answer(both: Both) -> None:
    """What is looked for above is really there."""
    found = set()
    async with both.whole.client("viewer") as client:
        for address in addresses(both.whole.app, PLACES, NAMES):
            if CANARY in unasked(address, await client.get(address)):
                found.add(address.partition("?")[0])
    assert found >= {
        "/",
        "/groups",
        "/destinations",
        "/connections",
        urls.METRICS,
        monitoring_urls.group(HIDDEN, SHARED[0]),
        monitoring_urls.destination(HIDDEN, f"{CANARY}-topic"),
        monitoring_urls.connection(HIDDEN),
        urls.api("connections"),
        urls.api("groups"),
        urls.api("destinations"),
        urls.api("changes"),
        urls.api("search"),
        urls.api("connections", HIDDEN),
        urls.api("groups", HIDDEN, SHARED[0]),
    }


async def test_who_may_see_what_is_gone_sees_nothing(both: Both) -> None:
    async with both.whole.client("gone") as client:
        for address in addresses(both.whole.app, PLACES, NAMES):
            answer = await client.get(address)
            assert not re.search(f"{CANARY}|plain-|{OPEN}", unasked(address, answer)), address

"""A masking rule that cannot be read hides payloads, is said on every page, and locks nobody out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from signalbox.security.masking.errors import RulesNotLoaded
from signalbox.security.masking.model import ClearMessage
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from tests.support.security import core_over
from tests.web.security.user_site import UserSite, user_site_in, visible_text

DAMAGED = {
    "of a newer version": ("'mask_all'", "'[\"*\"]'"),
    "no JSON": ("'hide'", "'{'"),
    "of another type": ("'hide'", "5"),
    "no UTF-8": ("'hide'", "CAST(X'FF' AS TEXT)"),
}
MESSAGE = ClearMessage(connection="kafka-prod", destination="orders", name="offset 1", body=b'{"card": "4111"}')


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path) as made:
        yield made


async def damage(site: UserSite, how: str, destinations: str) -> None:
    values = f"1, 'cards', {destinations}, '[\"*\"]', '[\"$.card\"]', {how}, 'ada', 1.0"
    columns = "place, name, destinations, types, what, how, made_by, made_at"
    async with site.simulation.database.begin() as connection:
        await connection.execute(text(f"INSERT INTO masking_rule ({columns}) VALUES ({values})"))  # noqa: S608
        await connection.execute(text("UPDATE security_state SET version = version + 1"))


@pytest.mark.parametrize("kind", DAMAGED)
async def test_everyone_can_still_sign_in_and_out_and_be_invited(site: UserSite, kind: str) -> None:
    ada = await site.first_admin()
    await damage(site, *DAMAGED[kind])
    await site.accounts.changes.refresh()
    bob = await site.invite(ada, "bob")  # fails unless the page shows the link
    assert await bob.submit(security_urls.sign_out()) == urls.sign_in()
    again = await site.sign_in("bob")
    outcomes = {entry["outcome"] for entry in (await ada.api("GET", "audit"))["items"]}
    assert "failed" not in outcomes
    page = visible_text(await ada.page(urls.home()))
    assert "The last change of masking rules is not in force:" in page
    assert "Ask an admin." in visible_text(await again.page(urls.home()))
    assert "Ask an admin." not in await (await site.browser()).page(urls.sign_in())


@pytest.mark.parametrize("kind", DAMAGED)
async def test_a_start_with_it_serves_and_hides_payloads(site: UserSite, kind: str) -> None:
    await site.first_admin()
    await damage(site, *DAMAGED[kind])
    core = core_over(site.simulation.database, site.simulation.clock)
    await core.accounts.changes.refresh()
    assert core.accounts.identities.has_users
    with pytest.raises(RulesNotLoaded, match=r"Cannot read the masking rule.* No payload is shown\.$"):
        core.masking.mask(MESSAGE)
    assert core.accounts.changes.faults
    async with site.simulation.database.begin() as connection:
        await connection.execute(text("DELETE FROM masking_rule"))
        await connection.execute(text("UPDATE security_state SET version = version + 1"))
    await core.accounts.changes.refresh()
    assert core.masking.mask(MESSAGE).hits == {}
    assert not core.accounts.changes.faults

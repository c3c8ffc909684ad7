"""The profile page: sessions, tokens and password, through the real routes over a real database."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalbox.kernel.figures import DAY_S
from signalbox.web import urls
from signalbox.web.settings import ServerSettings
from tests.web.security.user_site import PASSWORD, UserSite, user_site_in, visible_text
from tests.web.sites import headline

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
BETTER = "a quite different sentence"
SECRET = re.compile(r"sbx_[\w-]{40,}")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path) as created:
        yield created


async def test_a_visitor_is_redirected_to_sign_in(site: UserSite) -> None:
    nobody = await site.browser()
    assert await nobody.redirect_of(urls.profile()) == urls.set_up()
    await site.first_admin()
    assert await nobody.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())


async def test_the_page_shows_user_sessions_and_permissions(site: UserSite) -> None:
    ada = await site.first_admin()
    await site.sign_in("ada", agent=PHONE)
    html = await ada.page(urls.profile())
    assert headline(html) == "Signed in as ada, admin everywhere. 2 active sessions, one of them on a phone."
    text = visible_text(html)
    assert "Chromium on Linux10.20.4.17, this session" in text
    assert "Safari on an iPhone" in text
    assert "Your password was last changed now." in text
    assert re.search(r"kafka-prod\s*admin\s*can unmask", text)


async def test_a_revoked_session_is_signed_out(site: UserSite) -> None:
    ada = await site.first_admin()
    phone, desk = await site.sign_in("ada", agent=PHONE), await site.sign_in("ada")
    page = await ada.page(urls.profile())
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "iPhone" in row)
    end = re.search(r'action="([^"]+)"', row)
    assert end
    assert await ada.submit(end[1]) == urls.profile(done="session")
    assert "Session signed out." in await ada.page(urls.profile(done="session"))
    assert await phone.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    await desk.page(urls.profile())
    assert "not yours" in await ada.submit(end[1], 409)
    assert await ada.submit(urls.profile("sessions")) == urls.profile(done="others")
    assert await desk.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    assert headline(await ada.page(urls.profile())).endswith(" 1 active session.")


async def test_a_session_of_another_user_cannot_be_ended(site: UserSite) -> None:
    ada = await site.first_admin()
    bob = await site.invite(ada, "bob")
    [session] = await ada.api("GET", "sessions")
    assert "not yours" in await bob.submit(urls.profile("sessions", str(session["id"]), "end"), 409)
    await ada.page(urls.profile())


async def test_text_from_the_url_is_not_shown(site: UserSite) -> None:
    ada = await site.first_admin()
    page = await ada.page(urls.profile(done="Call 555-1234 now"))
    assert "555-1234" not in page.split('<main class="page"')[1]


async def test_a_new_password_ends_other_sessions_and_renews_this_one(site: UserSite) -> None:
    ada, other = await site.first_admin(), await site.sign_in("ada")
    before = dict(ada.client.cookies)
    to = await ada.submit(urls.profile("password"), old=PASSWORD, new=BETTER, again=BETTER)
    assert to == urls.profile(done="password")
    assert dict(ada.client.cookies) != before
    assert "Password changed." in await ada.page(to)
    assert await other.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    await site.sign_in("ada", BETTER)


@pytest.mark.parametrize(
    ("old", "new", "again", "expected"),
    [
        ("wrong", BETTER, BETTER, "The current password is wrong."),
        (PASSWORD, BETTER, "otherwise", "The new passwords do not match."),
        (PASSWORD, "short", "short", "at least 12 characters"),
    ],
)
async def test_a_refused_password_is_not_kept(site: UserSite, old: str, new: str, again: str, expected: str) -> None:
    ada = await site.first_admin()
    page = await ada.submit(urls.profile("password"), 409, old=old, new=new, again=again)
    assert expected in page
    assert BETTER not in page
    assert PASSWORD not in page
    await site.sign_in("ada")


async def test_wrong_current_passwords_are_limited(site: UserSite) -> None:
    ada = await site.first_admin()
    for _ in range(10):
        await ada.submit(urls.profile("password"), 409, old="wrong", new=BETTER, again=BETTER)
    assert "Too many failed attempts" in await ada.submit(
        urls.profile("password"), 429, old=PASSWORD, new=BETTER, again=BETTER
    )


async def test_a_token_is_shown_once_and_works_until_revoked(site: UserSite) -> None:
    ada = await site.first_admin()
    created = await ada.submit(urls.profile("tokens"), 200, name="grafana", days="7", role="viewer", on="kafka-prod")
    [secret] = set(SECRET.findall(created))
    listed = await ada.page(urls.profile())
    assert secret not in listed
    assert f"{secret[:6]}\u2026{secret[-2:]}" in listed
    assert "viewer on kafka-prod" in visible_text(listed)
    program = await site.browser(token=secret)
    assert [item["name"] for item in await program.api("GET", "connections")] == ["kafka-prod"]
    question = re.search(r'href="(/profile/tokens/\d+/revoke)"', listed)
    assert question
    assert "Revoke the token “grafana”?" in await ada.page(question[1])
    assert await ada.submit(question[1]) == urls.profile(done="token")
    await program.api("GET", "connections", 401)
    await ada.page(question[1], 404)


async def test_a_form_response_can_be_reloaded(site: UserSite) -> None:
    ada = await site.first_admin()
    for part in ("tokens", "password", "sessions"):
        assert await ada.redirect_of(urls.profile(part)) == urls.profile()


async def test_a_token_that_expires_soon_is_marked(site: UserSite) -> None:
    ada = await site.first_admin()
    await ada.submit(urls.profile("tokens"), 200, name="short", days="7", role="viewer")
    await ada.submit(urls.profile("tokens"), 200, name="long", days="90", role="viewer")
    site.simulation.now += DAY_S / 12
    rows = re.findall(r"<tr>.*?</tr>", await ada.page(urls.profile()), re.DOTALL)
    short, long = (next(row for row in rows if f"<bdi>{name}</bdi>" in row) for name in ("short", "long"))
    assert ('data-tone="caution"' in short, 'data-tone="caution"' in long) == (True, False)
    assert "in 6 d" in visible_text(short)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"role": "operator"}, "Your role there is viewer: your token cannot be operator."),
        ({"on": "rabbit-eu"}, "You have no access to a connection named rabbit-eu."),
        ({"payloads": "true"}, "You cannot view unmasked payloads there"),
        ({"name": " "}, "A token name needs 1 to 63 printable characters."),
    ],
)
async def test_a_token_never_exceeds_its_owners_permissions(
    site: UserSite, changed: dict[str, str], expected: str
) -> None:
    ada = await site.first_admin()
    bob = await site.invite(ada, "bob", on="kafka-prod")
    page = await bob.submit(
        urls.profile("tokens"), 409, **{"name": "mine", "days": "90", "role": "viewer", "on": "kafka-prod", **changed}
    )
    assert expected in page
    assert '<option value="90" selected>' in page
    assert not SECRET.search(page)
    assert await bob.api("GET", "tokens") == []
    assert "rabbit-eu" not in visible_text(await bob.page(urls.profile()))


async def test_a_token_of_another_user_cannot_be_revoked(site: UserSite) -> None:
    ada = await site.first_admin()
    bob = await site.invite(ada, "bob")
    await ada.submit(urls.profile("tokens"), 200, name="hers", days="7", role="viewer")
    [token] = await ada.api("GET", "tokens")
    address = urls.profile("tokens", str(token["id"]), "revoke")
    await bob.page(address, 404)
    assert "You have no such token" in await bob.submit(address, 409)
    assert len(await ada.api("GET", "tokens")) == 1


async def test_read_only_mode_hides_refused_actions(tmp_path: Path) -> None:
    async with user_site_in(tmp_path) as writable:
        await writable.first_admin()
    async with user_site_in(tmp_path, ServerSettings(read_only=True)) as site:
        await site.accounts.changes.refresh()
        ada = await site.sign_in("ada")
        await site.sign_in("ada", agent=PHONE)
        page = await ada.page(urls.profile())
        assert 'action="/profile/tokens"' not in page
        assert 'action="/profile/password"' not in page
        await ada.submit(urls.profile("password"), 405, old=PASSWORD, new=BETTER, again=BETTER)
        assert await ada.submit(urls.profile("sessions")) == urls.profile(done="others")

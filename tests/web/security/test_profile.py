"""One's own page: sessions, tokens and the password, through the real routes over a real database."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalbox.kernel.figures import DAY_S
from signalbox.web import urls
from signalbox.web.settings import ServerSettings
from tests.web.security.user_site import PASSWORD, House, house_in, tidy
from tests.web.sites import headline

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
BETTER = "a quite different sentence"
SECRET = re.compile(r"sbx_[\w-]{40,}")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as made:
        yield made


async def test_who_is_not_signed_in_is_led_to_where_they_can(house: House) -> None:
    nobody = await house.browser()
    assert await nobody.led(urls.profile()) == urls.set_up()
    await house.first_admin()
    assert await nobody.led(urls.profile()) == urls.sign_in(to=urls.profile())


async def test_the_page_says_who_one_is_and_where(house: House) -> None:
    ada = await house.first_admin()
    await house.signed_in("ada", agent=PHONE)
    html = await ada.page(urls.profile())
    assert headline(html) == "Signed in as ada, admin everywhere. 2 active sessions, one of them on a phone."
    text = tidy(html)
    assert "Chromium on Linux10.20.4.17, this session" in text
    assert "Safari on an iPhone" in text
    assert "Your password was last changed now." in text
    assert re.search(r"kafka-prod\s*admin\s*unmasked", text)


async def test_a_session_that_is_revoked_is_signed_out_and_this_one_stays(house: House) -> None:
    ada = await house.first_admin()
    phone, desk = await house.signed_in("ada", agent=PHONE), await house.signed_in("ada")
    page = await ada.page(urls.profile())
    row = next(row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "iPhone" in row)
    end = re.search(r'action="([^"]+)"', row)
    assert end
    assert await ada.send(end[1]) == urls.profile(done="session")
    assert "Session ended." in await ada.page(urls.profile(done="session"))
    assert await phone.led(urls.profile()) == urls.sign_in(to=urls.profile())
    await desk.page(urls.profile())
    assert "not yours" in await ada.send(end[1], 409)
    assert await ada.send(urls.profile("sessions")) == urls.profile(done="others")
    assert await desk.led(urls.profile()) == urls.sign_in(to=urls.profile())
    assert headline(await ada.page(urls.profile())).endswith(" 1 active session.")


async def test_nobody_ends_a_session_of_somebody_else(house: House) -> None:
    ada = await house.first_admin()
    bob = await house.joined(ada, "bob")
    [session] = await ada.api("GET", "sessions")
    assert "not yours" in await bob.send(urls.profile("sessions", str(session["id"]), "end"), 409)
    await ada.page(urls.profile())


async def test_what_an_address_says_of_itself_is_never_shown(house: House) -> None:
    ada = await house.first_admin()
    page = await ada.page(urls.profile(done="Call 555-1234 now"))
    assert "555-1234" not in page.split('<main class="page"')[1]


async def test_a_new_password_ends_all_other_sessions_and_renews_this_one(house: House) -> None:
    ada, other = await house.first_admin(), await house.signed_in("ada")
    before = dict(ada.client.cookies)
    to = await ada.send(urls.profile("password"), old=PASSWORD, new=BETTER, again=BETTER)
    assert to == urls.profile(done="password")
    assert dict(ada.client.cookies) != before
    assert "Password changed." in await ada.page(to)
    assert await other.led(urls.profile()) == urls.sign_in(to=urls.profile())
    await house.signed_in("ada", BETTER)


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("wrong", BETTER, BETTER, "The current password is wrong."),
        (PASSWORD, BETTER, "otherwise", "The new passwords do not match."),
        (PASSWORD, "short", "short", "at least 12 characters"),
    ],
)
async def test_a_refused_password_says_why_and_keeps_nothing_of_it(
    house: House, old: str, new: str, again: str, told: str
) -> None:
    ada = await house.first_admin()
    page = await ada.send(urls.profile("password"), 409, old=old, new=new, again=again)
    assert told in page
    assert BETTER not in page
    assert PASSWORD not in page
    await house.signed_in("ada")


async def test_wrong_old_passwords_are_limited(house: House) -> None:
    ada = await house.first_admin()
    for _ in range(10):
        await ada.send(urls.profile("password"), 409, old="wrong", new=BETTER, again=BETTER)
    assert "Too many failed attempts" in await ada.send(
        urls.profile("password"), 429, old=PASSWORD, new=BETTER, again=BETTER
    )


async def test_a_token_is_shown_once_and_works_until_it_is_revoked(house: House) -> None:
    ada = await house.first_admin()
    made = await ada.send(urls.profile("tokens"), 200, name="grafana", days="7", role="viewer", on="kafka-prod")
    [secret] = set(SECRET.findall(made))
    listed = await ada.page(urls.profile())
    assert secret not in listed
    assert f"{secret[:6]}\u2026{secret[-2:]}" in listed
    assert "viewer on kafka-prod" in tidy(listed)
    program = await house.browser(token=secret)
    assert [one["name"] for one in await program.api("GET", "connections")] == ["kafka-prod"]
    question = re.search(r'href="(/profile/tokens/\d+/revoke)"', listed)
    assert question
    assert "Revoke the token grafana?" in await ada.page(question[1])
    assert await ada.send(question[1]) == urls.profile(done="token")
    await program.api("GET", "connections", 401)
    await ada.page(question[1], 404)


async def test_the_answer_to_a_form_may_be_loaded_again(house: House) -> None:
    ada = await house.first_admin()
    for part in ("tokens", "password", "sessions"):
        assert await ada.led(urls.profile(part)) == urls.profile()


async def test_a_token_that_ends_soon_is_marked(house: House) -> None:
    ada = await house.first_admin()
    await ada.send(urls.profile("tokens"), 200, name="short", days="7", role="viewer")
    await ada.send(urls.profile("tokens"), 200, name="long", days="90", role="viewer")
    house.estate.now += DAY_S / 12
    rows = re.findall(r"<tr>.*?</tr>", await ada.page(urls.profile()), re.DOTALL)
    short, long = (next(row for row in rows if f"<bdi>{name}</bdi>" in row) for name in ("short", "long"))
    assert ('data-tone="caution"' in short, 'data-tone="caution"' in long) == (True, False)
    assert "in 6 d" in tidy(short)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"role": "operator"}, "Your role there is viewer: your token cannot be operator."),
        ({"on": "rabbit-eu"}, "You have no access to a connection named rabbit-eu."),
        ({"payloads": "true"}, "You cannot view unmasked payloads there"),
        ({"name": " "}, "A token's name has 1 to 63 printable characters."),
    ],
)
async def test_a_token_is_never_worth_more_than_who_makes_it(house: House, asked: dict[str, str], told: str) -> None:
    ada = await house.first_admin()
    bob = await house.joined(ada, "bob", on="kafka-prod")
    page = await bob.send(
        urls.profile("tokens"), 409, **{"name": "mine", "days": "90", "role": "viewer", "on": "kafka-prod", **asked}
    )
    assert told in page
    assert '<option value="90" selected>' in page
    assert not SECRET.search(page)
    assert await bob.api("GET", "tokens") == []
    assert "rabbit-eu" not in tidy(await bob.page(urls.profile()))


async def test_nobody_revokes_a_token_of_somebody_else(house: House) -> None:
    ada = await house.first_admin()
    bob = await house.joined(ada, "bob")
    await ada.send(urls.profile("tokens"), 200, name="hers", days="7", role="viewer")
    [token] = await ada.api("GET", "tokens")
    address = urls.profile("tokens", str(token["id"]), "revoke")
    await bob.page(address, 404)
    assert "You have no such token" in await bob.send(address, 409)
    assert len(await ada.api("GET", "tokens")) == 1


async def test_read_only_draws_nothing_that_would_be_refused(tmp_path: Path) -> None:
    async with house_in(tmp_path) as writable:
        await writable.first_admin()
    async with house_in(tmp_path, ServerSettings(read_only=True)) as house:
        await house.accounts.changes.refresh()
        ada = await house.signed_in("ada")
        await house.signed_in("ada", agent=PHONE)
        page = await ada.page(urls.profile())
        assert 'action="/profile/tokens"' not in page
        assert 'action="/profile/password"' not in page
        await ada.send(urls.profile("password"), 405, old=PASSWORD, new=BETTER, again=BETTER)
        assert await ada.send(urls.profile("sessions")) == urls.profile(done="others")

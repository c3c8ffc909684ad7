"""The users page, through the real routes over a real database."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest

from signalbox.security.accounts.model import LINK_LIFETIME_S
from signalbox.security.accounts.users import Users
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.web.security.user_site import LINK, PASSWORD, Browser, UserSite, user_site_in, visible_text
from tests.web.sites import headline, row_of

VIEWER = {"role/kafka-prod": "viewer", "role/rabbit-eu": "viewer", "role/*": "viewer"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path) as created:
        yield created


@pytest.fixture
async def ada(site: UserSite) -> Browser:
    return await site.first_admin()


async def test_only_admins_everywhere_can_use_the_page(site: UserSite, ada: Browser) -> None:
    nobody = await site.browser()
    assert await nobody.redirect_of(security_urls.users()) == urls.sign_in(to=security_urls.users())
    for role in ("viewer", "operator"):
        page = await (await site.invite(ada, role, role=role)).page(security_urls.users(), 403)
        assert f"{role} cannot view users: that requires the admin role everywhere." in visible_text(page)
        assert 'href="/users"' not in page
    partly = await site.invite(ada, "partly", role="admin", on="kafka-prod")
    for address in (security_urls.users("ada"), security_urls.users("ada", "remove")):
        await partly.page(address, 403)
    await partly.submit(security_urls.users("ada", "roles"), 403, **VIEWER)
    await partly.submit(security_urls.users(), 403, name="eve", role="admin")
    assert "ada" in await ada.page(security_urls.users("ada"))


async def test_an_invitation_is_shown_once_and_works_once(site: UserSite, ada: Browser) -> None:
    created = await ada.submit(
        security_urls.users(), 200, name=" Bob ", role="operator", on="kafka-prod", payloads="true"
    )
    [join] = set(LINK.findall(created))
    listed = await ada.page(security_urls.users("bob"))
    assert join not in listed
    assert "invited, 1 d left" in visible_text(row_of(listed, "bob"))
    bob = await site.browser()
    await bob.submit(join, password=PASSWORD, again=PASSWORD)
    assert headline(await bob.page(urls.profile())).startswith(
        "Signed in as bob, operator on kafka-prod; none elsewhere."
    )
    await (await site.browser()).page(join, 404)
    row = visible_text(row_of(await ada.page(security_urls.users()), "bob"))
    assert "active" in row
    assert "can unmask" in row


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": "ada"}, "A user named ada already exists."),
        ({"name": "Bob the Builder"}, "This is not a user name. Expected 1 to 63 characters of a-z"),
        ({"on": "kafka-none"}, "There is no connection kafka-none."),
    ],
)
async def test_a_refused_invitation_keeps_typed_text(ada: Browser, changed: dict[str, str], expected: str) -> None:
    page = await ada.submit(security_urls.users(), 409, **{"name": "eve", "role": "operator", **changed})
    assert expected in page
    assert f'value="{changed.get("name", "eve")}"' in page
    assert "<option selected>operator</option>" in page
    assert not LINK.search(page)


async def test_a_new_link_replaces_the_old_one_and_can_be_revoked(site: UserSite, ada: Browser) -> None:
    old = LINK.search(await ada.submit(security_urls.users(), 200, name="bob", role="viewer"))
    new = LINK.search(await ada.submit(security_urls.users("bob", "link"), 200))
    assert old
    assert new
    bob = await site.browser()
    await bob.page(old[1], 404)
    await bob.page(new[1])
    assert "bob has never signed in. The user is removed too." in await ada.page(security_urls.users("bob", "withdraw"))
    assert await ada.submit(security_urls.users("bob", "withdraw")) == security_urls.users(done="withdrawn")
    await bob.page(new[1], 404)
    await ada.page(security_urls.users("bob"), 404)


async def test_a_link_for_a_lost_password_ends_sessions_when_used(site: UserSite, ada: Browser) -> None:
    bob = await site.invite(ada, "bob")
    link = LINK.search(await ada.submit(security_urls.users("bob", "link"), 200))
    assert link
    await bob.page(urls.profile())
    await (await site.browser()).submit(link[1], password="another good sentence", again="another good sentence")
    assert await bob.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    await site.sign_in("bob", "another good sentence")


async def test_an_expired_invitation_is_marked(site: UserSite, ada: Browser) -> None:
    await ada.submit(security_urls.users(), 200, name="bob", role="viewer")
    site.simulation.now += LINK_LIFETIME_S + 1
    late = await site.sign_in("ada")
    page = await late.page(security_urls.users())
    assert "link expired" in visible_text(row_of(page, "bob"))
    assert re.search(r"Invited 0\b", visible_text(page))
    assert "expired" in visible_text(page.split('id="invitations"')[1])


async def test_a_change_of_roles_ends_sessions_and_applies(site: UserSite, ada: Browser) -> None:
    bob = await site.invite(ada, "bob")
    page = await ada.page(security_urls.users("bob"))
    assert "A change signs out 1 session of bob." in page
    assert 'name="role/kafka-prod" value="viewer" aria-label="kafka-prod: viewer" checked' in page
    changed = {**VIEWER, "role/kafka-prod": "operator", "payloads/kafka-prod": "true", "role/rabbit-eu": "none"}
    to = await ada.submit(security_urls.users("bob", "roles"), reason="on call", **changed)
    assert to == security_urls.users("bob", done="roles")
    assert "Roles saved." in await ada.page(to)
    assert await bob.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    again = await site.sign_in("bob")
    what = "operator on kafka-prod; none on rabbit-eu; viewer elsewhere"
    assert headline(await again.page(urls.profile())).startswith(f"Signed in as bob, {what}.")
    assert [item["name"] for item in await again.api("GET", "connections")] == ["kafka-prod"]
    after = await ada.page(security_urls.users("bob"))
    assert 'aria-label="kafka-prod: payloads" checked' in after
    assert 'aria-label="rabbit-eu: none" checked' in after


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"role/*": "none", "role/kafka-prod": "none", "role/rabbit-eu": "none"}, "bob would have no access"),
        ({"role/kafka-prod": "emperor"}, "The connections changed after this page was loaded."),
        ({"role/rabbit-eu": ""}, "The connections changed after this page was loaded."),
    ],
)
async def test_refused_roles_change_nothing_and_keep_the_reason(
    site: UserSite, ada: Browser, changed: dict[str, str], expected: str
) -> None:
    bob = await site.invite(ada, "bob")
    page = await ada.submit(security_urls.users("bob", "roles"), 409, **{**VIEWER, **changed, "reason": "trying <b>"})
    assert expected in page
    assert 'value="trying <b>"' in page
    await bob.page(urls.profile())


async def test_the_last_admin_cannot_be_removed(site: UserSite, ada: Browser) -> None:
    page = await ada.page(security_urls.users("ada"))
    assert headline(page) == "1 user, 1 admin: the last admin cannot be removed."
    assert "ada is the last admin and cannot be removed." in visible_text(page)
    assert 'href="/users/ada/remove"' not in page
    assert 'value="viewer" aria-label="everywhere else: viewer" disabled' in page
    assert "ada is the last admin" in await ada.submit(security_urls.users("ada", "roles"), 409, **VIEWER)
    assert "ada is the last admin" in await ada.submit(security_urls.users("ada", "remove"), 409, reason="off")
    bob = await site.invite(ada, "bob", role="admin")
    assert headline(await bob.page(security_urls.users())) == "2 users, 2 admins."
    assert 'href="/users/ada/remove"' in await bob.page(security_urls.users("ada"))
    assert await ada.submit(security_urls.users("ada", "roles"), **VIEWER) == security_urls.users("ada", done="roles")
    assert headline(await bob.page(security_urls.users())).endswith(" 1 admin: the last admin cannot be removed.")


async def test_a_removed_user_loses_sessions_and_tokens(site: UserSite, ada: Browser) -> None:
    bob = await site.invite(ada, "bob")
    created = await bob.submit(urls.profile("tokens"), 200, name="mine", days="7", role="viewer")
    secret = re.search(r"sbx_[\w-]{40,}", created)
    assert secret
    program = await site.browser(token=secret[0])
    await program.api("GET", "connections")
    question = visible_text(await ada.page(security_urls.users("bob", "remove")))
    assert "Remove bob?" in question
    assert "1 session and 1 token end, and any one-time link stops working" in question
    assert await ada.submit(security_urls.users("bob", "remove"), reason="left") == security_urls.users(done="removed")
    assert await bob.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    await program.api("GET", "connections", 401)
    assert "removed" in await ada.page(security_urls.users("bob"), 404)


async def test_an_admin_ends_sessions_locks_and_tokens(site: UserSite, ada: Browser) -> None:
    bob = await site.invite(ada, "bob")
    await bob.submit(urls.profile("tokens"), 200, name="mine", days="7", role="viewer")
    assert await ada.submit(security_urls.users("bob", "sessions")) == security_urls.users("bob", done="sessions")
    assert await bob.redirect_of(urls.profile()) == urls.sign_in(to=urls.profile())
    wrong = await site.browser()
    for _ in range(10):
        await wrong.submit(urls.sign_in(), 401, name="bob", password="wrong")
    await wrong.submit(urls.sign_in(), 429, name="bob", password=PASSWORD)
    page = await ada.page(security_urls.users("bob"))
    assert "locked, 15 min left" in visible_text(row_of(page, "bob"))
    assert "1 account is locked for one IP address after 10 wrong passwords" in visible_text(page)
    assert await ada.submit(security_urls.users("bob", "unlock")) == security_urls.users("bob", done="unlocked")
    await site.sign_in("bob")
    question = re.search(r'href="(/users/bob/tokens/\d+/revoke)"', page)
    assert question
    assert "Revoke the token “mine”?" in await ada.page(question[1])
    assert await ada.submit(question[1]) == security_urls.users("bob", done="token")
    await ada.page(question[1], 404)


async def test_search_and_filters_are_in_the_url(site: UserSite, ada: Browser) -> None:
    await ada.submit(security_urls.users(), 200, name="bob", role="viewer")
    await site.invite(ada, "bobby", role="operator", payloads="true")
    for query, names in [
        ({"q": "BOB"}, {"bob", "bobby"}),
        ({"show": "admin"}, {"ada"}),
        ({"show": "payloads"}, {"ada", "bobby"}),
        ({"show": "invited"}, {"bob"}),
        ({"show": "locked"}, set[str]()),
        ({"q": "bob", "show": "payloads"}, {"bobby"}),
    ]:
        page = await ada.page(security_urls.users(**query))
        listed = page.split('id="lister"')[1].split("</section>")[0]
        assert set(re.findall(r"<bdi>([^<]+)</bdi></a>", listed)) == names
        assert ("Clear filter" in listed) is not bool(names)
    assert "show: expected one of admin" in visible_text(await ada.page(security_urls.users(show="everything"), 400))
    part = await ada.client.get(
        security_urls.users("bob", q="bobby"), headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert part.headers["hx-push-url"] == security_urls.users("bob", q="bobby")
    assert part.text.lstrip().startswith('<section class="section stack" id="lister"')


async def test_only_lists_of_users_load_all_users(
    site: UserSite, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing in and everything about one user take as long with 10,000 users as with 10."""
    await site.invite(ada, "bob")

    async def load_all(_: Users) -> NoReturn:
        pytest.fail("all users are loaded")

    monkeypatch.setattr(Users, "list_all", load_all)
    bob = await site.sign_in("bob")
    assert await bob.submit(security_urls.sign_out()) == urls.sign_in()
    assert (await ada.api("GET", "users/bob"))["name"] == "bob"
    changed = await ada.api("PATCH", "users/bob", json={"everywhere": {"role": "operator"}, "reason": "on call"})
    assert changed["rights"]["everywhere"]["role"] == "operator"
    await ada.api("GET", "users/carol", 404)
    await ada.api("DELETE", "users/bob", 204)
    assert '<a href="/users">Users<span class="count">1</span></a>' in await ada.page(urls.home())


async def test_navigation_counts_users_for_admins(site: UserSite, ada: Browser) -> None:
    bob = await site.invite(ada, "bob")
    assert '<a href="/users">Users<span class="count">2</span></a>' in await ada.page(urls.home())
    assert "/users" not in await bob.page(urls.home())


async def test_read_only_mode_hides_refused_actions(tmp_path: Path) -> None:
    async with user_site_in(tmp_path) as writable:
        ada = await writable.first_admin()
        await writable.invite(ada, "bob")
    async with user_site_in(tmp_path, ServerSettings(read_only=True)) as site:
        await site.accounts.changes.refresh()
        ada = await site.sign_in("ada")
        page = await ada.page(security_urls.users("bob"))
        drawn = page.split('<main class="page"')[1].split("</main>")[0]
        assert 'method="post"' not in drawn.replace('method="post" action="/users/bob/roles"', "")
        assert "<fieldset disabled>" in drawn
        assert "<button" not in drawn.replace("<noscript><button", "")
        await ada.page(security_urls.users("bob", "remove"), 403)
        await ada.submit(security_urls.users("bob", "roles"), 405, **VIEWER)

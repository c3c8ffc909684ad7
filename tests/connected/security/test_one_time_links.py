"""One-time links: valid once, for a day, until a newer one or a revocation; the first admin's only without users."""

import asyncio
from collections.abc import Awaitable

import pytest

from signalbox.security.accounts.model import LINK_LIFETIME_S, SignInMethod
from signalbox.security.accounts.users import LINK_NO_LONGER_VALID
from signalbox.security.errors import RequestRejected
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE, Grant, Role
from tests.support.accounts import NOW, ROOT, ManualClock, Process, password


def use(process: Process, link: str, name: str = "", chosen: str | None = None) -> Awaitable[int]:
    return process.act(lambda permit: process.accounts.users.use_link(permit, link, name, chosen or password()))


async def invited(process: Process, name: str = "bob") -> str:
    return await process.act(lambda permit: process.accounts.users.invite(permit, name, OPERATOR_EVERYWHERE))


async def test_link_sets_a_password_once(process: Process, clock: ManualClock) -> None:
    right = password()
    link = await invited(process)
    before = await process.accounts.users.get_by_name("bob")
    assert (before.sign_in_method, before.created_by) == (SignInMethod.LINK, ROOT.name)
    assert before.link_expires_at == NOW + 24 * 3600
    opened = await process.accounts.users.find_link(link)
    assert (opened.user, opened.user_name, opened.created_by) == (before.id, "bob", ROOT.name)
    clock.now += 60
    assert await use(process, link, "another name is not asked", right) == before.id
    after = await process.accounts.users.get_by_name("bob")
    assert (after.sign_in_method, after.password_set_at) == (SignInMethod.PASSWORD, NOW + 60)
    assert after.link_expires_at is None
    assert after.rights == OPERATOR_EVERYWHERE
    await process.sign_in("bob", right)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await process.accounts.users.find_link(link)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, link)
    await process.sign_in("bob", right)


async def test_rejected_password_does_not_use_up_the_link(process: Process) -> None:
    link = await invited(process)
    with pytest.raises(RequestRejected, match="at least 12 characters"):
        await use(process, link, chosen="short")
    await use(process, link)


async def test_one_of_two_concurrent_uses_wins(process: Process, other_process: Process) -> None:
    link, ones, others = await invited(process), password(), password()
    outcomes = await asyncio.gather(
        use(process, link, chosen=ones), use(other_process, link, chosen=others), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["RequestRejected", "int"]
    won, lost = (ones, others) if isinstance(outcomes[0], int) else (others, ones)
    await process.sign_in("bob", won)
    with pytest.raises(RequestRejected):
        await process.sign_in("bob", lost)


async def test_link_expires_after_a_day_or_with_a_newer_one(process: Process, clock: ManualClock) -> None:
    link = await invited(process)
    bob = await process.accounts.users.get_by_name("bob")
    newer = await process.act(lambda permit: process.accounts.users.create_link(permit, bob))
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, link)
    clock.now += LINK_LIFETIME_S - 0.5
    await process.accounts.users.find_link(newer)
    clock.now += 0.5
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await process.accounts.users.find_link(newer)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, newer)


async def test_revoked_link_is_invalid_and_removes_an_invited_user(process: Process) -> None:
    right = password()
    link = await invited(process)
    bob = await process.accounts.users.get_by_name("bob")
    await process.act(lambda permit: process.accounts.users.revoke_link(permit, bob))
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, link)
    assert await process.accounts.users.find(bob.id) is None

    carl = await process.user("carl", OPERATOR_EVERYWHERE, right)
    again = await process.act(lambda permit: process.accounts.users.create_link(permit, carl))
    carl = await process.accounts.users.get_by_name("carl")
    assert carl.sign_in_method is SignInMethod.PASSWORD
    await process.act(lambda permit: process.accounts.users.revoke_link(permit, carl))
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, again)
    await process.sign_in("carl", right)


async def test_user_who_used_the_link_before_it_was_revoked_stays(process: Process, other_process: Process) -> None:
    """The admin's page was loaded before the link was used."""
    link, right = await invited(process), password()
    as_drawn = await process.accounts.users.get_by_name("bob")
    await use(other_process, link, chosen=right)
    await process.act(lambda permit: process.accounts.users.revoke_link(permit, as_drawn))
    await process.sign_in("bob", right)


async def test_token_user_stays_when_the_link_is_revoked(process: Process) -> None:
    users = process.accounts.users
    await process.act(lambda permit: users.add_token_only(permit, "robot", VIEWER_EVERYWHERE))
    robot = await users.get_by_name("robot")
    assert robot.sign_in_method is SignInMethod.TOKEN
    token = await process.act(
        lambda permit: process.accounts.tokens.create(
            permit, robot.id, name="deploy", grant=Grant(Role.VIEWER), resource="*", days=1
        )
    )
    await process.act(lambda permit: users.create_link(permit, robot))
    linked = await users.get_by_name("robot")
    assert linked.sign_in_method is SignInMethod.LINK
    await process.act(lambda permit: users.revoke_link(permit, linked))
    assert await process.accounts.identities.by_token(token) is not None


async def test_sso_user_gets_no_link(process: Process) -> None:
    await process.sso_user(VIEWER_EVERYWHERE)
    sso = await process.accounts.users.get_by_name("sso")
    with pytest.raises(RequestRejected, match="sso signs in with single sign-on"):
        await process.act(lambda permit: process.accounts.users.create_link(permit, sso))


@pytest.mark.parametrize("secret", ["", "x" * 43, "half \ud800", "nul \0", "x" * 100_000])
async def test_malformed_link_is_rejected(process: Process, secret: str) -> None:
    await process.act(process.accounts.users.create_first_admin_link)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await process.accounts.users.find_link(secret)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, secret, "ann")


async def test_first_admin_link_creates_the_first_admin(process: Process) -> None:
    link = await process.act(process.accounts.users.create_first_admin_link)
    opened = await process.accounts.users.find_link(link)
    assert (opened.user, opened.user_name) == (None, None)
    with pytest.raises(RequestRejected, match="This is not a user name"):
        await use(process, link, "not a name")
    right = password()
    await use(process, link, " Ann ", right)
    ann = await process.accounts.users.get_by_name("ann")
    assert (ann.rights, ann.sign_in_method, ann.created_by) == (ADMIN_EVERYWHERE, SignInMethod.PASSWORD, "set-up")
    await process.sign_in("ann", right)
    with pytest.raises(RequestRejected, match=r"Users already exist\. Ask an admin for a one-time link"):
        await process.act(process.accounts.users.create_first_admin_link)


async def test_newer_first_admin_link_revokes_the_older(process: Process, other_process: Process) -> None:
    older = await process.act(process.accounts.users.create_first_admin_link)
    newer = await other_process.act(other_process.accounts.users.create_first_admin_link)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, older, "ann")
    await use(process, newer, "ann")


async def test_first_admin_link_is_invalid_once_users_exist(process: Process) -> None:
    link = await process.act(process.accounts.users.create_first_admin_link)
    await invited(process)
    with pytest.raises(RequestRejected, match=LINK_NO_LONGER_VALID):
        await use(process, link, "mallory")
    assert [user.name for user in await process.accounts.users.list_all()] == ["bob"]


async def test_concurrent_uses_of_the_first_admin_link_create_one_admin(
    process: Process, other_process: Process
) -> None:
    link = await process.act(process.accounts.users.create_first_admin_link)
    outcomes = await asyncio.gather(use(process, link, "ann"), use(other_process, link, "bob"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["RequestRejected", "int"]
    [only] = await process.accounts.users.list_all()
    assert only.is_admin
    assert only.name == ("ann" if isinstance(outcomes[0], int) else "bob")

"""An admin who can sign in always remains, also under concurrent changes."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from signalbox.security.accounts.model import EVERYWHERE, SignInMethod, User
from signalbox.security.accounts.store import users as stored
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import (
    ADMIN_EVERYWHERE,
    NO_RIGHTS,
    OPERATOR_EVERYWHERE,
    VIEWER_EVERYWHERE,
    Grant,
    Rights,
    Role,
)
from signalbox.storage.engine import Transaction
from tests.support.accounts import Process, password

Taking = Callable[[Process, User], Awaitable[None]]
Adding = Callable[[Permit, str, Rights], Awaitable[object]]


async def _remove(process: Process, user: User) -> None:
    await process.act(lambda permit: process.accounts.users.remove(permit, user))


async def _demote(process: Process, user: User) -> None:
    on = Rights(Grant(Role.OPERATOR), {"kafka-prod": Grant(Role.ADMIN)})  # admin somewhere is not admin
    await process.act(lambda permit: process.accounts.users.set_rights(permit, user, on))


TAKINGS = pytest.mark.parametrize("take", [_remove, _demote])
LAST = "ann is the last admin and cannot be removed or demoted. Create another admin first.*signalbox user reset-admin"


@TAKINGS
async def test_last_admin_cannot_be_removed_or_demoted(process: Process, take: Taking) -> None:
    ann = await process.user("ann", password=password())
    await process.user("bob", OPERATOR_EVERYWHERE, password())
    with pytest.raises(RequestRejected, match=LAST):
        await take(process, ann)
    assert (await process.accounts.users.get_by_name("ann")).rights == ADMIN_EVERYWHERE
    carl = await process.user("carl", password=password())
    await take(process, carl)
    with pytest.raises(RequestRejected, match=LAST):
        await take(process, ann)
    await process.user("dora", password=password())
    await take(process, ann)


@TAKINGS
async def test_admin_who_cannot_sign_in_does_not_count(process: Process, take: Taking) -> None:
    ann = await process.user("ann", password=password())
    await process.user("invited")
    await process.act(lambda permit: process.accounts.users.add_token_only(permit, "robot", ADMIN_EVERYWHERE))
    with pytest.raises(RequestRejected, match=LAST):
        await take(process, ann)
    await process.sso_user(ADMIN_EVERYWHERE)
    await take(process, ann)


@TAKINGS
async def test_two_admins_cannot_remove_each_other_concurrently(
    process: Process, other_process: Process, take: Taking
) -> None:
    left: list[User] = []
    for number in range(5):
        admins = [await process.user(f"{name}{number}", password=password()) for name in ("ann", "bob")]
        for former in left:
            await _remove(process, former)
        outcomes = await asyncio.gather(
            take(process, admins[0]), take(other_process, admins[1]), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "RequestRejected"]
        left = [user for user in await process.accounts.users.list_all() if user.is_admin]
        assert [user.id for user in left] == [admins[0 if isinstance(outcomes[0], RequestRejected) else 1].id]


async def test_claim_that_would_demote_the_last_admin_is_rejected(process: Process) -> None:
    user = await process.sso_user(ADMIN_EVERYWHERE)
    with pytest.raises(RequestRejected, match="sso is the last admin"):
        await process.sso_user(VIEWER_EVERYWHERE)
    await process.user("ann", password=password())
    assert await process.sso_user(VIEWER_EVERYWHERE) == user
    assert (await process.accounts.users.get_by_name("sso")).rights == VIEWER_EVERYWHERE
    with pytest.raises(RequestRejected, match="The user name ann is taken"):
        await process.sso_user(VIEWER_EVERYWHERE, "Ann", "sub-2")


async def test_unchanged_claim_ends_no_session(process: Process) -> None:
    claimed = Rights(Grant(Role.VIEWER), {"kafka-prod": Grant(Role.VIEWER), "rabbit": Grant(Role.OPERATOR)})

    async def enter(rights: Rights) -> str:
        user = await process.sso_user(rights)
        return await process.act(lambda permit: process.accounts.sessions.open(permit, user))

    first = await enter(claimed)
    await enter(claimed)
    assert await process.accounts.identities.by_session(first) is not None
    await enter(VIEWER_EVERYWHERE)
    assert await process.accounts.identities.by_session(first) is None


async def test_admin_on_a_resource_named_like_everywhere_is_no_admin(process: Process) -> None:
    ann = await process.user("ann", password=password())
    sly = Rights(Grant(Role.VIEWER), {EVERYWHERE: Grant(Role.ADMIN, payloads=True)})
    bob = await process.user("bob", sly, password())
    assert not bob.is_admin
    assert bob.rights == VIEWER_EVERYWHERE
    with pytest.raises(RequestRejected, match=LAST):
        await _remove(process, ann)


async def test_reset_admin_makes_any_named_user_admin(process: Process) -> None:
    async def reset(name: str) -> str:
        return await process.act(lambda permit: process.accounts.users.reset_admin(permit, name))

    new, right = await reset("ann"), password()
    assert (await process.accounts.users.get_by_name("ann")).sign_in_method is SignInMethod.LINK
    await process.act(lambda permit: process.accounts.users.use_link(permit, new, "", right))
    await process.sign_in("ann", right)

    old, other = password(), password()
    await process.user("bob", VIEWER_EVERYWHERE, old)
    signed_in = await process.sign_in("bob", old)
    link = await reset(" BOB ")
    assert (await process.accounts.users.get_by_name("bob")).rights == ADMIN_EVERYWHERE
    assert await process.accounts.identities.by_session(signed_in) is None
    await process.act(lambda permit: process.accounts.users.use_link(permit, link, "", other))
    await process.sign_in("bob", other)
    with pytest.raises(RequestRejected):
        await process.sign_in("bob", old)

    await process.sso_user(VIEWER_EVERYWHERE)
    with pytest.raises(RequestRejected, match="sso signs in with single sign-on"):
        await reset("sso")
    assert (await process.accounts.users.get_by_name("sso")).rights == VIEWER_EVERYWHERE


async def test_user_without_access_or_with_a_taken_name_is_rejected(process: Process) -> None:
    users = process.accounts.users
    await process.user("ann", password=password())
    for name, rights, said in (
        ("bob", NO_RIGHTS, "bob would have no access"),
        ("Ann", VIEWER_EVERYWHERE, "A user named ann already exists"),
    ):
        for add in (users.invite, users.add_token_only):

            def added(
                permit: Permit, *, add: Adding = add, name: str = name, rights: Rights = rights
            ) -> Awaitable[object]:
                return add(permit, name, rights)

            with pytest.raises(RequestRejected, match=said):
                await process.act(added)
    assert [user.name for user in await users.list_all()] == ["ann"]


async def test_users_are_sorted_by_name_with_any_collation(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most PostgreSQL collations ignore punctuation; a list paged by name would skip users."""
    for name in ("ab", "a-c", "a.d"):
        await process.user(name)
    read = stored.list_all

    async def as_a_dictionary(connection: Transaction) -> list[User]:
        return sorted(await read(connection), key=lambda one: re.sub(r"\W", "", one.name))

    monkeypatch.setattr(stored, "list_all", as_a_dictionary)
    assert [one.name for one in await process.accounts.users.list_all()] == ["a-c", "a.d", "ab"]


async def test_concurrently_removed_user_is_named(process: Process, other_process: Process) -> None:
    users = process.accounts.users
    await process.user("ann", password=password())
    bob = await process.user("bob", OPERATOR_EVERYWHERE, password())
    await _remove(other_process, bob)
    with pytest.raises(RequestRejected, match="No user is named bob"):
        await users.get_by_name("bob")
    assert await users.find(bob.id) is None
    for again in (
        process.act(lambda permit: users.remove(permit, bob)),
        process.act(lambda permit: users.set_rights(permit, bob, VIEWER_EVERYWHERE)),
        process.act(lambda permit: users.create_link(permit, bob)),
        process.act(lambda permit: users.revoke_link(permit, bob)),
    ):
        with pytest.raises(RequestRejected, match="bob no longer exists"):
            await again
    carl = await process.user("carl", VIEWER_EVERYWHERE, password())
    assert carl.id != bob.id


async def test_first_user_is_noticed_in_every_process_for_good(process: Process, other_process: Process) -> None:
    def seen() -> list[bool]:
        return [either.accounts.identities.has_users for either in (process, other_process)]

    assert seen() == [False, False]
    await process.user("ann", OPERATOR_EVERYWHERE)
    assert seen() == [True, False]
    await other_process.accounts.changes.refresh()
    assert seen() == [True, True]
    await _remove(other_process, await other_process.accounts.users.get_by_name("ann"))
    await process.accounts.changes.refresh()
    assert seen() == [True, True]

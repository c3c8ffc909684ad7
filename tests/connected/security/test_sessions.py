"""Sessions end by timeout, by their user, by an admin, and by changes of the user, in every process."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.accounts.model import Session, User
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE
from tests.support.accounts import ManualClock, Process, password, paused

IDLE_H, LONGEST_H = 8, 12  # as SecuritySettings has them


async def test_idle_session_ends(process: Process, clock: ManualClock) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    secret = await process.sign_in("ann", right)
    clock.now += IDLE_H * 3600 - 0.5
    assert len(await process.accounts.sessions.list_for(ann.id)) == 1
    clock.now += 0.5
    assert await process.accounts.identities.by_session(secret) is None
    assert await process.accounts.sessions.list_for(ann.id) == []


async def test_session_ends_at_its_maximum_age(process: Process, clock: ManualClock) -> None:
    right = password()
    await process.user("ann", password=right)
    secret, begun = await process.sign_in("ann", right), clock.now
    for hour in range(1, LONGEST_H):
        clock.now = begun + hour * 3600
        assert await process.accounts.identities.by_session(secret) is not None
    clock.now = begun + LONGEST_H * 3600 - 0.5
    assert await process.accounts.identities.by_session(secret) is not None
    clock.now += 0.5
    assert await process.accounts.identities.by_session(secret) is None
    assert await process.rows("SELECT count(*) FROM session") == [(1,)]
    await process.sign_in("ann", right)
    assert await process.rows("SELECT count(*) FROM session") == [(1,)]  # what ended is cleared away


TIMES = st.floats(0, 1e6)


@given(made=TIMES, used=TIMES, ends=TIMES, now=TIMES, idle=st.floats(1, 1e6))
def test_session_is_alive_until_idle_timeout_or_expiry(
    made: float, used: float, ends: float, now: float, idle: float
) -> None:
    session = Session(id=1, user=1, created_at=made, last_used_at=used, expires_at=ends, address="", agent="")
    assert session.is_alive(now, idle) == (now < ends and now < used + idle)


async def test_last_use_is_written_once_a_minute(process: Process, other_process: Process, clock: ManualClock) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    secret, begun = await process.sign_in("ann", right), clock.now
    written = set()
    for second in range(0, 301, 5):
        clock.now = begun + second
        for reader in (process, process, other_process):
            assert await reader.accounts.identities.by_session(secret) is not None
        [(used, seen)] = await process.rows(
            'SELECT s.used_at, u.seen_at FROM session s JOIN "user" u ON u.id = s.user_id'
        )
        assert used == seen
        written.add(used)
    assert written == {begun + minute * 60 for minute in range(6)}
    assert (await process.accounts.sessions.list_for(ann.id))[0].last_used_at == begun + 300


async def test_session_used_in_one_process_stays_alive_in_another(
    process: Process, other_process: Process, clock: ManualClock
) -> None:
    """The other process has an hours-old copy in memory."""
    right = password()
    await process.user("ann", password=right)
    secret = await process.sign_in("ann", right)
    await other_process.accounts.changes.refresh()
    assert await other_process.accounts.identities.by_session(secret) is not None
    for _ in range(10):
        clock.advance_hours(1)
        assert await process.accounts.identities.by_session(secret) is not None
    assert await other_process.accounts.identities.by_session(secret) is not None


async def test_users_end_one_the_others_or_a_single_session(process: Process) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    first, second, third = [await process.sign_in("ann", right) for _ in range(3)]
    actor = await process.actor(first)
    doomed = await process.session_id(second)
    await process.act(lambda permit: process.accounts.sessions.end(permit, doomed), actor)
    assert await process.accounts.identities.by_session(second) is None
    with pytest.raises(RequestRejected, match="not yours, or has already ended"):
        await process.act(lambda permit: process.accounts.sessions.end(permit, doomed), actor)

    assert await process.act(process.accounts.sessions.end_others, actor) == 1
    assert await process.accounts.identities.by_session(third) is None
    assert await process.accounts.identities.by_session(first) is not None

    assert await process.act(lambda permit: process.accounts.sessions.end_all(permit, ann.id)) == 1
    assert await process.accounts.identities.by_session(first) is None


@pytest.mark.parametrize("number", [-1, 2**31, 2**63, 10**30])
async def test_unknown_session_id_is_rejected_even_if_too_large(process: Process, number: int) -> None:
    right = password()
    await process.user("ann", password=right)
    actor = await process.actor(await process.sign_in("ann", right))
    with pytest.raises(RequestRejected, match="not yours"):
        await process.act(lambda permit: process.accounts.sessions.end(permit, number), actor)


async def test_session_of_another_user_cannot_be_ended(process: Process) -> None:
    right = password()
    for name in ("ann", "bob"):
        await process.user(name, password=right)
    anns, bobs = await process.sign_in("ann", right), await process.sign_in("bob", right)
    session, bob = await process.session_id(anns), await process.actor(bobs)
    with pytest.raises(RequestRejected, match="not yours"):
        await process.act(lambda permit: process.accounts.sessions.end(permit, session), bob)
    with pytest.raises(RequestRejected, match="not yours"):  # the CLI is no user
        await process.act(lambda permit: process.accounts.sessions.end(permit, session))
    assert await process.act(process.accounts.sessions.end_others, bob) == 0
    assert await process.accounts.identities.by_session(anns) is not None


async def test_session_ids_are_not_reused(process: Process) -> None:
    """An open page or socket may still use it."""
    right = password()
    ann = await process.user("ann", password=right)
    numbers = []
    for _ in range(3):
        numbers.append((await process.actor(await process.sign_in("ann", right))).session)
        await process.act(lambda permit: process.accounts.sessions.end_all(permit, ann.id))
    assert len(set(numbers)) == 3


Ending = Callable[[Process, User, str], Awaitable[object]]


async def _role_changed(process: Process, user: User, _: str) -> None:
    await process.act(lambda permit: process.accounts.users.set_rights(permit, user, VIEWER_EVERYWHERE))


async def _removed(process: Process, user: User, _: str) -> None:
    await process.act(lambda permit: process.accounts.users.remove(permit, user))


async def _ended_by_an_admin(process: Process, user: User, _: str) -> None:
    await process.act(lambda permit: process.accounts.sessions.end_all(permit, user.id))


async def _link_used(process: Process, user: User, _: str) -> None:
    link = await process.act(lambda permit: process.accounts.users.create_link(permit, user))
    await process.act(lambda permit: process.accounts.users.use_link(permit, link, "", password()))


async def _password_changed(process: Process, user: User, right: str) -> None:
    actor = await process.actor(await process.sign_in(user.name, right))
    await process.act(lambda permit: process.accounts.users.change_password(permit, right, password()), actor)


async def _made_admin_again(process: Process, user: User, _: str) -> None:
    await process.act(lambda permit: process.accounts.users.reset_admin(permit, user.name))


ENDINGS = [_role_changed, _removed, _ended_by_an_admin, _link_used, _password_changed, _made_admin_again]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_all_sessions_of_a_user_end_and_no_others(
    process: Process, other_process: Process, ending: Ending
) -> None:
    right = password()
    await process.user("root", ADMIN_EVERYWHERE, right)
    ann = await process.user("ann", OPERATOR_EVERYWHERE, right)
    anns, other = [await process.sign_in("ann", right) for _ in range(2)], await process.sign_in("root", right)
    await other_process.accounts.changes.refresh()
    for each in (process, other_process):
        for secret in (*anns, other):
            assert await each.accounts.identities.by_session(secret) is not None

    await ending(process, ann, right)
    for secret in anns:
        assert await process.accounts.identities.by_session(secret) is None
    await other_process.accounts.changes.refresh()
    for secret in anns:
        assert await other_process.accounts.identities.by_session(secret) is None
    for each in (process, other_process):
        assert await each.accounts.identities.by_session(other) is not None


@pytest.mark.parametrize("changes", ["here", "there"])
async def test_identity_read_before_a_change_is_not_cached_after_it(
    process: Process, other_process: Process, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, changes: str
) -> None:
    """The read has its rows, then the change commits, then the read continues."""
    right = password()
    await process.user("root", ADMIN_EVERYWHERE, right)
    ann = await process.user("ann", OPERATOR_EVERYWHERE, right)
    secret = await process.sign_in("ann", right)
    clock.now += 120  # so that its use is to be written too
    with paused(monkeypatch, "signalbox.security.accounts.store.sessions.find") as (read, go_on):
        reading = asyncio.create_task(process.accounts.identities.by_session(secret))
        await read.wait()
    await _role_changed(process if changes == "here" else other_process, ann, right)
    await process.accounts.changes.refresh()
    go_on.set()
    assert (await reading) is not None  # what it read was so when it began
    assert await process.accounts.identities.by_session(secret) is None
    assert await process.accounts.identities.by_session(secret) is None


async def test_late_refresh_does_not_revive_stale_identities(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    secret = await process.sign_in("ann", right)
    version = process.accounts.changes.version
    with paused(monkeypatch, "signalbox.security.changes.store.read_version") as (answered, late):
        refreshing = asyncio.create_task(process.accounts.changes.refresh())
        await answered.wait()
    with paused(monkeypatch, "signalbox.security.accounts.store.sessions.find") as (read, go_on):
        reading = asyncio.create_task(process.accounts.identities.by_session(secret))
        await read.wait()
    await other_process.act(lambda permit: other_process.accounts.sessions.end_all(permit, ann.id))
    await process.accounts.changes.refresh()
    assert process.accounts.changes.version == version + 1
    late.set()
    await refreshing
    go_on.set()
    await reading
    assert process.accounts.changes.version == version + 1
    assert await process.accounts.identities.by_session(secret) is None


async def test_no_change_is_lost_among_many_in_two_processes(process: Process, other_process: Process) -> None:
    right = password()
    await process.user("root", password=right)
    users = [await process.user(f"user{number}", OPERATOR_EVERYWHERE, right) for number in range(6)]
    secrets = [await process.sign_in(user.name, right, f"192.0.2.{user.id}") for user in users]
    for each in (process, other_process):
        await each.accounts.changes.refresh()
        for secret in secrets:
            assert await each.accounts.identities.by_session(secret) is not None
    before = process.accounts.changes.version

    def removed(process: Process, user: User) -> Callable[[Permit], Awaitable[None]]:
        return lambda permit: process.accounts.users.remove(permit, user)

    await asyncio.gather(
        *[each.act(removed(each, user)) for user, each in zip(users, [process, other_process] * 3, strict=True)]
    )
    for each in (process, other_process):
        await each.accounts.changes.refresh()
        assert each.accounts.changes.version == before + 6
        assert [await each.accounts.identities.by_session(secret) for secret in secrets] == [None] * 6

"""Signing in: right and wrong credentials, their cost, and that no secret is stored."""

import asyncio
import logging
from dataclasses import replace
from typing import Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import inspect, text
from typing_extensions import override

from signalbox.security.accounts import actions, passwords
from signalbox.security.accounts.model import EVERYWHERE, Session, secret_hash
from signalbox.security.accounts.sessions import WRONG_CREDENTIALS
from signalbox.security.errors import RequestRejected
from signalbox.security.model import OPERATOR_EVERYWHERE, Grant, Role
from signalbox.storage.engine import Database
from tests.support.accounts import ROOT, ManualClock, Process, password, paused, visitor


class Counted(PasswordHasher):
    """Counts argon2 runs."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.ran: list[str] = []

    @override
    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.ran.append("hash")
        return super().hash(password, salt=salt)

    @override
    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.ran.append("verify")
        return super().verify(hash, password)


@pytest.fixture
def argon2(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """A counting hasher; request it after `process`, which installs the cheap one."""
    counted = Counted()
    monkeypatch.setattr(passwords, "_hasher", counted)
    return counted


async def test_right_password_opens_a_new_session_each_time(process: Process, clock: ManualClock) -> None:
    right = password()
    ann = await process.user("ann", OPERATOR_EVERYWHERE, right)
    first = await process.sign_in("ann", right)
    clock.now += 5
    second = await process.sign_in(" ANN ", right)
    assert first != second
    assert len(first) == 43

    known = await process.accounts.identities.by_session(second)
    assert known is not None
    assert (known.user, known.name, known.rights) == (ann.id, "ann", OPERATOR_EVERYWHERE)
    session = known.session
    assert session == Session(
        id=2,
        user=ann.id,
        created_at=clock.now,
        last_used_at=clock.now,
        expires_at=clock.now + 12 * 3600,
        address="192.0.2.1",
        agent="Firefox 140",
    )
    assert [one.id for one in await process.accounts.sessions.list_for(ann.id)] == [2, 1]
    assert (await process.accounts.users.get_by_name("ann")).last_seen_at == clock.now
    assert await process.accounts.identities.by_session(first + "x") is None
    assert await process.accounts.identities.by_token(first) is None


async def test_every_wrong_sign_in_has_the_same_message_and_cost(process: Process, argon2: Counted) -> None:
    right = password()
    await process.user("ann", password=right)
    await process.user("invited")
    await process.sso_user(OPERATOR_EVERYWHERE)
    for name, tried in [
        ("ann", right + " "),
        ("ann", ""),
        ("nobody-here", right),
        ("invited", right),
        ("sso", right),
        ("not a name", right),
        ("", ""),
        ("ann", "x" * 100_000),
        ("ann", "half \ud800"),
    ]:
        argon2.ran.clear()
        with pytest.raises(RequestRejected) as refused:
            await process.sign_in(name, tried)
        assert str(refused.value) == WRONG_CREDENTIALS
        assert argon2.ran == ["verify"], name
    argon2.ran.clear()
    await process.sign_in("ann", right)
    assert argon2.ran == ["verify"]
    assert {row[2:] for row in await process.audit_rows()} == {("", ""), ("failed", WRONG_CREDENTIALS), ("done", "")}
    assert (await process.rows("SELECT count(*) FROM session")) == [(1,)]


async def test_malformed_name_is_not_in_the_audit_log(process: Process) -> None:
    slip = "My Password Is " + password()
    with pytest.raises(RequestRejected, match=WRONG_CREDENTIALS):
        await process.sign_in(slip, "")
    link = await process.act(process.accounts.users.create_first_admin_link)
    with pytest.raises(RequestRejected, match="This is not a user name"):
        await process.act(lambda permit: process.accounts.users.use_link(permit, link, slip, password()))
    assert await _where(process.database, slip) == []
    assert ("as a malformed name",) in await process.rows("SELECT target FROM audit")


async def test_no_secret_is_stored_or_logged(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    users, sessions = process.accounts.users, process.accounts.sessions
    first, second, wrong = password(), password(), password()
    link = await process.act(users.create_first_admin_link)
    ann = await process.act(lambda permit: users.use_link(permit, link, "ann", first))
    cookie = await process.sign_in("ann", first)
    with pytest.raises(RequestRejected):
        await process.sign_in("ann", wrong)
    actor = await process.actor(cookie)
    with pytest.raises(RequestRejected):
        await process.door.act(
            actor, actions.change_password(), lambda permit: users.change_password(permit, wrong, second)
        )
    await process.door.act(
        actor, actions.change_password(), lambda permit: users.change_password(permit, first, second)
    )
    opened = await process.act(lambda permit: sessions.open(permit, ann), actor)
    making = actions.create_token("deploy", Grant(Role.VIEWER), EVERYWHERE, 30)
    token = await process.door.act(
        actor,
        making,
        lambda permit: process.accounts.tokens.create(
            permit, ann, name="deploy", grant=Grant(Role.VIEWER), resource=EVERYWHERE, days=30
        ),
    )
    invited = await process.door.act(
        ROOT,
        actions.invite_user("bob", OPERATOR_EVERYWHERE),
        lambda permit: users.invite(permit, "bob", OPERATOR_EVERYWHERE),
    )
    assert await process.accounts.identities.by_token(token) is not None
    for secret in (first, second, wrong, link, cookie, opened, token, invited):
        assert await _where(process.database, secret) == []
        assert secret not in caplog.text

    # The walk itself finds what is there: names, hashes, and what is on the audit log's page.
    assert await _where(process.database, secret_hash(opened)) == ["session.hash"]
    assert await _where(process.database, secret_hash(token)) == ["token.hash"]
    assert await _where(process.database, secret_hash(invited)) == ["link.hash"]
    assert {"user.name", "attempt.name", "audit.target"} <= set(await _where(process.database, "ann"))
    is_sqlite = process.database.redacted_url.startswith("sqlite")  # the only driver that logs its parameters
    assert ("bob" in caplog.text) == is_sqlite


async def _where(database: Database, secret: str | bytes) -> list[str]:
    """Return the columns of all tables that contain this value, as text or bytes."""
    sought = secret.encode() if isinstance(secret, str) else secret
    found = set()
    async with database.read() as connection:
        tables = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
        assert {"user", "session", "token", "link", "attempt", "audit"} <= set(tables)
        for table in tables:
            for row in (await connection.execute(text(f'SELECT * FROM "{table}"'))).mappings():  # noqa: S608
                for column, value in row.items():
                    if sought in (bytes(value) if isinstance(value, bytes) else str(value).encode()):
                        found.add(f"{table}.{column}")
    return sorted(found)


async def test_weak_hash_is_upgraded_at_the_next_sign_in(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    right = password()
    await process.user("ann", password=right)
    before = await process.rows('SELECT password_hash, password_at FROM "user"')
    stronger = Counted(time_cost=2)
    monkeypatch.setattr(passwords, "_hasher", stronger)
    await process.sign_in("ann", right)
    assert stronger.ran == ["verify", "hash"]
    after = await process.rows('SELECT password_hash, password_at FROM "user"')
    assert "t=2" in str(after[0][0])
    assert "t=1" in str(before[0][0])
    assert after[0][1] == before[0][1]
    await process.sign_in("ann", right)
    assert stronger.ran == ["verify", "hash", "verify"]


@pytest.mark.parametrize("weak", [False, True], ids=["", "made with weaker parameters"])
async def test_password_changed_during_sign_in_opens_no_session(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch, weak: bool
) -> None:
    """A stolen password is reset while the thief signs in: the reset wins."""
    stolen, new = password(), password()
    ann = await process.user("ann", password=stolen)
    link = await process.act(lambda permit: process.accounts.users.create_link(permit, ann))
    if weak:
        monkeypatch.setattr(passwords, "_hasher", Counted(time_cost=2))
    with paused(monkeypatch, "signalbox.security.accounts.passwords.verify") as (verified, go_on):
        thief = asyncio.create_task(process.sign_in("ann", stolen))
        await verified.wait()
    await other_process.act(lambda permit: other_process.accounts.users.use_link(permit, link, "", new))
    go_on.set()
    with pytest.raises(RequestRejected, match=WRONG_CREDENTIALS):
        await thief
    assert await process.accounts.sessions.list_for(ann.id) == []
    await process.sign_in("ann", new)
    with pytest.raises(RequestRejected, match=WRONG_CREDENTIALS):
        await process.sign_in("ann", stolen)


async def test_user_removed_during_sign_in_gets_no_session(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = password()
    await process.user("root", password=password())
    ann = await process.user("ann", password=right)
    with paused(monkeypatch, "signalbox.security.accounts.passwords.verify") as (verified, go_on):
        sign_in = asyncio.create_task(process.sign_in("ann", right))
        await verified.wait()
    await other_process.act(lambda permit: other_process.accounts.users.remove(permit, ann))
    go_on.set()
    with pytest.raises(RequestRejected, match=WRONG_CREDENTIALS):
        await sign_in
    with pytest.raises(RequestRejected, match="This user was removed"):
        await process.act(lambda permit: process.accounts.sessions.open(permit, ann.id))


async def test_old_password_cannot_undo_a_concurrent_change(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen, new, theirs = password(), password(), password()
    ann = await process.user("ann", password=stolen)
    thief = await process.actor(await process.sign_in("ann", stolen))
    link = await process.act(lambda permit: process.accounts.users.create_link(permit, ann))
    with paused(monkeypatch, "signalbox.security.accounts.passwords.hash_password") as (hashed, go_on):
        changing = asyncio.create_task(
            process.act(lambda permit: process.accounts.users.change_password(permit, stolen, theirs), thief)
        )
        await hashed.wait()
    await other_process.act(lambda permit: other_process.accounts.users.use_link(permit, link, "", new))
    go_on.set()
    with pytest.raises(RequestRejected, match="just changed with a one-time link"):
        await changing
    await process.sign_in("ann", new)


async def test_at_most_two_passwords_are_hashed_at_once_even_after_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, working, most, begun, go = asyncio.get_running_loop(), 0, 0, asyncio.Event(), asyncio.Event()

    class Slow(Counted):
        @override
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            async def held() -> None:
                nonlocal working, most
                working, most = working + 1, max(most, working + 1)
                if working == passwords.THREADS:
                    begun.set()
                await go.wait()
                working -= 1

            asyncio.run_coroutine_threadsafe(held(), loop).result(30)
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Slow())
    left = [asyncio.create_task(passwords.verify("x", None)) for _ in range(6)]
    await begun.wait()
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    more = [asyncio.create_task(passwords.verify("x", None)) for _ in range(3)]
    await loop.run_in_executor(None, bool)  # a turn for threads that would begin now
    go.set()
    assert await asyncio.gather(*more) == [False] * 3
    assert most == passwords.THREADS


async def test_session_keeps_only_printable_agent_characters(process: Process) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    hostile = replace(visitor("192.0.2.1"), agent="a\0b\u202e\n" + "c" * 500)
    await process.accounts.sessions.sign_in(hostile, "ann", right)
    [session] = await process.accounts.sessions.list_for(ann.id)
    assert session.agent == "ab" + "c" * 198

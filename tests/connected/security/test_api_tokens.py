"""API tokens: capped by their owner's current rights, expiring, removed with their owner."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from signalbox.security.accounts.model import EVERYWHERE, User
from signalbox.security.accounts.tokens import DAY_S, TOKENS_PER_USER_MAX
from signalbox.security.errors import RequestRejected
from signalbox.security.model import (
    ADMIN_EVERYWHERE,
    OPERATOR_EVERYWHERE,
    VIEWER_EVERYWHERE,
    Actor,
    Grant,
    Rights,
    Role,
)
from tests.support.accounts import ROOT, ManualClock, Process, password, paused, visitor

VIEWER, OPERATOR, ADMIN = (Grant(role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN))


def owner(user: User) -> Actor:
    return replace(visitor("192.0.2.1"), name=user.name, rights=user.rights, user=user.id, session=1)


def make(
    process: Process,
    user: User,
    grant: Grant = OPERATOR,
    *,
    resource: str = EVERYWHERE,
    days: int = 30,
    name: str = "deploy",
    actor: Actor | None = None,
) -> Awaitable[str]:
    return process.act(
        lambda permit: process.accounts.tokens.create(
            permit, user.id, name=name, grant=grant, resource=resource, days=days
        ),
        actor or owner(user),
    )


async def rights(process: Process, token: str) -> Rights:
    known = await process.accounts.identities.by_token(token)
    assert known is not None
    assert known.session is None
    return known.rights


async def test_token_rights_are_capped_by_its_owner(process: Process) -> None:
    both = Rights(Grant(Role.OPERATOR, payloads=True), {"kafka-prod": Grant(Role.VIEWER)})
    ann = await process.user("ann", both)
    assert await rights(process, await make(process, ann, VIEWER)) == Rights(VIEWER, {"kafka-prod": VIEWER})
    admins = await rights(process, await make(process, ann, Grant(Role.ADMIN, payloads=True)))
    assert admins == both
    one = await rights(process, await make(process, ann, OPERATOR, resource="rabbit"))
    assert one.grant("rabbit") == OPERATOR
    assert one.grant("kafka-prod") == one.grant() == Grant()
    less = await rights(process, await make(process, ann, OPERATOR, resource="kafka-prod"))
    assert less.grant("kafka-prod") == VIEWER


async def test_token_loses_its_owners_rights_at_once_in_every_process(process: Process, other_process: Process) -> None:
    ann = await process.user("ann", OPERATOR_EVERYWHERE)
    token = await make(process, ann, Grant(Role.ADMIN, payloads=True))
    await other_process.accounts.changes.refresh()
    assert await rights(process, token) == await rights(other_process, token) == OPERATOR_EVERYWHERE
    await process.act(lambda permit: process.accounts.users.set_rights(permit, ann, VIEWER_EVERYWHERE))
    assert await rights(process, token) == VIEWER_EVERYWHERE
    await other_process.accounts.changes.refresh()
    assert await rights(other_process, token) == VIEWER_EVERYWHERE
    await other_process.act(lambda permit: other_process.accounts.users.remove(permit, ann))
    assert await other_process.accounts.identities.by_token(token) is None
    await process.accounts.changes.refresh()
    assert await process.accounts.identities.by_token(token) is None
    assert await process.rows("SELECT count(*) FROM token") == [(0,)]


async def test_token_expires_on_time(process: Process, clock: ManualClock) -> None:
    ann = await process.user("ann", OPERATOR_EVERYWHERE)
    token = await make(process, ann, days=1)
    clock.now += DAY_S - 0.5
    await rights(process, token)
    [listed] = await process.accounts.tokens.list_all(ann.id)
    assert (listed.name, listed.user_name, listed.hint) == ("deploy", "ann", f"{token[:6]}…{token[-2:]}")
    clock.now += 0.5
    assert await process.accounts.identities.by_token(token) is None
    assert await process.accounts.tokens.list_all() == []
    with pytest.raises(RequestRejected, match=r"You have no such token\. It may have expired"):
        await process.accounts.tokens.get(listed.id, ann.id)


async def test_last_use_is_written_once_a_minute(process: Process, clock: ManualClock) -> None:
    ann = await process.user("ann", OPERATOR_EVERYWHERE)
    token, begun = await make(process, ann), clock.now
    assert (await process.accounts.tokens.list_all())[0].last_used_at is None
    written = set()
    for second in range(0, 181, 20):
        clock.now = begun + second
        await rights(process, token)
        written.add((await process.accounts.tokens.list_all())[0].last_used_at)
    assert written == {begun, begun + 60, begun + 120, begun + 180}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"days": 0}, "expires after 1 to 90 days, not 0"),
        ({"days": 91}, "expires after 1 to 90 days, not 91"),
        ({"name": " "}, "1 to 63 printable characters"),
        ({"name": "x" * 64}, "1 to 63 printable characters"),
        ({"name": "a\u202eb"}, "1 to 63 printable characters"),
        ({"grant": Grant(Role.NONE, payloads=True)}, "A token needs a role"),
    ],
)
async def test_invalid_token_request_is_rejected(process: Process, asked: dict[str, object], said: str) -> None:
    ann = await process.user("ann", OPERATOR_EVERYWHERE)
    with pytest.raises(RequestRejected, match=said):
        await make(process, ann, **asked)  # type: ignore[arg-type]
    assert await process.accounts.tokens.list_all() == []


async def test_token_cannot_create_tokens(process: Process) -> None:
    ann = await process.user("ann", ADMIN_EVERYWHERE)
    known = await process.accounts.identities.by_token(await make(process, ann, ADMIN))
    assert known is not None
    assert known.token is not None
    with pytest.raises(RequestRejected, match="A token cannot create tokens"):
        await make(process, ann, VIEWER, actor=replace(owner(ann), session=None, token=known.token.id))
    assert len(await process.accounts.tokens.list_all()) == 1


async def test_only_admins_manage_tokens_of_others(process: Process) -> None:
    ann, bob = [await process.user(name, OPERATOR_EVERYWHERE) for name in ("ann", "bob")]
    token = await make(process, ann)
    [kept] = await process.accounts.tokens.list_all()
    for actor in (owner(bob), visitor("192.0.2.1")):
        with pytest.raises(RequestRejected, match="Only an admin can create or revoke the tokens of another user"):
            await make(process, ann, actor=actor)
        with pytest.raises(RequestRejected, match="Only an admin can create or revoke the tokens of another user"):
            await process.act(lambda permit: process.accounts.tokens.revoke(permit, kept), actor)
    with pytest.raises(RequestRejected, match="You have no such token"):
        await process.accounts.tokens.get(kept.id, bob.id)
    await rights(process, token)
    second = await make(process, ann, actor=ROOT)
    await process.act(lambda permit: process.accounts.tokens.revoke(permit, kept))
    assert await process.accounts.identities.by_token(token) is None
    [other] = await process.accounts.tokens.list_all()
    await process.act(lambda permit: process.accounts.tokens.revoke(permit, other), owner(ann))
    assert await process.accounts.identities.by_token(second) is None


async def test_user_has_at_most_100_valid_tokens(process: Process, clock: ManualClock) -> None:
    ann, bob = [await process.user(name, OPERATOR_EVERYWHERE) for name in ("ann", "bob")]
    for number in range(TOKENS_PER_USER_MAX):
        await make(process, ann, days=1, name=str(number))
    with pytest.raises(RequestRejected, match=r"100 tokens\. Revoke one first"):
        await make(process, ann)
    await make(process, bob)
    first = (await process.accounts.tokens.list_all(ann.id))[0]
    await process.act(lambda permit: process.accounts.tokens.revoke(permit, first), owner(ann))
    await make(process, ann, days=1)
    clock.now += DAY_S
    await make(process, ann)
    assert await process.rows("SELECT count(*) FROM token") == [(2,)]


async def test_removed_user_gets_no_token(process: Process, other_process: Process) -> None:
    ann = await process.user("ann", OPERATOR_EVERYWHERE)
    await other_process.act(lambda permit: other_process.accounts.users.remove(permit, ann))
    with pytest.raises(RequestRejected, match="This user was removed"):
        await make(process, ann)


@pytest.mark.parametrize("secret", ["", "sbx_", "half \ud800", "nul \0", "x" * 100_000])
async def test_malformed_token_has_no_identity(process: Process, secret: str) -> None:
    right = password()
    await process.user("ann", OPERATOR_EVERYWHERE, right)
    session = await process.sign_in("ann", right)
    assert await process.accounts.identities.by_token(secret) is None
    assert await process.accounts.identities.by_session(secret) is None
    assert await process.accounts.identities.by_token(session) is None


async def test_token_read_before_its_revocation_is_not_cached_after_it(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request looks into the cache in between, so the cache is that of the new version."""
    ann = await process.user("ann", ADMIN_EVERYWHERE)
    token = await make(process, ann)
    with paused(monkeypatch, "signalbox.security.accounts.store.tokens.find") as (read, go_on):
        request = asyncio.ensure_future(process.accounts.identities.by_token(token))
        await read.wait()
    await process.act(lambda permit: process.accounts.users.remove(permit, ann))
    assert await process.accounts.identities.by_session("nobody's") is None
    go_on.set()
    await request
    assert await process.accounts.identities.by_token(token) is None

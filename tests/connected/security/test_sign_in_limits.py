"""Limits of failed attempts, in one process and in two, serial and parallel."""

import asyncio
from collections.abc import Sequence

import pytest
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncConnection

from signalbox.security.accounts.limits import (
    PER_ADDRESS,
    PER_NAME_AND_ADDRESS,
    WRONG_TOKENS_PER_ADDRESS,
    TooManyAttempts,
)
from signalbox.security.accounts.store import attempts
from signalbox.security.errors import RequestRejected
from signalbox.security.model import OPERATOR_EVERYWHERE
from tests.support.accounts import ManualClock, Process, password
from tests.support.waiting import eventually

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


async def _wrong(process: Process, name: str, times: int, address: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(RequestRejected):
            await process.sign_in(name, "wrong", address)


async def _locked(process: Process, name: str, tried: str, address: str = HERE) -> float:
    with pytest.raises(TooManyAttempts) as refused:
        await process.sign_in(name, tried, address)
    assert "Too many failed attempts from this IP address. Try again in " in str(refused.value)
    assert "Other IP addresses are not affected" in str(refused.value)
    return refused.value.wait_s


async def test_ten_wrong_passwords_lock_one_name_for_one_address(process: Process) -> None:
    right = password()
    for name in ("ann", "bob"):
        await process.user(name, OPERATOR_EVERYWHERE, right)
    await _wrong(process, "ann", PER_NAME_AND_ADDRESS)
    assert await _locked(process, "ann", right) == 15 * 60
    assert await _locked(process, " ANN ", right) == 15 * 60
    await process.sign_in("ann", right, ELSEWHERE)
    await process.sign_in("bob", right)
    assert len(await process.rows("SELECT 1 FROM audit WHERE outcome = 'failed'")) == PER_NAME_AND_ADDRESS


async def test_tenth_attempt_can_still_succeed(process: Process) -> None:
    right = password()
    await process.user("ann", password=right)
    for _ in range(3):
        await process.sign_in("ann", right)
    await _wrong(process, "ann", PER_NAME_AND_ADDRESS - 1)
    for _ in range(3):
        await process.sign_in("ann", right)  # what is right does not count
    await _wrong(process, "ann", 1)
    await _locked(process, "ann", right)


async def test_address_is_locked_after_50_attempts_with_any_names(process: Process) -> None:
    right = password()
    await process.user("ann", password=right)
    for number in range(PER_ADDRESS // PER_NAME_AND_ADDRESS):
        await process.sign_in("ann", right)
        await _wrong(process, f"guess{number}", PER_NAME_AND_ADDRESS)
    await _locked(process, "ann", right)
    await _locked(process, "not a name", right)
    await process.sign_in("ann", right, ELSEWHERE)
    assert await process.rows("SELECT DISTINCT name FROM attempt WHERE name = 'ann'") == []


async def test_retries_do_not_prolong_the_wait(process: Process, clock: ManualClock) -> None:
    right = password()
    await process.user("ann", password=right)
    begun = clock.now
    for number in range(PER_NAME_AND_ADDRESS):
        clock.now = begun + number * 30
        await _wrong(process, "ann", 1)
    for second in (300, 600, 899):
        clock.now = begun + second
        assert await _locked(process, "ann", right) == 900 - second
    clock.now = begun + 900  # the first of them counts no more
    await process.sign_in("ann", right)
    await _wrong(process, "ann", 1)
    assert await _locked(process, "ann", right) == 30
    clock.now += 15 * 60
    await process.sign_in("ann", right)
    assert await process.rows("SELECT count(*) FROM attempt") == [(0,)]


async def test_parallel_guesses_in_two_processes_get_no_further_than_ten(
    process: Process, other_process: Process, cheap_passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = password()
    await process.user("ann", password=right)
    judged: list[str | bytes] = []
    verify = type(cheap_passwords).verify

    def counted(hasher: PasswordHasher, kept: str | bytes, tried: str | bytes) -> bool:
        judged.append(tried)
        return verify(hasher, kept, tried)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    outcomes = await asyncio.gather(
        *[each.sign_in("ann", f"guess {number}", HERE) for number in range(20) for each in (process, other_process)],
        return_exceptions=True,
    )
    assert len(judged) == PER_NAME_AND_ADDRESS
    assert sum(type(one) is RequestRejected for one in outcomes) == PER_NAME_AND_ADDRESS
    assert sum(type(one) is TooManyAttempts for one in outcomes) == 40 - PER_NAME_AND_ADDRESS
    await _locked(process, "ann", right)
    await _locked(other_process, "ann", right)
    assert len(judged) == PER_NAME_AND_ADDRESS


@pytest.mark.parametrize("database_settings", ["postgresql"], indirect=True)  # SQLite has one writer at a time anyway
async def test_concurrent_uncommitted_attempt_is_counted(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    inserted, commit, add = asyncio.Event(), asyncio.Event(), attempts.add

    async def slow(connection: AsyncConnection, buckets: Sequence[bytes], name: str | None, at: float) -> list[int]:
        ids = await add(connection, buckets, name, at)
        inserted.set()
        await commit.wait()
        return ids

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "add", slow)
        first = asyncio.create_task(other_process.accounts.limits.count_sign_in("ann", HERE))
        await inserted.wait()
    others = [
        asyncio.create_task(process.accounts.limits.count_sign_in("ann", HERE)) for _ in range(PER_NAME_AND_ADDRESS)
    ]

    async def wait_for_their_turn() -> None:
        assert await other_process.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    await eventually(wait_for_their_turn)
    assert not any(task.done() for task in others)
    commit.set()
    outcomes = await asyncio.gather(first, *others, return_exceptions=True)
    assert sum(isinstance(one, TooManyAttempts) for one in outcomes) == 1
    assert sum(isinstance(one, list) for one in outcomes) == PER_NAME_AND_ADDRESS


async def test_two_processes_count_together(process: Process, other_process: Process) -> None:
    right = password()
    await process.user("ann", password=right)
    await _wrong(process, "ann", 5)
    await _wrong(other_process, "ann", 5)
    await _locked(process, "ann", right)
    await _locked(other_process, "ann", right)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
async def test_ipv6_address_counts_as_its_network(process: Process, one: str, other: str, same: bool) -> None:
    right = password()
    await process.user("ann", password=right)
    await _wrong(process, "ann", PER_NAME_AND_ADDRESS, one)
    if same:
        await _locked(process, "ann", right, other)
    else:
        await process.sign_in("ann", right, other)


async def test_admin_sees_the_lock_and_unlocks_the_name_everywhere(process: Process, clock: ManualClock) -> None:
    right = password()
    begun = clock.now
    for name in ("ann", "bob"):
        await process.user(name, password=right)
    await _wrong(process, "bob", PER_NAME_AND_ADDRESS - 1)
    await _wrong(process, "ann", PER_NAME_AND_ADDRESS)
    clock.now += 60
    await _wrong(process, "ann", PER_NAME_AND_ADDRESS, ELSEWHERE)
    assert [(user.name, user.locked_until) for user in await process.accounts.users.list_all()] == [
        ("ann", begun + 60 + 15 * 60),
        ("bob", None),
    ]
    await process.act(lambda permit: process.accounts.limits.unlock(permit, "ann"))
    assert [user.locked_until for user in await process.accounts.users.list_all()] == [None, None]
    for address in (HERE, ELSEWHERE):
        await process.sign_in("ann", right, address)
    await _wrong(process, "bob", 1)
    await _locked(process, "bob", right)


async def test_unlocking_a_name_uncounts_its_attempts_for_the_address(process: Process) -> None:
    right = password()
    for number in range(5):
        await process.user(f"user{number}", password=right)
        await _wrong(process, f"user{number}", PER_NAME_AND_ADDRESS)
    await _locked(process, "user0", right)
    await process.act(lambda permit: process.accounts.limits.unlock(permit, "user0"))
    await process.sign_in("user0", right)
    await _locked(process, "user1", right)


async def test_link_attempts_are_counted_by_address_and_uncounted_on_success(
    process: Process, other_process: Process
) -> None:
    for _ in range(3):
        await process.accounts.limits.uncount(await process.accounts.limits.count_link_use(HERE))
    for number in range(PER_ADDRESS):
        await (process if number % 2 else other_process).accounts.limits.count_link_use(HERE)
    for each in (process, other_process):
        with pytest.raises(TooManyAttempts):
            await each.accounts.limits.count_link_use(HERE)
    await process.accounts.limits.count_link_use(ELSEWHERE)
    await _wrong(process, "ann", 1)  # to sign in is counted by itself


async def test_wrong_tokens_are_counted_by_address(
    process: Process, other_process: Process, clock: ManualClock
) -> None:
    for number in range(WRONG_TOKENS_PER_ADDRESS):
        await (process if number % 2 else other_process).accounts.limits.count_wrong_token(HERE)
    clock.now += 100
    for each in (process, other_process):
        with pytest.raises(TooManyAttempts) as refused:
            await each.accounts.limits.count_wrong_token(HERE)
        assert refused.value.wait_s == 800
    await process.accounts.limits.count_wrong_token(ELSEWHERE)
    clock.now += 800
    await process.accounts.limits.count_wrong_token(HERE)


async def test_changing_the_password_counts_wrong_guesses(process: Process) -> None:
    right, new = password(), password()
    await process.user("ann", password=right)
    actor = await process.actor(await process.sign_in("ann", right, HERE))
    for _ in range(PER_NAME_AND_ADDRESS):
        with pytest.raises(RequestRejected, match="The current password is wrong"):
            await process.act(lambda permit: process.accounts.users.change_password(permit, "wrong", new), actor)
    with pytest.raises(TooManyAttempts):
        await process.act(lambda permit: process.accounts.users.change_password(permit, right, new), actor)
    await _locked(process, "ann", right)
    await process.sign_in("ann", right, ELSEWHERE)

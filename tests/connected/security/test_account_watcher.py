"""Live pages are told when their session or token ends; an unreachable database is retried."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from signalbox.kernel.feed import Feed, Subscription
from signalbox.security.accounts import keys
from signalbox.security.accounts.model import EVERYWHERE
from signalbox.security.accounts.worker import AccountWatcher
from signalbox.security.model import OPERATOR_EVERYWHERE, Grant, Role
from signalbox.servers.postgres import postgres_server
from signalbox.storage.engine import Database
from signalbox.storage.errors import DatabaseUnreachable
from tests.support.accounts import ROOT, ManualClock, Process, open_process, password
from tests.support.database import settings
from tests.support.waiting import eventually

IDLE_S = 8 * 3600.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.accounts.worker.REFRESH_EACH_S", 0.02)
    monkeypatch.setattr("signalbox.security.accounts.worker.EXPIRY_EACH_S", 0.06)


@asynccontextmanager
async def watching(process: Process, clock: ManualClock) -> AsyncIterator[Feed]:
    feed = Feed(epoch=1)
    watch = AccountWatcher(process.accounts.changes, feed, clock, idle_s=IDLE_S)
    assert not watch.healthy()
    await watch.start()
    try:
        yield feed
        assert watch.healthy()
    finally:
        await watch.stop()


def heard(subscription: Subscription) -> Awaitable[object]:
    return asyncio.wait_for(subscription.changes(), 20)


async def made(process: Process, name: str) -> tuple[str, str]:
    """Return the feed keys of a session and a token of a new user."""
    right = password()
    user = await process.user(name, OPERATOR_EVERYWHERE, right)
    session = await process.session_id(await process.sign_in(name, right))
    await process.act(
        lambda permit: process.accounts.tokens.create(
            permit, user.id, name="deploy", grant=Grant(Role.VIEWER), resource=EVERYWHERE, days=1
        ),
        ROOT,
    )
    [token] = await process.accounts.tokens.list_all(user.id)
    return keys.session(session), keys.token(token.id)


@pytest.mark.parametrize("changes", ["here", "there"])
async def test_page_of_a_removed_user_is_told_and_others_are_not(
    process: Process, other_process: Process, clock: ManualClock, changes: str
) -> None:
    anns, bobs = await made(process, "ann"), await made(process, "bob")
    async with watching(process, clock) as feed:
        pages = [feed.subscribe([key]) for key in anns]
        others = [feed.subscribe([key]) for key in bobs]
        by = process if changes == "here" else other_process
        ann = await by.accounts.users.get_by_name("ann")
        await by.act(lambda permit: by.accounts.users.remove(permit, ann))
        for page, key in zip(pages, anns, strict=True):
            assert await heard(page) == {key: feed.version(key)}
        assert [page.take() for page in others] == [{}, {}]


async def test_page_is_told_of_a_revoked_session_despite_a_new_one(
    process: Process, other_process: Process, clock: ManualClock
) -> None:
    """IDs are never reused, so the new session is not taken for the old one."""
    right = password()
    ann = await process.user("ann", password=right)
    session = await process.session_id(await process.sign_in("ann", right))
    feed = Feed(epoch=1)
    watch = AccountWatcher(process.accounts.changes, feed, clock, idle_s=IDLE_S)
    page = feed.subscribe([keys.session(session)])
    await other_process.act(lambda permit: other_process.accounts.sessions.end_all(permit, ann.id))
    await other_process.sign_in("ann", right)
    await watch.start()
    assert await heard(page)
    await watch.stop()


async def test_expiry_is_published(process: Process, clock: ManualClock) -> None:
    session, token = await made(process, "ann")
    async with watching(process, clock) as feed:
        first, second = feed.subscribe([session]), feed.subscribe([token])
        clock.now += IDLE_S
        assert await heard(first)
        assert second.take() == {}
        clock.now += 24 * 3600 - IDLE_S
        assert await heard(second)


@pytest.mark.parametrize("changes", ["here", "there"])
async def test_pages_that_are_open_while_there_is_no_user_are_told_of_the_first_one_only(
    process: Process, other_process: Process, clock: ManualClock, changes: str
) -> None:
    by, right = process if changes == "here" else other_process, password()
    async with watching(process, clock) as feed:
        page = feed.subscribe([keys.ANONYMOUS])
        await by.user("ann", password=right)
        assert await heard(page) == {keys.ANONYMOUS: feed.version(keys.ANONYMOUS)}
        session = keys.session(await by.session_id(await by.sign_in("ann", right)))
        of_ann = feed.subscribe([session])
        bob = await by.user("bob")
        await by.act(lambda permit: by.accounts.users.remove(permit, bob))
        ann = await by.accounts.users.get_by_name("ann")
        await by.act(lambda permit: by.accounts.sessions.end_all(permit, ann.id))
        assert await heard(of_ann)  # so the changes before it were heard too
        assert page.take() == {}


async def test_pages_without_a_sign_in_are_not_told_of_changes_when_there_were_users_before(
    process: Process, clock: ManualClock
) -> None:
    right = password()
    await process.user("ann", password=right)
    async with watching(process, clock) as feed:
        page = feed.subscribe([keys.ANONYMOUS])
        await process.sign_in("ann", right)
        assert page.take() == {}


async def test_change_is_published_after_a_failed_read(
    process: Process,
    other_process: Process,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session, _ = await made(process, "ann")
    async with watching(process, clock) as feed:
        page = feed.subscribe([session])
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
            patched.setattr("signalbox.security.accounts.store.sessions.still_valid_ids", _away)
            ann = await other_process.accounts.users.get_by_name("ann")
            await other_process.act(lambda permit: other_process.accounts.sessions.end_all(permit, ann.id))
            await eventually(lambda: _said(caplog, "cannot read accounts"))
            assert page.take() == {}
        assert await heard(page)


async def test_first_user_is_noticed_after_a_failed_read(
    process: Process, other_process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then Signalbox asks nobody to sign in."""
    await other_process.user("ann")
    with monkeypatch.context() as patched:
        patched.setattr("signalbox.security.accounts.store.users.any_exist", _away)
        with pytest.raises(DatabaseUnreachable):
            await process.accounts.changes.refresh()
    assert not process.accounts.identities.has_users
    await process.accounts.changes.refresh()
    assert process.accounts.identities.has_users


async def test_change_is_kept_when_listeners_fail(
    process: Process, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = password()
    ann = await process.user("ann", password=right)
    secret = await process.sign_in("ann", right)
    session = await process.session_id(secret)
    async with watching(process, clock) as feed:
        page = feed.subscribe([keys.session(session)])
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
            patched.setattr("signalbox.security.accounts.store.sessions.still_valid_ids", _away)
            assert await process.act(lambda permit: process.accounts.sessions.end_all(permit, ann.id)) == 1
            assert "accounts changed, but not every cache could be refreshed yet" in caplog.text
            assert await process.accounts.identities.by_session(secret) is None
            assert page.take() == {}
        assert await heard(page)


async def test_unreachable_database_is_retried(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    async with postgres_server({"fsync": "off"}) as server:
        if server.process is None:
            pytest.fail("this test stops PostgreSQL: unset SIGNALBOX_POSTGRES_URL to have one started")
        database = Database(settings(server.url))
        await database.upgrade()
        process = open_process(database, clock)
        session, token = await made(process, "ann")
        right = password()
        await process.user("bob", password=right)
        cookie = await process.sign_in("bob", right)
        assert await process.accounts.identities.by_session(cookie) is not None
        async with watching(process, clock) as feed:
            page = feed.subscribe([session, token])
            with caplog.at_level(logging.WARNING):
                await server.stop()
                await eventually(lambda: _said(caplog, "cannot read accounts"))
            assert await process.accounts.identities.by_session(cookie) is not None  # what was known holds
            clock.now += 30 * 3600
            assert page.take() == {}  # unknown is not ended
            await server.start()
            assert await heard(page) == {session: feed.version(session), token: feed.version(token)}
        await database.close()


async def _away(*_: object, **__: object) -> frozenset[int]:
    raise DatabaseUnreachable("the database", "cannot be reached", "Wait.")


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    assert words in caplog.text

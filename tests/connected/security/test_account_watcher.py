"""The watch: live pages hear that their session or token ended, whoever ended it; a database that is away for a while costs nothing."""

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
from tests.support.accounts import ROOT, Process, Time, password, process
from tests.support.database import settings
from tests.support.waiting import eventually

IDLE_S = 8 * 3600.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.accounts.worker.REFRESH_EACH_S", 0.02)
    monkeypatch.setattr("signalbox.security.accounts.worker.EXPIRY_EACH_S", 0.06)


@asynccontextmanager
async def watching(here: Process, time: Time) -> AsyncIterator[Feed]:
    feed = Feed(epoch=1)
    watch = AccountWatcher(here.accounts.changes, feed, time, idle_s=IDLE_S)
    assert not watch.healthy()
    await watch.start()
    try:
        yield feed
        assert watch.healthy()
    finally:
        await watch.stop()


def heard(subscription: Subscription) -> Awaitable[object]:
    return asyncio.wait_for(subscription.changes(), 20)


async def made(here: Process, name: str) -> tuple[str, str]:
    """Return the keys of a session and of a token of a new user."""
    right = password()
    user = await here.user(name, OPERATOR_EVERYWHERE, right)
    session = (await here.actor(await here.sign_in(name, right))).session
    assert session is not None
    await here.did(
        lambda permit: here.accounts.tokens.create(
            permit, user.id, name="deploy", grant=Grant(Role.VIEWER), resource=EVERYWHERE, days=1
        ),
        ROOT,
    )
    [token] = await here.accounts.tokens.list_all(user.id)
    return keys.session(session), keys.token(token.id)


@pytest.mark.parametrize("changes", ["here", "there"])
async def test_a_page_whose_user_is_removed_hears_of_it_and_others_do_not(
    here: Process, there: Process, time: Time, changes: str
) -> None:
    anns, bobs = await made(here, "ann"), await made(here, "bob")
    async with watching(here, time) as feed:
        pages = [feed.subscribe([key]) for key in anns]
        others = [feed.subscribe([key]) for key in bobs]
        by = here if changes == "here" else there
        ann = await by.accounts.users.get_by_name("ann")
        await by.did(lambda permit: by.accounts.users.remove(permit, ann))
        for page, key in zip(pages, anns, strict=True):
            assert await heard(page) == {key: feed.version(key)}
        assert [page.take() for page in others] == [{}, {}]


async def test_a_page_hears_of_a_session_that_was_revoked_although_another_began_at_once(
    here: Process, there: Process, time: Time
) -> None:
    """The new one must not be taken for the old one: its number is its own."""
    right = password()
    ann = await here.user("ann", password=right)
    session = (await here.actor(await here.sign_in("ann", right))).session
    assert session is not None
    feed = Feed(epoch=1)
    watch = AccountWatcher(here.accounts.changes, feed, time, idle_s=IDLE_S)
    page = feed.subscribe([keys.session(session)])
    await there.did(lambda permit: there.accounts.sessions.end_all(permit, ann.id))
    await there.sign_in("ann", right)
    await watch.start()
    assert await heard(page)
    await watch.stop()


async def test_what_ends_by_itself_is_told_too(here: Process, time: Time) -> None:
    session, token = await made(here, "ann")
    async with watching(here, time) as feed:
        first, second = feed.subscribe([session]), feed.subscribe([token])
        time.now += IDLE_S
        assert await heard(first)
        assert second.take() == {}
        time.now += 24 * 3600 - IDLE_S
        assert await heard(second)


async def test_pages_without_a_sign_in_hear_of_every_change(here: Process, there: Process, time: Time) -> None:
    async with watching(here, time) as feed:
        page = feed.subscribe([keys.ANONYMOUS])
        page.take()
        await there.user("ann")
        assert await heard(page) == {keys.ANONYMOUS: feed.version(keys.ANONYMOUS)}


async def test_what_could_not_be_read_is_told_when_it_can(
    here: Process, there: Process, time: Time, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session, _ = await made(here, "ann")
    async with watching(here, time) as feed:
        page = feed.subscribe([session])
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
            patched.setattr("signalbox.security.accounts.store.sessions.still_valid_ids", _away)
            ann = await there.accounts.users.get_by_name("ann")
            await there.did(lambda permit: there.accounts.sessions.end_all(permit, ann.id))
            await eventually(lambda: _said(caplog, "cannot read accounts"))
            assert page.take() == {}
        assert await heard(page)


async def test_that_there_are_users_now_is_not_missed_when_it_cannot_be_read(
    here: Process, there: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is known Signalbox asks nobody to sign in."""
    await there.user("ann")
    with monkeypatch.context() as patched:
        patched.setattr("signalbox.security.accounts.store.users.any_exist", _away)
        with pytest.raises(DatabaseUnreachable):
            await here.accounts.changes.refresh()
    assert not here.accounts.identities.has_users
    await here.accounts.changes.refresh()
    assert here.accounts.identities.has_users


async def test_a_change_that_is_made_stands_although_nobody_could_be_told(
    here: Process, time: Time, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = password()
    ann = await here.user("ann", password=right)
    secret = await here.sign_in("ann", right)
    session = (await here.actor(secret)).session
    assert session is not None
    async with watching(here, time) as feed:
        page = feed.subscribe([keys.session(session)])
        with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
            patched.setattr("signalbox.security.accounts.store.sessions.still_valid_ids", _away)
            assert await here.did(lambda permit: here.accounts.sessions.end_all(permit, ann.id)) == 1
            assert "accounts changed, but not every cache could be refreshed yet" in caplog.text
            assert await here.accounts.identities.by_session(secret) is None
            assert page.take() == {}
        assert await heard(page)


async def test_a_server_that_is_away_for_a_while_is_asked_again(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    async with postgres_server({"fsync": "off"}) as server:
        if server.process is None:
            pytest.fail("this test stops PostgreSQL: unset SIGNALBOX_POSTGRES_URL to have one started")
        database = Database(settings(server.url))
        await database.upgrade()
        here = process(database, time)
        session, token = await made(here, "ann")
        right = password()
        await here.user("bob", password=right)
        cookie = await here.sign_in("bob", right)
        assert await here.accounts.identities.by_session(cookie) is not None
        async with watching(here, time) as feed:
            page = feed.subscribe([session, token])
            with caplog.at_level(logging.WARNING):
                await server.stop()
                await eventually(lambda: _said(caplog, "cannot read accounts"))
            assert await here.accounts.identities.by_session(cookie) is not None  # what was known holds
            time.now += 30 * 3600
            assert page.take() == {}  # unknown is not ended
            await server.start()
            assert await heard(page) == {session: feed.version(session), token: feed.version(token)}
        await database.close()


async def _away(*_: object, **__: object) -> frozenset[int]:
    raise DatabaseUnreachable("the database", "cannot be reached", "Wait.")


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    assert words in caplog.text

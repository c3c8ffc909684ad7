"""The PostgreSQL server of the tests itself: that what we say of it is what it does."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from signalbox.servers import postgres as module
from signalbox.servers.postgres import PostgresServer, alive, postgres_server
from signalbox.servers.process import ServerFailed
from tests.support.postgres import plain


@pytest.fixture(scope="module")
async def own() -> AsyncIterator[PostgresServer]:
    async with postgres_server({"work_mem": "7MB"}) as server:
        yield server


async def test_it_has_the_version_and_settings_that_were_asked_for_and_needs_its_password(own: PostgresServer) -> None:
    connection = await asyncpg.connect(plain(own.url))
    assert (await connection.fetchval("SHOW server_version")).split()[0] == own.version
    assert await connection.fetchval("SHOW work_mem") == "7MB"
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(plain(own.url), password="wrong")


async def test_a_kill_ends_every_backend_and_what_was_committed_is_there_after_a_start(own: PostgresServer) -> None:
    connection = await asyncpg.connect(plain(own.url))
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (41), (1)")
    backend = await connection.fetchval("SELECT pg_backend_pid()")

    await own.kill()

    assert not alive(backend)
    await own.start()
    again = await asyncpg.connect(plain(own.url))
    assert await again.fetchval("SELECT sum(n) FROM kept") == 42
    await again.close()
    connection.terminate()


async def test_while_paused_it_answers_nothing_and_after_resume_it_answers_the_same_question(
    own: PostgresServer,
) -> None:
    connection = await asyncpg.connect(plain(own.url))
    own.pause()
    try:
        question = asyncio.ensure_future(connection.fetchval("SELECT 42"))
        done, _ = await asyncio.wait([question], timeout=0.3)
        assert not done
    finally:
        own.resume()
    assert await asyncio.wait_for(question, 10) == 42
    await connection.close()


async def test_each_test_has_an_empty_database_of_its_own(postgres: PostgresServer, postgres_url: str) -> None:
    assert postgres_url != postgres.url
    connection = await asyncpg.connect(plain(postgres_url))
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def test_a_server_that_was_given_is_used_and_never_disturbed(
    monkeypatch: pytest.MonkeyPatch, own: PostgresServer
) -> None:
    monkeypatch.setenv(module.ADDRESS, plain(own.url))
    async with postgres_server() as given:
        assert given.url == own.url
        with pytest.raises(ServerFailed, match="not ours"):
            await given.kill()
    connection = await asyncpg.connect(plain(own.url))
    await connection.close()


async def test_without_the_wheel_debians_package_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    async with postgres_server() as server:
        assert server.origin == "Debian's package postgresql"
        connection = await asyncpg.connect(plain(server.url))
        assert (await connection.fetchval("SHOW server_version")).split()[0] == server.version
        await connection.close()

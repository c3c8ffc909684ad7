"""The PostgreSQL server that the tests start."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from signalbox.servers import postgres as module
from signalbox.servers.postgres import PostgresServer, is_alive, postgres_server
from signalbox.servers.process import ServerFailed
from tests.support.postgres import plain


@pytest.fixture(scope="module")
async def own_server() -> AsyncIterator[PostgresServer]:
    async with postgres_server({"work_mem": "7MB"}) as server:
        yield server


async def test_server_has_the_requested_settings_and_requires_its_password(own_server: PostgresServer) -> None:
    connection = await asyncpg.connect(plain(own_server.url))
    assert (await connection.fetchval("SHOW server_version")).split()[0] == own_server.version
    assert await connection.fetchval("SHOW work_mem") == "7MB"
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(plain(own_server.url), password="wrong")


async def test_kill_ends_every_backend_and_keeps_committed_rows(own_server: PostgresServer) -> None:
    connection = await asyncpg.connect(plain(own_server.url))
    await connection.execute("CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (41), (1)")
    backend = await connection.fetchval("SELECT pg_backend_pid()")

    await own_server.kill()

    assert not is_alive(backend)
    await own_server.start()
    again = await asyncpg.connect(plain(own_server.url))
    assert await again.fetchval("SELECT sum(n) FROM numbers") == 42
    await again.close()
    connection.terminate()


async def test_a_paused_server_answers_the_pending_query_after_resume(
    own_server: PostgresServer,
) -> None:
    connection = await asyncpg.connect(plain(own_server.url))
    own_server.pause()
    try:
        query = asyncio.ensure_future(connection.fetchval("SELECT 42"))
        done, _ = await asyncio.wait([query], timeout=0.3)
        assert not done
    finally:
        own_server.resume()
    assert await asyncio.wait_for(query, 10) == 42
    await connection.close()


async def test_each_test_gets_its_own_empty_database(postgres: PostgresServer, postgres_url: str) -> None:
    assert postgres_url != postgres.url
    connection = await asyncpg.connect(plain(postgres_url))
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


async def test_an_external_server_is_used_and_cannot_be_killed(
    monkeypatch: pytest.MonkeyPatch, own_server: PostgresServer
) -> None:
    monkeypatch.setenv(module.ADDRESS, plain(own_server.url))
    async with postgres_server() as external:
        assert external.url == own_server.url
        with pytest.raises(ServerFailed, match="external server"):
            await external.kill()
    connection = await asyncpg.connect(plain(own_server.url))
    await connection.close()


async def test_the_debian_package_is_used_without_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    async with postgres_server() as server:
        assert server.origin == "Debian's package postgresql"
        connection = await asyncpg.connect(plain(server.url))
        assert (await connection.fetchval("SHOW server_version")).split()[0] == server.version
        await connection.close()

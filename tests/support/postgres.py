"""PostgreSQL for tests: one server for the whole run, and a new, empty database for each test that asks."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr

from signalbox.servers.postgres import PostgresServer, postgres_server
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.servers import record_server, require_server


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """The server of this run. A test that stops, kills or pauses it starts its own (`postgres_server`)."""
    require_server("postgres")
    async with postgres_server({"fsync": "off", "full_page_writes": "off", "max_connections": "200"}) as server:
        record_server("PostgreSQL", server.version or await _version(server.url), server.origin)
        yield server


@pytest.fixture(scope="session")
async def postgres_template(postgres: PostgresServer) -> str:
    """The name of a migrated database without connections: copying it is twice as fast as migrating an empty one."""
    name = "migrated"
    await _run(postgres.url, f"CREATE DATABASE {name}")
    database = Database(DatabaseSettings(url=SecretStr(_url(postgres, name))))
    await database.upgrade()
    await database.close()
    return name


@pytest.fixture
async def postgres_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """The address of an empty database of this test's own."""
    async with new_database(postgres) as url:
        yield url


@pytest.fixture
async def migrated_postgres_url(postgres: PostgresServer, postgres_template: str) -> AsyncIterator[str]:
    """The address of a migrated database of this test's own."""
    async with new_database(postgres, postgres_template) as url:
        yield url


@asynccontextmanager
async def new_database(server: PostgresServer, template: str = "template1") -> AsyncIterator[str]:
    """Yield the address of a new database; drop it afterwards, even while clients are connected."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(server.url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _url(server, name)
    await _run(server.url, f"DROP DATABASE {name} WITH (FORCE)")


def _url(server: PostgresServer, database: str) -> str:
    return server.url.rpartition("/")[0] + f"/{database}"


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _version(url: str) -> str:
    connection = await asyncpg.connect(plain(url))
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def plain(url: str) -> str:
    """Return the address as PostgreSQL's own clients take it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)

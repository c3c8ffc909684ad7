"""PostgreSQL for tests: one server for the whole run, and a new, empty database for each test that asks."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from signalbox.servers.postgres import PostgresServer, postgres_server
from tests.support.servers import ran_against, wanted_here


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """The server of this run. A test that stops, kills or pauses it starts its own (`postgres_server`)."""
    wanted_here("postgres")
    async with postgres_server({"fsync": "off", "full_page_writes": "off", "max_connections": "200"}) as server:
        ran_against("PostgreSQL", server.version or await _version(server.url), server.origin)
        yield server


@pytest.fixture
async def postgres_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """The address of an empty database of this test's own."""
    async with empty_database(postgres) as url:
        yield url


@asynccontextmanager
async def empty_database(server: PostgresServer) -> AsyncIterator[str]:
    """Give the address of a new database, dropped afterwards whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    await _run(server.url, f"CREATE DATABASE {name}")
    yield server.url.rpartition("/")[0] + f"/{name}"
    await _run(server.url, f"DROP DATABASE {name} WITH (FORCE)")


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

"""The demo as a new user runs it: alive within seconds, true figures, one at a time, and it leaves nothing behind."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from signalbox.servers.process import ServerProcess, free_port
from tests.support.commands import signalbox
from tests.support.serving import COMMAND
from tests.support.waiting import eventually


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, httpx.AsyncClient]]:
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=2.0) as client:

        async def ready() -> bool:
            try:
                return (await client.get("/health/ready")).is_success
            except httpx.HTTPError:
                return False

        process = ServerProcess(
            name="demo",
            argv=[str(COMMAND), "demo", "--port", str(port)],
            folder=tmp_path,
            ready=ready,
        )
        await process.start()
        try:
            yield process, client
        finally:
            await process.stop()


async def test_the_demo_shows_lag_of_messages_really_read_and_ends_with_nothing_left(
    demo: tuple[ServerProcess, httpx.AsyncClient], tmp_path: Path
) -> None:
    process, client = demo

    async def figures() -> dict[str, dict[str, float | None]]:
        rows = (await client.get("/api/v1/groups")).json()["items"]
        assert {row["name"] for row in rows} == {
            "orders/invoice-writer",
            "orders/search-indexer",
            "orders/label-printer",
        }
        return {row["name"]: row["flow"] for row in rows}

    async def flows() -> None:
        rates = [flow["rate_out"] for flow in (await figures()).values()]
        assert all(rate is not None and rate > 0 for rate in rates)

    async def falls_behind() -> None:
        assert ((await figures())["orders/search-indexer"]["lag"] or 0) > 0

    await eventually(flows, within_s=40)
    await eventually(falls_behind, within_s=60)
    assert (await client.get("/")).is_success

    second = await signalbox("demo", "--port", str(free_port()), folder=tmp_path)
    assert second.code == 2
    assert "already runs" in second.err

    children = psutil.Process(process.pid).children(recursive=True)
    assert any("nats-server" in " ".join(child.cmdline()) for child in children)
    psutil.Process(process.pid).send_signal(signal.SIGTERM)

    async def ended() -> None:
        assert not process.running()
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)

    await eventually(ended, within_s=15)
    assert "Traceback" not in await asyncio.to_thread(process.log.read_text)


async def test_a_broker_that_cannot_be_started_names_the_line_that_installs_it(tmp_path: Path) -> None:
    ran = await signalbox("demo", "--with", "kafka", folder=tmp_path, environment={"PATH": str(tmp_path)})
    assert ran.code == 2
    assert "apt-get install" in ran.err
    assert "Traceback" not in ran.all


async def test_an_unknown_broker_is_named(tmp_path: Path) -> None:
    ran = await signalbox("demo", "--with", "kafak", folder=tmp_path)
    assert ran.code == 2
    assert "'kafak' is none of kafka, rabbitmq, nats, sqs" in ran.err

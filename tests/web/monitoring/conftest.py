"""The pages while several things go wrong."""

from collections.abc import AsyncIterator

import pytest

from tests.web.sites import WebClient, simulate_failures, simulation_in, web_client


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebClient]:
    async with simulation_in(tmp_path_factory.mktemp("failures")) as simulation:
        await simulate_failures(simulation)
        async with web_client(simulation) as client:
            yield client

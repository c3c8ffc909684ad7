"""The pages of a night in which several things go wrong."""

from collections.abc import AsyncIterator

import pytest

from tests.web.sites import WebClient, night, simulation_in, web_client


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebClient]:
    async with simulation_in(tmp_path_factory.mktemp("night")) as simulation:
        await night(simulation)
        async with web_client(simulation) as client:
            yield client

"""The pages of a night in which several things go wrong."""

from collections.abc import AsyncIterator

import pytest

from tests.web.sites import WebClient, estate_in, night, web_client


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebClient]:
    async with estate_in(tmp_path_factory.mktemp("night")) as estate:
        await night(estate)
        async with web_client(estate) as client:
            yield client

"""The SQS servers of the tests, and a plain botocore client to compare with: the oracle, none of Signalbox's code."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import get_session

from app.servers.sqs import SqsServer, moto_server, sqs_server

KEY_ID, SECRET = "AKIDTESTTESTTEST", "canary-secret-key-1f0c"


@pytest.fixture(scope="session")
async def elasticmq() -> AsyncIterator[SqsServer]:
    async with sqs_server() as server:
        yield server


@pytest.fixture(scope="session")
async def moto() -> AsyncIterator[SqsServer]:
    async with moto_server() as server:
        yield server


def plain_client(endpoint: str) -> Any:  # noqa: ANN401 - botocore's clients have no types
    return get_session().create_client(
        "sqs",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )

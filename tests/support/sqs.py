"""The SQS servers of the tests, a plain botocore client as the oracle, and an endpoint that answers what it is told to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import get_session

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.servers.sqs import SqsServer, moto_server, sqs_server
from tests.support.servers import record_server, require_server

KEY_ID, SECRET = "AKIDTESTTESTTEST", "canary-secret-key-1f0c"
REGION = "eu-west-1"


@pytest.fixture(scope="session")
async def elasticmq() -> AsyncIterator[SqsServer]:
    require_server("sqs")
    async with sqs_server() as server:
        record_server("ElasticMQ", server.version or "(not told)", server.origin)
        yield server


@pytest.fixture(scope="session")
async def moto() -> AsyncIterator[SqsServer]:
    require_server("sqs")
    async with moto_server() as server:
        record_server("moto", server.version or "(not told)", server.origin)
        yield server


def opened(endpoint: str, **overrides: object) -> SqsBroker:
    """An adapter for that endpoint, not yet connected."""
    given: dict[str, object] = {
        "name": "sqs-test",
        "kind": BrokerKind.SQS,
        "region": REGION,
        "endpoint_url": endpoint,
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
    }
    return SqsBroker(SqsSettings.model_validate(given | overrides))


def plain_client(endpoint: str) -> Any:  # noqa: ANN401 - botocore's clients have no types
    return get_session().create_client(
        "sqs",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the stub says to one request."""

    status: int = 200
    body: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(code: str, text: str, *, status: int = 400, query_code: str | None = None) -> Answer:
    """An error as SQS's JSON protocol writes it; `query_code` is the old protocol's name, in a header."""
    headers = {"x-amzn-query-error": f"{query_code};Sender"} if query_code else {}
    return Answer(status=status, body={"__type": f"com.amazonaws.sqs#{code}", "message": text}, headers=headers)


Answering = Callable[[str, Mapping[str, Any]], Answer]


class SqsStub:
    """Speaks SQS's HTTP: `answer(action, parameters)` decides. Real servers check neither keys nor rights."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.at_once = 0
        self.at_once_most = 0
        self.endpoint = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["SqsStub"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                action, parameters = await self._request(reader)
                self.asked.append(action)
                self.at_once += 1
                self.at_once_most = max(self.at_once, self.at_once_most)
                await asyncio.sleep(0)  # so that what came together is counted together
                self._write(writer, self.answer(action, parameters))
                await writer.drain()
                self.at_once -= 1
        writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> tuple[str, Mapping[str, Any]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.splitlines()[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return headers["x-amz-target"].rpartition(".")[2], json.loads(body)

    def _write(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        lines = [f"HTTP/1.1 {answer.status} Said", "Content-Type: application/x-amz-json-1.0"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in answer.headers.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

"""The open connection: calls by name, and the address of each queue."""

import asyncio
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing, InvalidName
from signalbox.brokers.sqs.settings import QUEUE_NAME, SqsSettings

if TYPE_CHECKING:
    from signalbox.brokers.sqs.client import Client

if find_spec("aiobotocore") is None:  # the registry says which extra has it
    raise ModuleNotFoundError("aiobotocore is not installed", name="aiobotocore")


class Account:
    """One account in one region, as these settings sign in to it."""

    def __init__(self, settings: SqsSettings) -> None:
        self.settings = settings
        self._client: Client | None = None
        self._urls: dict[str, str] = {}

    async def open(self, *, timeout_s: float) -> None:
        """Sign in anew; what was open is closed.

        Raises:
            BrokerError: see client.py.
        """
        await self.close()
        module = await asyncio.to_thread(import_module, "signalbox.brokers.sqs.client")
        client: Client = module.Client(self.settings)
        try:
            await client.open(timeout_s=timeout_s)
        except BaseException:
            await client.close()
            raise
        self._client = client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(
        self, operation: str, *, timeout_s: float | None = None, once: bool = False, **parameters: object
    ) -> dict[str, Any]:
        """Ask SQS; `once` forbids to send it a second time.

        Raises:
            BrokerError: what it refused; BrokerTimeout after `timeout_s` (the connection's own unless given).
        """
        if self._client is None:
            raise BrokerUnavailable(self.settings.name, "it is not connected.", "Connect first.")
        return await self._client.call(operation, parameters, timeout_s=timeout_s or self.settings.timeout_s, once=once)

    async def url(self, queue: str, *, timeout_s: float | None = None) -> str:
        """Return the queue's address, asked for once.

        Raises:
            InvalidName: no queue can have that name.
            DestinationMissing: there is no such queue.
        """
        if queue not in self._urls:
            if not QUEUE_NAME.fullmatch(queue):
                raise InvalidName(
                    self.settings.name,
                    f"no SQS queue can be named {queue!r}.",
                    "Use letters, digits, - and _, at most 80; a FIFO queue's name ends with .fifo.",
                )
            try:
                answer = await self.call("get_queue_url", timeout_s=timeout_s, QueueName=queue)
            except DestinationMissing:
                raise DestinationMissing(self.settings.name, f"there is no queue {queue}.") from None
            self._urls[queue] = str(answer["QueueUrl"])
        return self._urls[queue]

    def learn(self, urls: Iterable[str]) -> set[str]:
        """Keep the addresses of a list and return the queues' names: the last part of each."""
        named = {url.rpartition("/")[2]: url for url in urls}
        self._urls.update(named)
        return set(named)

    def forget(self, queue: str) -> None:
        self._urls.pop(queue, None)

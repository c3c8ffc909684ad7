"""The open connection: calls SQS operations by name and keeps each queue's URL."""

import asyncio
import os
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing, InvalidName
from signalbox.brokers.sqs.settings import QUEUE_NAME, SqsSettings

if TYPE_CHECKING:
    from signalbox.brokers.sqs.client import Client

if find_spec("aiobotocore") is None:  # the registry then names the extra to install
    raise ModuleNotFoundError("aiobotocore is not installed", name="aiobotocore")


def configured_endpoint(settings: SqsSettings) -> str | None:
    """Return the endpoint that the settings or the environment name. A profile's is known after the first connect."""
    if settings.endpoint_url is not None:
        return settings.endpoint_url
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL") or None


class SqsConnection:
    """One account in one region."""

    def __init__(self, settings: SqsSettings) -> None:
        self.settings = settings
        self.endpoint = configured_endpoint(settings)  # None: Amazon's; after the first connect what the client uses
        self.region = settings.region
        self._client: Client | None = None
        self._urls: dict[str, str] = {}

    async def open(self, *, timeout_s: float) -> None:
        """Close the old client and sign in with a new one. Raises BrokerError."""
        await self.close()
        module = await asyncio.to_thread(import_module, "signalbox.brokers.sqs.client")
        client: Client = module.Client(self.settings)
        try:
            await client.open(timeout_s=timeout_s)
        except BaseException:
            await client.close()
            raise
        self._client, self.endpoint, self.region = client, client.endpoint, client.region

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(
        self, operation: str, *, timeout_s: float | None = None, once: bool = False, **parameters: object
    ) -> dict[str, Any]:
        """Call an SQS operation; `once` never sends it a second time. Raises as client.py; default: the settings' timeout."""
        if self._client is None:
            raise BrokerUnavailable(self.settings.name, "The connection is not open.", "Connect first.")
        return await self._client.call(operation, parameters, timeout_s=timeout_s or self.settings.timeout_s, once=once)

    async def queue_url(self, queue: str, *, timeout_s: float | None = None) -> str:
        """Return the queue's URL from the cache, or from SQS.

        Raises InvalidName if no queue can have this name, DestinationMissing if there is no such queue.
        """
        if queue not in self._urls:
            if not QUEUE_NAME.fullmatch(queue):
                hint = "Use at most 80 letters, digits, - and _; the name of a FIFO queue ends with .fifo."
                raise InvalidName(self.settings.name, f"SQS does not allow the queue name {queue!r}.", hint)
            try:
                answer = await self.call("get_queue_url", timeout_s=timeout_s, QueueName=queue)
            except DestinationMissing:
                raise DestinationMissing(self.settings.name, f"There is no queue {queue}.") from None
            self._urls[queue] = str(answer["QueueUrl"])
        return self._urls[queue]

    def add_urls(self, urls: Iterable[str]) -> set[str]:
        """Cache these queue URLs and return the queue names: the last part of each URL."""
        by_name = {url.rpartition("/")[2]: url for url in urls}
        self._urls.update(by_name)
        return set(by_name)

    def forget(self, queue: str) -> None:
        self._urls.pop(queue, None)

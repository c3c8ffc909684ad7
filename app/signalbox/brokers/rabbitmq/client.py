"""Requests to the management API: similar ones run concurrently, each failure is noted by resource."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing
from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.http import HttpApi, quote_segment
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.kernel.clock import Clock

LISTING_S = 15.0  # time limit of a listing
CONCURRENT_REQUESTS = 8

Item = TypeVar("Item")
T = TypeVar("T")


class ManagementClient:
    """Client of the management API. `errors` holds the partial failures of the last run of each kind of request, by resource."""

    def __init__(self, settings: RabbitSettings, clock: Clock) -> None:
        self.settings = settings
        self.api = HttpApi(settings, settings.management, clock, login=True)
        self.errors: dict[str, Mapping[str, BrokerError]] = {}

    async def gather(self, kind: str, items: Mapping[str, Item], request: Callable[[Item], Awaitable[T]]) -> list[T]:
        """Run `request` for each item, keyed by its resource name, and return the successful results.

        Raises:
            BrokerError: all requests failed; the first error.
        """
        gate = asyncio.Semaphore(CONCURRENT_REQUESTS)
        results: list[T] = []
        failures: dict[str, BrokerError] = {}

        async def run(resource: str, item: Item) -> None:
            async with gate:
                try:
                    results.append(await request(item))
                except BrokerError as error:
                    failures[resource] = error

        async with asyncio.TaskGroup() as group:
            for resource, item in items.items():
                group.create_task(run(resource, item))
        self.errors[kind] = failures
        if failures and not results:
            raise next(iter(failures.values()))
        return results

    async def gather_vhosts(self, kind: str, request: Callable[[str], Awaitable[T]]) -> list[T]:
        return await self.gather(kind, by_resource("virtual host", self.settings.vhosts, str), request)

    async def queue_rows(self, vhost: str, query: str = "") -> list[rows.QueueRow]:
        """Return a complete listing of the queues of a virtual host."""
        path = f"/api/queues/{quote_segment(vhost)}{query}"
        try:
            body = await self.api.get(path, limit_s=LISTING_S)
        except DestinationMissing as error:
            raise DestinationMissing(
                self.settings.name, f"Virtual host {vhost} does not exist.", "Check vhosts."
            ) from error
        with self.api.decoding(path):
            listed, invalid = await rows.queue_rows(body)
        self.note_invalid(f"queue rows of virtual host {vhost}", invalid)
        return listed

    async def rows(self, path: str, *, limit_s: float) -> list[Mapping[str, object]]:
        """Return the rows of any other listing."""
        body = await self.api.get(path, limit_s=limit_s)
        with self.api.decoding(path):
            return await rows.mappings(body)

    def note_invalid(self, what: str, count: int) -> None:
        """Note how many rows or lines of an answer could not be decoded."""
        error = BrokerUnavailable(self.settings.name, f"Cannot decode {count} {what}.")
        self.errors[what] = {what: error} if count else {}


def by_resource(prefix: str, items: Iterable[Item], name: Callable[[Item], str]) -> dict[str, Item]:
    """Return the items keyed by resource name, such as "queue orders"."""
    return {f"{prefix} {name(item)}": item for item in items}

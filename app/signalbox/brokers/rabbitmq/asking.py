"""How several like questions are asked: some at once, each failure noted for itself, an error only when all failed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from signalbox.brokers.errors import BrokerError, BrokerUnavailable
from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.management import WebApi, path_part
from signalbox.brokers.rabbitmq.settings import RabbitSettings

LISTING_S = 15.0  # limit of a listing
AT_ONCE = 8

Item = TypeVar("Item")
T = TypeVar("T")


class Asker:
    """Asks the management API. `errors` has, per kind of question, what failed alone when it was asked last."""

    def __init__(self, settings: RabbitSettings) -> None:
        self.settings = settings
        self.api = WebApi(settings, settings.management, login=True)
        self.errors: dict[str, Mapping[str, BrokerError]] = {}

    async def each(self, kind: str, asked: Mapping[str, Item], ask: Callable[[Item], Awaitable[T]]) -> list[T]:
        """Ask for each, named by its resource; return the answers.

        Raises:
            BrokerError: all failed; the first error.
        """
        gate = asyncio.Semaphore(AT_ONCE)
        answers: list[T] = []
        failed: dict[str, BrokerError] = {}

        async def one(resource: str, item: Item) -> None:
            async with gate:
                try:
                    answers.append(await ask(item))
                except BrokerError as error:
                    failed[resource] = error

        async with asyncio.TaskGroup() as group:
            for resource, item in asked.items():
                group.create_task(one(resource, item))
        self.errors[kind] = failed
        if failed and not answers:
            raise next(iter(failed.values()))
        return answers

    async def each_vhost(self, kind: str, ask: Callable[[str], Awaitable[T]]) -> list[T]:
        return await self.each(kind, {f"virtual host {vhost}": vhost for vhost in self.settings.vhosts}, ask)

    async def queue_rows(self, vhost: str, query: str = "") -> list[rows.QueueRow]:
        """Return a whole listing of a virtual host's queues."""
        path = f"/api/queues/{path_part(vhost)}{query}"
        found, broken = await self.understood(path, rows.queue_rows(await self.api.get(path, limit_s=LISTING_S)))
        self.note_broken(f"rows about queues of virtual host {vhost}", broken)
        return found

    async def rows(self, path: str, *, limit_s: float) -> list[Mapping[str, object]]:
        """Return the rows of any other listing."""
        return await self.understood(path, rows.mappings(await self.api.get(path, limit_s=limit_s)))

    async def understood(self, path: str, decoding: Awaitable[T]) -> T:
        """Say in our words that an answer was not what RabbitMQ answers."""
        try:
            return await decoding
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.api.decode_error(path) from error

    def note_broken(self, what: str, count: int) -> None:
        text = f"{count} {what} could not be understood."
        self.errors[what] = {what: BrokerUnavailable(self.settings.name, text)} if count else {}


def unique(prefix: str, items: Iterable[Item], named: Callable[[Item], str]) -> dict[str, Item]:
    """Return the items by the name of the resource that each is."""
    return {f"{prefix} {named(item)}": item for item in items}

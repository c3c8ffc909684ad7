"""The list of queues: refreshed every five minutes, and sooner while a queue is missing.

A queue is gone after two lists without it, or after three readings in a row that SQS answers with "does not exist", whatever the
lists say: Amazon's may be a minute old.
"""

from collections.abc import Iterable
from typing import Any

from signalbox.brokers.errors import BrokerError, DestinationMissing, PermissionMissing
from signalbox.brokers.model import Fault, Why
from signalbox.brokers.sqs.connection import SqsConnection
from signalbox.brokers.sqs.throttling import Throttle

LIST_EVERY_S = 300.0
LISTS_TO_BE_GONE = 2  # SQS's lists may be a minute old: one list without a queue proves nothing
ANSWERS_TO_BE_GONE = 3
PAGE = 1000  # without MaxResults SQS returns at most 1,000 queues and no NextToken
PAGES_MOST = 200


class QueueList:
    """The queue names, from ListQueues or the configuration, and the queues that are gone."""

    def __init__(self, connection: SqsConnection, throttle: Throttle) -> None:
        self._connection = connection
        self._throttle = throttle
        self._listed_at: float | None = None  # monotonic seconds
        self._absences: dict[str, int] = {}  # consecutive lists without a known queue
        self._missing: dict[str, int] = {}  # consecutive answers "does not exist"
        self._gone: set[str] = set()
        self.names: set[str] = set()
        self.faults: list[Fault] = []  # from the last list

    def due(self, now: float) -> bool:
        """Return whether to refresh. An empty list is always due, so that the account's fault is reported."""
        if self._listed_at is None or not self.names or self._absences or self._missing:
            return True
        return now - self._listed_at >= LIST_EVERY_S

    async def refresh(self, now: float, *, timeout_s: float | None = None) -> None:
        """List the queues. A queue is gone if two lists lack it and it did not answer in between.

        Raises BrokerError if the list failed; nothing has changed.
        """
        listed = await (self._find_configured(timeout_s) if self._connection.settings.queues else self._list(timeout_s))
        self._listed_at = now
        self._compare(listed)

    def add_list_fault(self, error: BrokerError) -> None:
        """Keep the known names and report that the list failed."""
        why = Why.NOT_PERMITTED if isinstance(error, PermissionMissing) else Why.NO_ANSWER
        self.faults = [Fault(resource="list of queues", why=why, detail=f"{error.problem} {error.hint}".strip())]

    def add(self, names: Iterable[str]) -> None:
        """Add queues that were just created, without waiting for a list."""
        self.names.update(names)

    def mark_present(self, name: str) -> None:
        self._absences.pop(name, None)
        self._missing.pop(name, None)
        self._gone.discard(name)

    def mark_missing(self, name: str) -> None:
        """SQS answered "does not exist": refresh soon, and ask for the queue's URL again."""
        self._missing[name] = self._missing.get(name, 0) + 1
        self._connection.forget(name)
        if self._missing[name] == ANSWERS_TO_BE_GONE:
            self._gone.add(name)

    def take_gone(self) -> frozenset[str]:
        """Return the queues that have gone since the last call."""
        gone, self._gone = frozenset(self._gone), set()
        return gone

    def _compare(self, listed: set[str]) -> None:
        for name in self.names - listed:
            self._absences[name] = self._absences.get(name, 0) + 1
        for name in listed:
            self._absences.pop(name, None)
        self._gone |= {name for name, lists in self._absences.items() if lists >= LISTS_TO_BE_GONE}
        self._gone -= {name for name in listed if self._missing.get(name, 0) < ANSWERS_TO_BE_GONE}
        self.names |= listed
        self.names -= self._gone - listed
        self._missing = {name: answers for name, answers in self._missing.items() if name in self.names}
        for name in self._gone:
            self._absences.pop(name, None)
            self._connection.forget(name)

    async def _list(self, timeout_s: float | None) -> set[str]:
        parameters: dict[str, Any] = {"MaxResults": PAGE}
        if self._connection.settings.prefix:
            parameters["QueueNamePrefix"] = self._connection.settings.prefix
        names: set[str] = set()
        for _ in range(PAGES_MOST):
            try:
                page = await self._connection.call("list_queues", timeout_s=timeout_s, **parameters)
            except PermissionMissing as error:
                hint = "Allow sqs:ListQueues, or list the queues in the connection: queues = [...]."
                raise PermissionMissing(error.connection, error.problem, hint) from None
            names |= self._connection.add_urls(page.get("QueueUrls", ()))
            token = page.get("NextToken")
            if not token or token == parameters.get("NextToken"):
                break
            parameters["NextToken"] = token
        self.faults = []
        return names

    async def _find_configured(self, timeout_s: float | None) -> set[str]:
        """Return the configured queues that exist. Needs sqs:GetQueueUrl only."""
        names: set[str] = set()
        faults: list[Fault] = []

        async def find(name: str) -> None:
            self._connection.forget(name)
            try:
                await self._connection.queue_url(name, timeout_s=timeout_s)
            except DestinationMissing as error:
                faults.append(Fault(resource=f"queue {name}", why=Why.NO_ANSWER, detail=error.problem))
            except PermissionMissing as error:
                faults.append(not_permitted_fault(name, "sqs:GetQueueUrl", error))
                names.update({name} & self.names)  # a lost permission does not mean that the queue is gone
            else:
                names.add(name)

        await self._throttle.for_each(self._connection.settings.queues, find)
        self.faults = faults
        return names


def not_permitted_fault(name: str, permission: str, error: PermissionMissing) -> Fault:
    """Return the fault for a queue that exists but that this user may not read."""
    detail = f"{permission} is missing. {error.problem}"
    return Fault(resource=f"queue {name}", why=Why.NOT_PERMITTED, detail=detail, group=name, destination=name)

"""Which queues there are: listed each five minutes, and sooner while one of them is missing."""

from collections.abc import Iterable
from typing import Any

from signalbox.brokers.errors import BrokerError, DestinationMissing, NotPermitted
from signalbox.brokers.model import Fault, Why
from signalbox.brokers.sqs.account import Account
from signalbox.brokers.sqs.throttling import Pace

LIST_EVERY_S = 300.0
LISTS_TO_BE_GONE = 2  # one list without a name proves nothing: SQS's lists may be a minute old
PAGE = 1000  # without it SQS gives at most 1,000 and no token to go on with
PAGES_MOST = 200


class QueueList:
    """The names, from ListQueues or the configuration, and which of them are gone."""

    def __init__(self, account: Account, pace: Pace) -> None:
        self._account = account
        self._pace = pace
        self._listed_at: float | None = None  # monotonic seconds
        self._absent: dict[str, int] = {}  # lists without a queue that we know
        self._missing: set[str] = set()  # SQS said that they do not exist
        self._gone: set[str] = set()
        self.names: set[str] = set()
        self.faults: list[Fault] = []  # of the last list

    def due(self, now: float) -> bool:
        """Say whether to list: also whenever nothing is known, so that an empty account's fault is seen."""
        if self._listed_at is None or not self.names or self._absent or self._missing:
            return True
        return now - self._listed_at >= LIST_EVERY_S

    async def refresh(self, now: float, *, timeout_s: float | None = None) -> None:
        """List. A queue that two lists did not have, and that did not answer meanwhile, is gone.

        Raises:
            BrokerError: the list was refused; nothing is changed.
        """
        listed = await (self._configured(timeout_s) if self._account.settings.queues else self._list(timeout_s))
        self._listed_at = now
        self._compare(listed)

    def unlisted(self, error: BrokerError) -> None:
        """Go on with the names that are known."""
        why = Why.NOT_PERMITTED if isinstance(error, NotPermitted) else Why.NO_ANSWER
        self.faults = [Fault(resource="the list of queues", why=why, detail=f"{error.problem} {error.hint}".strip())]

    def expect(self, names: Iterable[str]) -> None:
        """These were just made: show them without waiting for a list."""
        self.names.update(names)

    def answered(self, name: str) -> None:
        self._absent.pop(name, None)
        self._missing.discard(name)

    def missing(self, name: str) -> None:
        """SQS says that there is no such queue: list again soon, which decides."""
        self._missing.add(name)

    def take_gone(self) -> frozenset[str]:
        """Return those that went since this was asked last."""
        gone, self._gone = frozenset(self._gone), set()
        return gone

    def _compare(self, listed: set[str]) -> None:
        for name in self.names - listed:
            self._absent[name] = self._absent.get(name, 0) + 1
        for name in listed:
            self._absent.pop(name, None)
        self._gone |= {name for name, lists in self._absent.items() if lists >= LISTS_TO_BE_GONE}
        self._gone -= listed
        self.names |= listed
        self.names -= self._gone
        self._missing &= self.names
        for name in self._gone:
            self._absent.pop(name, None)
            self._account.forget(name)

    async def _list(self, timeout_s: float | None) -> set[str]:
        asked: dict[str, Any] = {"MaxResults": PAGE}
        if self._account.settings.prefix:
            asked["QueueNamePrefix"] = self._account.settings.prefix
        names: set[str] = set()
        for _ in range(PAGES_MOST):
            try:
                page = await self._account.call("list_queues", timeout_s=timeout_s, **asked)
            except NotPermitted as refused:
                do = "Allow sqs:ListQueues, or name the queues in the connection: queues = [...]."
                raise NotPermitted(refused.connection, refused.problem, do) from None
            names |= self._account.learn(page.get("QueueUrls", ()))
            token = page.get("NextToken")
            if not token or token == asked.get("NextToken"):
                break
            asked["NextToken"] = token
        self.faults = []
        return names

    async def _configured(self, timeout_s: float | None) -> set[str]:
        """Ask for each configured queue's address: needs sqs:GetQueueUrl only."""
        names: set[str] = set()
        faults: list[Fault] = []

        async def one(name: str) -> None:
            self._account.forget(name)
            try:
                await self._account.url(name, timeout_s=timeout_s)
            except DestinationMissing as error:
                faults.append(Fault(resource=f"queue {name}", why=Why.NO_ANSWER, detail=error.problem))
            except NotPermitted as error:
                faults.append(not_permitted(name, "sqs:GetQueueUrl", error))
                names.update({name} & self.names)  # a lost right does not make it gone
            else:
                names.add(name)

        await self._pace.each(self._account.settings.queues, one)
        self.faults = faults
        return names


def not_permitted(name: str, right: str, error: NotPermitted) -> Fault:
    """The queue is there and this user may not ask about it."""
    detail = f"{right} is missing. {error.problem}"
    return Fault(resource=f"queue {name}", why=Why.NOT_PERMITTED, detail=detail, group=name, destination=name)

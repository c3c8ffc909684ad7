"""The list of queues: one list without a queue proves nothing, and every page counts."""

from typing import Any

import pytest

from signalbox.brokers.sqs.connection import SqsConnection
from signalbox.brokers.sqs.queue_list import LIST_EVERY_S, QueueList
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.brokers.sqs.throttling import Throttle


class Lists:
    """SQS, whose ListQueues answers page by page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages: list[list[str]] = []
        connection = SqsConnection(SqsSettings(name="aws"))
        monkeypatch.setattr(connection, "call", self.call)
        self.queues = QueueList(connection, Throttle())
        self.now = 0.0

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - as the connection's
        assert operation == "list_queues"
        page = int(parameters.get("NextToken", 0))
        answer: dict[str, Any] = {"QueueUrls": [f"https://sqs/123/{name}" for name in self.pages[page]]}
        return answer | ({"NextToken": str(page + 1)} if page + 1 < len(self.pages) else {})

    async def refresh(self, *pages: list[str]) -> frozenset[str]:
        """List once; return the queues that are gone now."""
        self.now += 30
        self.pages = list(pages)
        await self.queues.refresh(self.now)
        return self.queues.take_gone()


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    return Lists(monkeypatch)


async def test_every_page_of_the_list_counts(lists: Lists) -> None:
    assert await lists.refresh(["a", "b"], ["c"], ["d"]) == frozenset()
    assert lists.queues.names == {"a", "b", "c", "d"}


async def test_a_queue_is_gone_after_two_lists_in_a_row_without_it(lists: Lists) -> None:
    await lists.refresh(["a", "b"])
    assert await lists.refresh(["a"]) == frozenset()
    assert lists.queues.names == {"a", "b"}
    await lists.refresh(["a", "b"])
    assert await lists.refresh(["a"]) == frozenset()
    assert await lists.refresh(["a"]) == {"b"}
    assert lists.queues.names == {"a"}


async def test_a_queue_that_answers_in_between_is_not_gone(lists: Lists) -> None:
    await lists.refresh(["a", "b"])
    await lists.refresh(["a"])
    lists.queues.mark_present("b")
    assert await lists.refresh(["a"]) == frozenset()
    assert await lists.refresh(["a"]) == {"b"}


async def test_the_list_is_read_again_soon_while_a_queue_is_missing(lists: Lists) -> None:
    await lists.refresh(["a", "b"])
    assert not lists.queues.due(lists.now + LIST_EVERY_S - 1)
    assert lists.queues.due(lists.now + LIST_EVERY_S)
    lists.queues.mark_missing("a")
    assert lists.queues.due(lists.now + 1)

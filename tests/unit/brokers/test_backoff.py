"""A "not found" is believed only when a broker that is ready repeats it."""

from itertools import islice

import pytest

from signalbox.brokers.backoff import ask_until_found, pauses
from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing


class FakeBroker:
    """Answers from a list: "missing", "found", "unreachable"; ready after a number of checks."""

    def __init__(self, answers: list[str], ready_after: int) -> None:
        self.answers = answers
        self.ready_after = ready_after
        self.requests = self.ready_checks = 0

    async def ask(self) -> str:
        answer = self.answers[min(self.requests, len(self.answers) - 1)]
        self.requests += 1
        if answer == "missing":
            raise DestinationMissing("test", "No queue orders.")
        if answer == "unreachable":
            raise BrokerUnavailable("test", "Connection refused.")
        return answer

    async def is_ready(self) -> bool:
        self.ready_checks += 1
        return self.ready_checks > self.ready_after

    async def ask_until_found(self) -> str:
        return await ask_until_found(self.ask, self.is_ready, first_pause_s=0)


async def test_an_answer_at_once_needs_no_ready_check() -> None:
    broker = FakeBroker(["found"], 0)
    assert await broker.ask_until_found() == "found"
    assert (broker.requests, broker.ready_checks) == (1, 0)


async def test_misses_before_the_broker_is_ready_do_not_count() -> None:
    broker = FakeBroker(["missing"] * 9 + ["found"], ready_after=9)
    assert await broker.ask_until_found() == "found"


async def test_a_ready_broker_must_repeat_the_miss() -> None:
    broker = FakeBroker(["missing", "missing", "found"], 0)
    assert await broker.ask_until_found() == "found"
    broker = FakeBroker(["missing"], 0)
    with pytest.raises(DestinationMissing):
        await broker.ask_until_found()
    assert broker.requests == 1 + 3


async def test_other_errors_end_the_repetition() -> None:
    broker = FakeBroker(["missing", "unreachable"], 0)
    with pytest.raises(BrokerUnavailable):
        await broker.ask_until_found()


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(pauses(0.5, 3.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]

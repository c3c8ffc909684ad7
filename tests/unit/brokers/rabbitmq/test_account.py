"""What the counters of a queue prove. Each reading is taken every 5 s; a counter is up to 10 s older than its answer."""

from collections.abc import Callable

import pytest

from signalbox.brokers.rabbitmq.account import QueueAccount, Reading

EVERY_S = 5.0
Truth = Callable[[float], int]


class Broker:
    """A queue whose true counters are functions of the time; each is reported as of a time of its own."""

    def __init__(self, *, published: Truth | None, settled: Truth, unread: Truth, consumers: int = 1) -> None:
        self.account = QueueAccount()
        self._taken = [0.0, 0.0, 0.0]  # when each counter was taken
        self._published, self._settled, self._unread, self._consumers = published, settled, unread, consumers

    def read(self, seconds: float, *, since: float = 0.0, loses: bool = True) -> QueueAccount:
        """Read for so long, with ages of the counters that change from reading to reading."""
        for number in range(int(seconds / EVERY_S) + 1):
            at = since + number * EVERY_S
            ages = [(number * 7 + counter * 3) % 10 for counter in range(3)]
            self._taken = [max(at - age, taken) for age, taken in zip(ages, self._taken, strict=True)]
            ready = self._unread(self._taken[2])
            settled = self._settled(self._taken[1])
            published = None if self._published is None else self._published(self._taken[0])
            self.account.add(Reading(at, published, settled, settled, ready, ready, self._consumers), loses=loses)
        return self.account


def rate(per_s: float) -> Truth:
    return lambda at: int(per_s * at)


def still(value: int) -> Truth:
    return lambda _: value


def test_a_healthy_flow_loses_nothing_and_is_counted_completely() -> None:
    account = Broker(published=rate(50), settled=lambda at: max(int(50 * at) - 20, 0), unread=still(20)).read(600)
    assert (account.removed_unread, account.complete) == (0, True)


@pytest.mark.parametrize("consumers", [0, 2])
def test_messages_that_expire_unread_are_a_loss_of_at_least_nearly_as_many(consumers: int) -> None:
    """2 a second come in, each stays 15 s; with consumers, which stand still, after 100 messages of theirs."""
    read = 100 if consumers else 0
    broker = Broker(
        published=lambda at: read + int(2 * at),
        settled=still(read),
        unread=lambda at: int(2 * min(at, 15)),
        consumers=consumers,
    )
    assert 240 - 120 <= broker.read(135).removed_unread <= 240
    assert broker.read(60, since=140).removed_unread > 240 - 40


def test_after_rest_the_loss_is_exact() -> None:
    account = Broker(
        published=lambda at: int(2 * min(max(at - 30, 0), 60)),
        settled=still(0),
        unread=lambda at: max(int(2 * min(at - 30, 60)) - int(2 * max(at - 45, 0)), 0) if at > 30 else 0,
        consumers=0,
    ).read(300)
    assert account.removed_unread == 120
    assert account.removed == 120


def test_a_purge_is_a_loss_on_a_queue_without_limits() -> None:
    account = Broker(
        published=still(20_000), settled=still(100), unread=lambda at: 19_900 if at < 60 else 0, consumers=0
    ).read(120)
    assert account.removed_unread == 19_900
    assert account.arrived == 20_000


def test_what_is_dead_lettered_is_no_loss() -> None:
    broker = Broker(published=still(500), settled=still(0), unread=lambda at: 500 if at < 60 else 0, consumers=0)
    account = broker.read(120, loses=False)
    assert (account.removed_unread, account.removed) == (0, 500)


def test_a_rejected_message_was_read() -> None:
    """Of 500 delivered messages none is acknowledged: the queue shrinks, and every message was delivered before."""
    account = QueueAccount()
    for number in range(30):
        delivered = min(number * 20, 500)
        account.add(Reading(number * EVERY_S, 500, 0, delivered, 500 - delivered, 500 - delivered, 1), loses=True)
    assert (account.removed_unread, account.removed) == (0, 500)


def test_consumers_of_a_protocol_that_is_not_counted_are_no_loss() -> None:
    account = Broker(published=rate(10), settled=still(0), unread=still(0), consumers=1).read(120)
    assert account.removed_unread == 0


def test_the_dropped_counters_of_a_closed_channel_are_no_loss() -> None:
    """A consumer reads 400 messages and leaves; the broker counts none of it."""
    account = QueueAccount()
    for number in range(30):
        left = 400 if number < 12 else 0
        account.add(Reading(number * EVERY_S, 400, 100, 100, left, left, 1 if 10 <= number < 13 else 0), loses=True)
    assert account.removed_unread == 0


def test_arrivals_that_the_broker_does_not_count_are_at_least_what_the_queue_grows_by() -> None:
    account = Broker(published=None, settled=still(0), unread=rate(10), consumers=0).read(60)
    assert not account.complete
    assert 500 <= account.arrived <= 600


def test_a_queue_that_empties_by_itself_does_not_keep_its_old_messages() -> None:
    """Dead letters wait 15 s and are dead-lettered again: each wave of 50 is a new one, so none is old."""
    account = Broker(published=None, settled=still(0), unread=lambda at: 50 if at % 60 < 30 else 0, consumers=0)
    for wave in range(1, 4):
        state = account.read(55, since=60.0 * (wave - 1), loses=False)
        assert state.arrived == 50 * wave


def test_a_reader_of_dead_letters_proves_the_arrivals_that_it_settles() -> None:
    account = Broker(published=None, settled=lambda at: max(int(10 * at) - 5, 0), unread=still(5)).read(60)
    assert (account.complete, 500 <= account.arrived <= 605) == (False, True)


def test_some_counted_and_some_uncounted_arrivals_are_a_minimum_that_never_falls() -> None:
    account = Broker(published=rate(5), settled=still(0), unread=rate(15), consumers=0).read(120)
    assert not account.complete
    assert 1500 <= account.arrived <= 1800
    before = account.arrived
    account.add(Reading(1000.0, 5000, 0, 0, 1900, 1900, 0), loses=True)  # all counted again
    assert account.arrived >= before


def test_a_policy_that_changes_what_is_counted_is_no_loss() -> None:
    """A full queue that refused messages counts what it refused: a counter of 9,000 for 100 stored messages."""
    account = QueueAccount()
    for number in range(40):
        published = None if 12 <= number < 24 else 9000
        account.add(Reading(number * EVERY_S, published, 0, 0, 100, 100, 0), loses=True)
        assert account.removed_unread == 0
    assert (account.arrived, account.complete) == (9000, False)


def test_the_first_counted_message_of_a_dead_letter_queue_is_no_loss_and_no_new_beginning() -> None:
    account = QueueAccount()
    arrived = []
    for number in range(40):
        published = None if number < 20 else 5
        depth = 100 if number < 20 else 105
        account.add(Reading(number * EVERY_S, published, 0, 0, depth, depth, 0), loses=True)
        arrived.append(account.arrived)
    assert arrived == [100] * 20 + [105] * 20
    assert (account.removed_unread, account.complete) == (0, False)


def test_counters_that_begin_again_are_no_loss() -> None:
    broker = Broker(published=rate(10), settled=rate(10), unread=still(0))
    broker.read(60)
    account = Broker.read(broker, 60, since=100)
    account.add(Reading(200.0, 0, 0, 0, 0, 0, 0), loses=True)
    assert (account.arrived, account.removed_unread, account.complete) == (0, 0, True)

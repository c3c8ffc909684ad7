"""Of many late groups, the collector asks for the oldest unread message of each in turn."""

from signalbox.monitoring.collector import OLDEST_OTHERS_MAX, OLDEST_WORST_MAX
from tests.unit.monitoring.test_collector import ScriptedBroker, running


async def test_every_late_group_takes_its_turn() -> None:
    names = [f"group-{number:03}" for number in range(OLDEST_WORST_MAX + 3 * OLDEST_OTHERS_MAX)]
    broker = ScriptedBroker(names)
    async with running(broker) as bench:
        await bench.until(lambda: len(broker.oldest_requests) >= 4)
    assert {len(request) for request in broker.oldest_requests} == {OLDEST_WORST_MAX + OLDEST_OTHERS_MAX}
    assert frozenset().union(*broker.oldest_requests[:4]) == frozenset(names)

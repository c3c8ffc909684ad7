"""Messages that arrive in a mirror are counted, not its sequences."""

import pytest

from signalbox.brokers.nats.arrivals import MirrorArrivals, mirror_arrivals
from signalbox.brokers.nats.fields import Answer


def mirror(first: int, last: int, deleted: int = 0, created: str = "monday") -> Answer:
    state = {"first_seq": first, "last_seq": last, "num_deleted": deleted}
    return {"created": created, "config": {"name": "m", "mirror": {"name": "orders"}}, "state": state}


def counted(*answers: Answer) -> int:
    count: MirrorArrivals | None = None
    began = None
    for answer in answers:
        count = mirror_arrivals(count, answer)
        assert count is not None
        began = count.arrived if began is None else began
    assert count is not None
    assert began is not None
    return count.arrived - began


@pytest.mark.parametrize(
    ("answers", "arrived"),
    [
        ([mirror(1, 10), mirror(1, 25)], 15),
        ([mirror(1, 0), mirror(991, 1000)], 10),  # the origin has deleted all but ten
        ([mirror(991, 1000), mirror(991, 2000, 900)], 100),  # gaps in what arrives
        ([mirror(1, 100), mirror(60, 140)], 40),  # a limit deletes at the front
        ([mirror(1, 100, 5), mirror(90, 110, 0)], 10),  # the front passes old gaps
        ([mirror(1, 100), mirror(1, 100, 40)], 0),  # messages are deleted by command
        ([mirror(1, 100), mirror(1, 7, created="tuesday")], -93),  # recreated: the counter falls, which is a reset
    ],
)
def test_arrivals_of_a_mirror(answers: list[Answer], arrived: int) -> None:
    assert counted(*answers) == arrived


def test_a_stream_that_is_no_mirror_has_its_sequences() -> None:
    assert mirror_arrivals(None, {"config": {"name": "s"}, "state": {"first_seq": 1, "last_seq": 9}}) is None

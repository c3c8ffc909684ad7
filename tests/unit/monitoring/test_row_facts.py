"""When a group has caught up, from its rows: with the slowest, and never if one does not catch up."""

import pytest

from signalbox.monitoring.judge import PartitionFacts
from signalbox.monitoring.row_facts import caught_up_at
from tests.unit.monitoring.readings import T0


def row(lag: int, rate_in: float | None, rate_out: float | None) -> PartitionFacts:
    return PartitionFacts("orders", 0, lag=lag, settled=0, arrived=max(lag, 0), rate_in=rate_in, rate_out=rate_out)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        ([row(100, 1.0, 2.0)], 100),
        ([row(100, 1.0, 2.0), row(100, 1.0, 6.0)], 100),
        ([row(100, 1.0, 6.0), row(100, 1.0, 2.0), row(0, 9.0, 1.0)], 100),
        ([row(100, 1.0, 2.0), row(5, 3.0, 3.0)], None),
        ([row(5, 3.0, 1.0), row(100, 1.0, 2.0)], None),
        ([row(100, 1.0, 2.0), row(5, None, 3.0)], None),
        ([row(100, 1.0, 2.0), row(5, 3.0, None)], None),
        ([row(0, 1.0, 1.0)], None),
        ([], None),
    ],
)
def test_a_group_has_caught_up_with_the_last_of_its_rows(rows: list[PartitionFacts], seconds: float | None) -> None:
    assert caught_up_at(rows, T0) == (None if seconds is None else T0 + seconds)

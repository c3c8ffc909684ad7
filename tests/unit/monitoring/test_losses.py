"""Unread messages that were deleted: how many are told, and how long."""

from array import array
from dataclasses import replace

import pytest

from signalbox.monitoring.losses import Losses
from signalbox.monitoring.model import Reason, Status
from tests.unit.monitoring.readings import T0, Watched, group, positions

ROWS = {("orders", 0): 0}


def taken(*readings: tuple[float, int]) -> Losses:
    losses = Losses()
    for at, counter in readings:
        losses.take(ROWS, array("q", [counter]), at)
    return losses


@pytest.mark.parametrize(
    ("readings", "moved_at", "now", "told"),
    [
        ([(0, 0), (5, 0)], None, 5, None),
        ([(0, 12)], None, 0, 12),  # what the first reading shows was deleted unread
        ([(0, 0), (5, 40), (10, 60), (15, 60)], None, 15, 60),
        ([(0, 0), (5, 40), (700, 50)], None, 700, 10),  # another episode
        ([(0, 0), (5, 40), (10, -1), (15, 45)], None, 15, 45),  # one reading was unknown
        ([(0, 90), (5, 7)], None, 5, 7),  # the consumer was recreated
        ([(0, 0), (5, 40)], None, 80_000, 40),  # nobody has read on
        ([(0, 0), (5, 40)], None, 90_000, None),
        ([(0, 0), (5, 40)], 20, 600, 40),
        ([(0, 0), (5, 40)], 20, 610, None),
    ],
)
def test_a_loss_is_told_for_minutes_and_while_nobody_reads_on(
    readings: list[tuple[float, int]], moved_at: float | None, now: float, told: int | None
) -> None:
    loss = taken(*readings).recent(0, moved_at, now)
    assert (loss.messages if loss is not None else None) == told


@pytest.mark.parametrize("members", [0, 1])
def test_a_loss_is_told_also_with_no_lag_and_no_consumers(members: int) -> None:
    watched = Watched()

    def reading(lost: int) -> None:
        at = positions([100], [200], lag=[0 if lost else 100])
        watched.read(group(replace(at, lost=array("q", [lost])), members=members))

    for lost in (0, 0, 100, 100, 100):
        reading(lost)
    verdict = watched.tracked.view.verdict if watched.tracked.view is not None else None
    assert verdict is not None
    assert (verdict.status, verdict.reason, verdict.lost) == (Status.WILL_LOSE_DATA, Reason.LOST_ALREADY, 100)
    assert watched.now == T0 + 20

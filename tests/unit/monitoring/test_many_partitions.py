"""A group with more partitions in trouble than are judged each reading: every count is a minimum, and says so."""

from signalbox.brokers.model import GroupState
from signalbox.monitoring import words
from signalbox.monitoring.group_tracker import JUDGED_ROWS_MAX
from signalbox.monitoring.model import Status
from tests.unit.monitoring.readings import Watched, group, positions
from tests.unit.monitoring.views import text

ROWS = 2_000


def test_lost_messages_of_more_partitions_than_are_judged_are_a_minimum() -> None:
    watched = Watched()
    view = watched.each(3, lambda n: group(positions([0] * ROWS, [900 + n] * ROWS, start=[400] * ROWS)))
    assert (view.verdict.status, view.verdict.at_least) == (Status.WILL_LOSE_DATA, True)
    assert view.verdict.lost == 400 * JUDGED_ROWS_MAX
    assert text(words.group_sentence(view, watched.now)).startswith(
        "Losing data: at least 200,000 unread messages have been deleted."
    )
    assert "Affected: partition 0 and at least 499 more." in text(words.group_reason(view, watched.now))


def test_stopped_partitions_above_the_limit_are_a_minimum() -> None:
    watched = Watched()
    at = group(positions([0] * ROWS, [9] * ROWS), state=GroupState.EMPTY, members=0)
    view = watched.each(3, lambda _: at)
    assert view.verdict.partitions_affected == JUDGED_ROWS_MAX
    assert "Affected: partition 0 and at least 499 more." in text(words.group_reason(view, watched.now))


def test_a_partition_that_loses_data_is_found_beside_thousands_with_more_lag() -> None:
    watched = Watched()
    settled, start = [0] * ROWS, [0] * ROWS
    settled[1500], start[1500] = 8990, 8995
    view = watched.each(3, lambda n: group(positions(settled, [9000 + n] * ROWS, start=start)))
    assert (view.verdict.status, view.verdict.partition) == (Status.WILL_LOSE_DATA, 1500)


def test_every_partition_that_is_judged_counts_exactly() -> None:
    watched = Watched()
    view = watched.each(3, lambda n: group(positions([0] * 300, [900 + n] * 300, start=[400] * 300)))
    assert (view.verdict.lost, view.verdict.partitions_affected, view.verdict.at_least) == (120_000, 300, False)

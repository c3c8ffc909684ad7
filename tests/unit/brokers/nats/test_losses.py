"""What a JetStream consumer received, what arrived for it, and what left its stream unread."""

from typing import Any

import pytest

from signalbox.brokers.nats.ledger import Ledger, follow, sequences
from signalbox.brokers.nats.progress import Progress, follow_progress
from tests.unit.brokers.nats.test_ledger import Simulated


def stream(first: int, last: int, *, deleted: int = 0, **config: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    state = {"first_seq": first, "last_seq": last, "num_deleted": deleted}
    return {"config": {"name": "S", "retention": "limits", **config}, "state": state}


def reading(
    before: Ledger | None,
    at: dict[str, Any],
    *,
    sequence: int,
    pending: int,
    deliveries: int | None = None,
    subject: str = "",
) -> Ledger:
    """Take one reading of a consumer that has received each message once, or `deliveries` in all."""
    now = sequences(at, {"config": {"filter_subject": subject}})
    progress = follow_progress(
        None if before is None else before.progress,
        filtered=False,
        created="c",
        deliveries=sequence if deliveries is None else deliveries,
        sequence=sequence,
        in_flight=0,
        deleted_to=now.deleted_to,
    )
    return follow(before, progress, pending, now)


def test_what_a_limit_deletes_before_it_was_delivered_is_lost() -> None:
    begin = reading(None, stream(1, 100), sequence=10, pending=90)
    after = reading(begin, stream(51, 110), sequence=10, pending=60)
    assert (begin.lost, after.lost) == (0, 40)
    assert after.arrived - begin.arrived == 10
    assert after.progress.settled == 10
    again = reading(after, stream(51, 110), sequence=60, pending=50, deliveries=20)
    assert (again.lost, again.progress.settled) == (40, 20), "only ten messages were delivered"


@pytest.mark.parametrize(
    "config", [{"max_msgs_per_subject": 1}, {"name": "KV_settings"}, {"name": "OBJ_files"}, {"allow_rollup_hdrs": True}]
)
def test_a_message_that_a_newer_one_replaced_is_not_lost(config: dict[str, Any]) -> None:
    begin = reading(None, stream(1, 100, **config), sequence=10, pending=90)
    after = reading(begin, stream(51, 110, **config), sequence=10, pending=60)
    assert (begin.lost, after.lost) == (0, 0)


def test_where_messages_were_deleted_before_only_pending_ones_are_lost() -> None:
    """Of the forty sequences that go, five were messages."""
    begin = reading(None, stream(1, 100, deleted=35), sequence=10, pending=55)
    after = reading(begin, stream(51, 100), sequence=10, pending=50)
    assert (begin.lost, after.lost) == (0, 5)


def test_messages_in_flight_that_a_purge_deletes_are_not_settled() -> None:
    before = follow_progress(None, filtered=False, created="c", deliveries=10, sequence=10, in_flight=3)
    purged = follow_progress(
        before, filtered=False, created="c", deliveries=10, sequence=10, in_flight=0, deleted_to=20
    )
    acked = follow_progress(before, filtered=False, created="c", deliveries=10, sequence=10, in_flight=0, deleted_to=5)
    assert (before.settled, purged.settled, acked.settled) == (7, 7, 10)


def test_a_redelivery_is_no_progress() -> None:
    before = follow_progress(None, filtered=True, created="c", deliveries=10, sequence=40, in_flight=3)

    def after(deliveries: int, sequence: int, in_flight: int) -> Progress:
        return follow_progress(
            before, filtered=True, created="c", deliveries=deliveries, sequence=sequence, in_flight=in_flight
        )

    assert after(15, 40, 3).settled == before.settled == 7
    assert after(12, 44, 3).settled == 9
    assert after(12, 44, 0).settled == 12


def test_a_changed_filter_or_a_recreated_consumer_begins_again() -> None:
    begin = reading(None, stream(1, 100), sequence=10, pending=90, subject="orders.eu")
    other = reading(begin, stream(1, 100), sequence=10, pending=20, subject="orders.us")
    assert other.lost == 0
    same = reading(begin, stream(1, 100), sequence=10, pending=20, subject="orders.eu")
    assert same.lost == 70


def test_arrivals_go_on_after_a_purge_deleted_a_message_in_flight() -> None:
    simulated = Simulated(filtered=True)
    simulated.read()
    for name in ("publish", "deliver", "purge", "publish"):
        simulated.step(name)
        ledger = simulated.read()
        assert ledger.arrived == simulated.published

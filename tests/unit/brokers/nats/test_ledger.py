"""The counters of a consumer against a simulated stream: what was settled, what arrived, and what was deleted unread."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.nats.ledger import Ledger, follow, sequences
from signalbox.brokers.nats.progress import follow_progress

STEPS = ("publish", "publish", "publish other", "deliver", "redeliver", "ack", "expire", "delete", "purge", "read")
steps = st.lists(st.sampled_from(STEPS), max_size=80)


@dataclass
class Simulated:
    """A stream that keeps acknowledged messages, and one consumer of it, of the whole stream or of one subject."""

    filtered: bool = False
    config: dict[str, Any] = field(default_factory=dict)
    stored: dict[int, bool] = field(default_factory=dict)  # sequence -> whether it is for the consumer
    last: int = 0
    sequence: int = 0
    deliveries: int = 0
    in_flight: set[int] = field(default_factory=set)
    acknowledged: int = 0
    published: int = 0  # for the consumer
    lost: int = 0
    ledger: Ledger | None = None

    def unread(self) -> list[int]:
        return [seq for seq, wanted in sorted(self.stored.items()) if wanted and seq > self.sequence]

    def remove(self, removed: list[int]) -> None:
        self.lost += len(set(removed) & set(self.unread()))
        for seq in removed:
            del self.stored[seq]

    def step(self, name: str) -> None:
        unread = self.unread()
        if name.startswith("publish"):
            self.last += 1
            wanted = not self.filtered or name == "publish"
            self.stored[self.last] = wanted
            self.published += wanted
        elif name == "deliver" and unread:
            self.sequence, self.deliveries = unread[0], self.deliveries + 1
            self.in_flight.add(unread[0])
        elif name == "redeliver" and self.in_flight:
            self.deliveries += 1
        elif name == "ack" and self.in_flight:
            self.in_flight.pop()
            self.acknowledged += 1
        elif name == "read":
            self.read()
        else:
            self.step_of_stream(name)

    def step_of_stream(self, name: str) -> None:
        if name == "expire":
            self.remove([seq for seq in sorted(self.stored)[:1] if seq not in self.in_flight])
        elif name == "delete":
            self.remove([seq for seq in sorted(self.stored)[-2:-1] if seq not in self.in_flight])
        elif name == "purge":
            self.remove(list(self.stored))
            self.in_flight.clear()
            self.sequence = max(self.sequence, self.last)

    def read(self) -> Ledger:
        first = min(self.stored, default=self.last + 1)
        deleted = self.last - first + 1 - len(self.stored)
        state = {"first_seq": first, "last_seq": self.last, "num_deleted": deleted}
        stream = {"config": {"name": "s", "retention": "limits", **self.config}, "state": state}
        consumer = {"config": {"filter_subject": "a"} if self.filtered else {}}
        now = sequences(stream, consumer)
        progress = follow_progress(
            None if self.ledger is None else self.ledger.progress,
            filtered=self.filtered,
            created="c",
            deliveries=self.deliveries,
            sequence=self.sequence,
            in_flight=len(self.in_flight),
            deleted_to=now.deleted_to,
        )
        self.ledger = follow(self.ledger, progress, len(self.unread()), now)
        return self.ledger


@given(steps, st.booleans())
def test_a_reading_after_each_step_is_exact(names: list[str], filtered: bool) -> None:
    simulated = Simulated(filtered=filtered)
    simulated.read()
    for name in names:
        simulated.step(name)
        ledger = simulated.read()
        assert ledger.progress.settled == simulated.acknowledged
        assert ledger.arrived == simulated.published
        assert ledger.lost == simulated.lost


@given(steps, st.booleans())
def test_readings_now_and_then_never_tell_too_much_loss(names: list[str], filtered: bool) -> None:
    simulated = Simulated(filtered=filtered)
    lost = simulated.read().lost
    for name in [*names, "read"]:
        simulated.step(name)
        assert simulated.ledger is not None
        assert lost <= simulated.ledger.lost <= simulated.lost
        lost = simulated.ledger.lost
    if not filtered:
        assert simulated.ledger is not None
        assert simulated.ledger.arrived == simulated.published


@pytest.mark.parametrize(
    "config", [{"max_msgs_per_subject": 1}, {"allow_rollup_hdrs": True}, {"name": "KV_x"}, {"name": "OBJ_x"}]
)
@given(steps)
def test_a_stream_that_replaces_messages_loses_none(config: dict[str, Any], names: list[str]) -> None:
    simulated = Simulated(config=config)
    simulated.read()
    for name in names:
        simulated.step(name)
        ledger = simulated.read()
        assert (ledger.lost, ledger.start) == (0, None)


def test_a_message_that_expires_in_flight_and_is_acknowledged_then_is_settled() -> None:
    simulated = Simulated()
    for name in ("publish", "deliver", "read"):
        simulated.step(name)
    simulated.remove([1])
    simulated.read()
    simulated.step("ack")
    ledger = simulated.read()
    assert (ledger.progress.settled, ledger.progress.dropped, ledger.lost) == (1, 0, 0)


def test_a_leader_that_knows_less_for_a_moment_is_no_throughput_and_no_loss() -> None:
    simulated = Simulated()
    for name in ["publish"] * 10 + ["read", "purge", "read"] + ["publish"] * 10 + ["deliver", "ack"] * 6:
        simulated.step(name)
    known = simulated.read()
    simulated.sequence, simulated.deliveries = simulated.sequence - 2, simulated.deliveries - 2
    behind = simulated.read()
    assert (behind.progress.settled, behind.arrived, behind.lost) == (known.progress.settled, known.arrived, known.lost)

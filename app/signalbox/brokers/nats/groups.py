"""Converts a JetStream consumer to a group. Pure; all figures come from one answer."""

from array import array

from signalbox.brokers.model import UNKNOWN, Group, GroupState, Positions, Why
from signalbox.brokers.nats.fields import Answer, filter_subjects, has_leader, integer, limit, seconds, text, timestamp
from signalbox.brokers.nats.ledger import Ledger

IDLE_S = 10.0  # no pull waits between two fetches: a consumer is empty only after so long without one


def group_name(stream: str, consumer: str) -> str:
    """Return a consumer's name as a group. Consumers are unique within a stream only, and no name contains a slash."""
    return f"{stream}/{consumer}"


def to_group(consumer: Answer, stream: str, ledger: Ledger | None) -> Group:
    """Return a consumer as a group, from CONSUMER.INFO or a row of CONSUMER.LIST. Without a ledger its counters are unknown."""
    pending, in_flight = integer(consumer, "num_pending"), integer(consumer, "num_ack_pending")
    lag = pending + in_flight if has_leader(consumer) and pending is not None and in_flight is not None else None
    why = Why.KNOWN if lag is not None else Why.NO_LEADER
    state, state_text = _state(consumer)
    return Group(
        name=group_name(stream, text(consumer, "name")),
        kind="push consumer" if _is_push(consumer) else "pull consumer",
        state=state if lag is not None else GroupState.UNKNOWN,
        state_text=state_text if lag is not None else "no leader",
        positions=_positions(stream, lag, ledger if lag is not None else None, why),
        lag=lag,
        lag_partial=lag is None,
        in_flight=in_flight,
        waiting=pending,
        redelivered=integer(consumer, "num_redelivered"),
        coordinator=text(consumer, "cluster", "leader") or None,
        why=why,
        notes=_notes(consumer),
    )


def _positions(stream: str, lag: int | None, ledger: Ledger | None, why: Why) -> Positions:
    start = None if ledger is None else ledger.start
    return Positions(
        names=(stream,),
        destination=array("i", [0]),
        partition=array("i", [0]),
        settled=array("q", [UNKNOWN if ledger is None else ledger.progress.settled]),
        arrived=array("q", [UNKNOWN if ledger is None else ledger.arrived]),
        lag=array("q", [UNKNOWN if lag is None else lag]),
        why=None if why is Why.KNOWN else (why,),
        start=array("q", [UNKNOWN if start is None else start]),
        lost=array("q", [UNKNOWN if ledger is None else ledger.lost]),
    )


def _is_push(consumer: Answer) -> bool:
    return bool(text(consumer, "config", "deliver_subject"))


def _state(consumer: Answer) -> tuple[GroupState, str]:
    if consumer.get("paused") is True:
        until = text(consumer, "config", "pause_until")[:16].replace("T", " ")
        return GroupState.PAUSED, f"paused until {until} UTC" if until else "paused"
    most, in_flight = limit(consumer, "config", "max_ack_pending"), integer(consumer, "num_ack_pending") or 0
    full = "at max ack pending: no more messages are delivered" if most and in_flight >= most else ""
    if _is_push(consumer):
        bound = consumer.get("push_bound") is True
        return (GroupState.ACTIVE, full) if bound else (GroupState.EMPTY, "no subscriber on its deliver subject")
    pulls = integer(consumer, "num_waiting") or 0
    if pulls or _pulled_recently(consumer, in_flight):
        return GroupState.ACTIVE, full or (f"{pulls} open pulls" if pulls > 1 else "")
    return GroupState.EMPTY, full or "no client pulls messages"


def _pulled_recently(consumer: Answer, in_flight: int) -> bool:
    """A client that processes a message does not pull: with messages in flight, it counts as active until ack_wait is over."""
    now = timestamp(consumer, "ts")
    times = (timestamp(consumer, "delivered", "last_active"), timestamp(consumer, "ack_floor", "last_active"))
    moved_at = max((at for at in times if at), default=None)
    if now is None or moved_at is None:
        return False
    ack_wait_s = (seconds(consumer, "config", "ack_wait") or IDLE_S) if in_flight else 0.0
    return now - moved_at <= max(ack_wait_s, IDLE_S)


def _notes(consumer: Answer) -> tuple[str, ...]:
    notes = []
    if filter_subjects(consumer):
        subjects = ", ".join(filter_subjects(consumer)[:10])
        notes.append(f"reads only {subjects}: its counters count these messages; a redelivery may count twice")
    if deliveries := limit(consumer, "config", "max_deliver"):
        note = f"gives up on a message after {deliveries} deliveries"
        notes.append(f"{note}: no figure here counts it, only an advisory reports it")
    if text(consumer, "config", "ack_policy") == "none":
        notes.append("no acknowledgements: delivered messages count as settled")
    if not text(consumer, "config", "durable_name"):
        notes.append("ephemeral: JetStream deletes it when it is unused")
    return tuple(notes)

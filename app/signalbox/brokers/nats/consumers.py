"""A consumer's answer -> a group. Pure. Every figure is of that one answer."""

from array import array

from signalbox.brokers.model import UNKNOWN, Group, GroupState, Positions, Why
from signalbox.brokers.nats.answers import Answer, filters, led, limit, moment, number, seconds, text
from signalbox.brokers.nats.progress import Progress

IDLE_S = 10.0  # between two fetches nothing waits at the server: only after so long nobody asks


def group_name(stream: str, consumer: str) -> str:
    """Return the name of a consumer as a group: it is unique within its stream only, and no name holds a slash."""
    return f"{stream}/{consumer}"


def group(consumer: Answer, stream: str, progress: Progress, *, first: int | None) -> Group:
    """Return a consumer as a group, from CONSUMER.INFO or a row of CONSUMER.LIST.

    `first` is the first sequence that the stream kept, read before: what was settled below it is lost.
    """
    pending, in_flight = number(consumer, "num_pending"), number(consumer, "num_ack_pending")
    known = led(consumer) and pending is not None and in_flight is not None
    lag = pending + in_flight if known and pending is not None and in_flight is not None else None
    why = Why.KNOWN if known else Why.NO_LEADER
    filtered = bool(filters(consumer))
    start = UNKNOWN if filtered or first is None else max(first - 1, 0)
    state, said = _state(consumer)
    return Group(
        name=group_name(stream, text(consumer, "name")),
        kind="push consumer" if _push(consumer) else "pull consumer",
        state=state if known else GroupState.UNKNOWN,
        state_text=said if known else "no leader",
        positions=Positions(
            names=(stream,),
            destination=array("i", [0]),
            partition=array("i", [0]),
            settled=array("q", [UNKNOWN if lag is None else progress.settled]),
            arrived=array("q", [UNKNOWN if lag is None else progress.settled + lag]),
            lag=array("q", [UNKNOWN if lag is None else lag]),
            why=None if known else (why,),
            start=array("q", [start]),
        ),
        lag=lag,
        lag_partial=lag is None,
        in_flight=in_flight,
        waiting=pending,
        redelivered=number(consumer, "num_redelivered"),
        coordinator=text(consumer, "cluster", "leader") or None,
        why=why,
        notes=_notes(consumer, filtered=filtered),
    )


def _push(consumer: Answer) -> bool:
    return bool(text(consumer, "config", "deliver_subject"))


def _state(consumer: Answer) -> tuple[GroupState, str]:
    """Return the state and what is special about it."""
    if consumer.get("paused") is True:
        until = text(consumer, "config", "pause_until")[:16].replace("T", " ")
        return GroupState.PAUSED, f"paused until {until} UTC" if until else "paused"
    most, in_flight = limit(consumer, "config", "max_ack_pending"), number(consumer, "num_ack_pending") or 0
    full = "at max ack pending: nothing more is handed out" if most and in_flight >= most else ""
    if _push(consumer):
        bound = consumer.get("push_bound") is True
        return (GroupState.ACTIVE, full) if bound else (GroupState.EMPTY, "nobody subscribes to its deliver subject")
    pulls = number(consumer, "num_waiting") or 0
    if pulls or _asked_lately(consumer, in_flight):
        return GroupState.ACTIVE, full or (f"{pulls} open pulls" if pulls > 1 else "")
    return GroupState.EMPTY, full or "nobody asks for messages"


def _asked_lately(consumer: Answer, in_flight: int) -> bool:
    """A client that works on a message asks for none: until the time to acknowledge is over it is taken to be there."""
    now = moment(consumer, "ts")
    moved = [
        at for at in (moment(consumer, "delivered", "last_active"), moment(consumer, "ack_floor", "last_active")) if at
    ]
    if now is None or not moved:
        return False
    patience = (seconds(consumer, "config", "ack_wait") or IDLE_S) if in_flight else 0.0
    return now - max(moved) <= max(patience, IDLE_S)


def _notes(consumer: Answer, *, filtered: bool) -> tuple[str, ...]:
    notes = []
    if filtered:
        wanted = ", ".join(filters(consumer)[:10])
        notes.append(f"reads only {wanted}: its counters count these messages, and a redelivery may count again")
    deliveries = limit(consumer, "config", "max_deliver")
    if deliveries:
        notes.append(
            f"gives a message up after {deliveries} deliveries: from then on it is in no figure here, and only an advisory tells"
        )
    if text(consumer, "config", "ack_policy") == "none":
        notes.append("acknowledges nothing: what was handed out counts as settled")
    if not text(consumer, "config", "durable_name"):
        notes.append("ephemeral: it goes when nobody uses it")
    return tuple(notes)

"""Converts a queue to its destination and groups."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, Member, Positions, Why
from signalbox.brokers.rabbitmq.limits import dead_letters_to, retention
from signalbox.brokers.rabbitmq.queues import Counters, Depth, Queue
from signalbox.brokers.rabbitmq.rows import count, mapping, text

HEALTHY_STATES = {"running": True, "idle": True, "flow": True}  # "flow": flow control slows its publishers down
MEMBERS_MAX = 1000  # listed per queue; the count includes all
SETTING_MAX = 200  # characters of one value
NOTE_UNCONFIRMED = "The depth is from before the queue's leader or node changed; a new one is not confirmed yet."
NOTE_LISTED_TWICE = "The broker lists this queue more than once: the cluster had a network partition."
NO_LEADER_STATES = frozenset({"down", "minority", "stopped", "crashed"})


def destination(queue: Queue, name: str) -> Destination:
    depth, counters = queue.depth, queue.counters
    definition = queue.definition
    return Destination(
        name=name,
        kind="stream" if queue.is_stream else f"{queue.kind} queue".strip(),
        identity=f"{queue.vhost}/{queue.name}" + f" {queue.generation}" * bool(queue.generation),
        partitions=None,
        internal=is_internal(queue),
        messages=None if depth is None else depth.total,
        size_bytes=queue.size_bytes,
        retention=retention(queue.kind, definition),
        arrived=None if counters is None else counters.arrived,
        arrived_at_least=counters is not None and not counters.arrived_complete,
        counted_at=None if counters is None else counters.at,
        state=queue.state or "unknown",
        healthy=None if not queue.state else HEALTHY_STATES.get(queue.state, False),
        why=_why(queue),
        settings=dict(_settings(queue, definition)),
        dead_letters_to=dead_letters_to(definition),
    )


def groups(queue: Queue, name: str) -> tuple[Group, ...]:
    """Return the queue's consumers as one group; for a stream also each reader that stores its offset by name."""
    if not queue.is_stream:
        return (_queue_group(queue, name),)
    end = stream_end(queue)
    stored = (_stored_group(name, reference, offset, end) for reference, offset in queue.stored_offsets.items())
    return (_stream_group(queue, name), *stored)


def reader_name(stream: str, reference: str) -> str:
    """Return the group name of a stream reader that stores its offset by this name."""
    return f"{stream}: {reference}"


def is_internal(queue: Queue) -> bool:
    """Return whether this is a queue of the broker or an exclusive one: reply queues come and go by the thousand."""
    return queue.exclusive or queue.name.startswith("amq.")


def stream_end(queue: Queue) -> int | None:
    """Return the last offset of a stream; None = unknown.

    The API reports it only through native consumers. Without a retention limit it is the number of messages less one.
    """
    ends = [offset + lag for reader in queue.stream_consumers for offset, lag in _position(reader)]
    if ends:
        return max(ends)
    limits = {"max-age", "max-length-bytes"} & queue.definition.keys()
    return None if limits or queue.depth is None else queue.depth.ready - 1


def _queue_group(queue: Queue, name: str) -> Group:
    depth, counters = queue.depth, queue.counters
    notes = _notes(queue)
    if depth is not None and depth.dead_lettering:
        number = depth.dead_lettering
        one = "1 message is" if number == 1 else f"{number:,} messages are"
        notes = (*notes, f"{one} being dead-lettered: the dead letter queue has not confirmed.")
    if queue.kind == "classic" and queue.capacity is not None and queue.consumers:  # quorum queues always report 1.0
        notes = (*notes, f"Its consumers could take a message at once {queue.capacity:.0%} of the time.")
    return Group(
        name=name,
        kind="queue consumers",
        state=_state(queue),
        positions=_queue_row(name, depth, counters, _why(queue)),
        lag=None if depth is None else depth.total,
        lag_partial=depth is not None and depth.unacked is None,
        members=_members(queue),
        member_count=_member_count(queue),
        members_at=queue.consumers_at,
        in_flight=None if depth is None else depth.unacked,
        waiting=None if depth is None else depth.ready,
        dead_lettering=None if depth is None else depth.dead_lettering,
        redelivered=None if counters is None else counters.redelivered,
        removed_unacked=None if counters is None else counters.removed_unacked,
        arrived_at_least=counters is not None and not counters.arrived_complete,
        why=_why(queue),
        notes=notes,
    )


def _stream_group(queue: Queue, name: str) -> Group:
    """Return the current readers of a stream as one group, with the largest lag that the broker reports."""
    positions = [position for reader in queue.stream_consumers for position in _position(reader)]
    worst = max(positions, key=lambda position: position[1], default=None)
    unknown = (_member_count(queue) or 0) - len(positions)
    notes = list(_notes(queue))
    if unknown > 0:
        users = "they use AMQP or have not received a message yet"
        notes.append(f"The lag of {unknown} of its readers is unknown: {users}.")
    if not queue.offsets_available:
        notes.append("This version cannot report stored offsets, because AMQP clients published to the stream.")
    why = Why.KNOWN if worst else Why.NOT_REPORTED
    return Group(
        name=name,
        kind="stream readers",
        state=_state(queue),
        positions=_row(
            name,
            settled=worst[0] + 1 if worst else None,
            arrived=sum(worst) + 1 if worst else None,
            lag=worst[1] if worst else None,
            why=why,
        ),
        lag=worst[1] if worst else None,
        lag_partial=worst is not None and unknown > 0,
        members=_members(queue),
        member_count=_member_count(queue),
        members_at=queue.consumers_at,
        why=why,
        notes=tuple(notes),
    )


def _stored_group(name: str, reference: str, stored: int, end: int | None) -> Group:
    lag = None if end is None else max(end - stored, 0)
    why = Why.NOT_REPORTED if lag is None else Why.KNOWN
    end_unknown = "The broker reports the end of the stream only while a native client reads it."
    return Group(
        name=reader_name(name, reference),
        kind="stream reader by stored offset",
        state=GroupState.UNKNOWN,
        positions=_row(name, settled=stored + 1, arrived=None if end is None else end + 1, lag=lag, why=why),
        lag=lag,
        why=why,
        notes=("The position is the offset that this reader stored last.", *[end_unknown] * (lag is None)),
    )


def _queue_row(name: str, depth: Depth | None, counters: Counters | None, why: Why) -> Positions:
    """Return the position of a queue: a depth, and counters that were usually read earlier."""
    lag = None if depth is None else depth.total
    if counters is None:
        return _row(name, settled=None, arrived=None, lag=lag, why=why)
    row = _row(name, settled=counters.settled, arrived=counters.arrived, lag=lag, why=why)
    lost = array("q", [counters.removed_unread])
    return replace(row, counted_at=counters.at, counted_lag=array("q", [counters.depth]), lost=lost)


def _row(name: str, *, settled: int | None, arrived: int | None, lag: int | None, why: Why) -> Positions:
    values = [UNKNOWN if value is None else value for value in (settled, arrived, lag)]
    return Positions(
        names=(name,),
        destination=array("i", [0]),
        partition=array("i", [0]),
        settled=array("q", values[:1]),
        arrived=array("q", values[1:2]),
        lag=array("q", values[2:]),
        why=None if why is Why.KNOWN else (why,),
    )


def _why(queue: Queue) -> Why:
    if queue.depth is not None:
        return Why.KNOWN
    return Why.NO_LEADER if queue.state in NO_LEADER_STATES else Why.NO_ANSWER


def _state(queue: Queue) -> GroupState:
    consumers = _member_count(queue)
    if consumers is None:
        return GroupState.UNKNOWN
    return GroupState.ACTIVE if consumers else GroupState.EMPTY


def _member_count(queue: Queue) -> int | None:
    return queue.consumers if queue.consumer_rows is None else len(_amqp_rows(queue)) + len(queue.stream_consumers)


def _amqp_rows(queue: Queue) -> Sequence[Mapping[str, Any]]:
    """Return the AMQP consumers. A stream's consumer list has its native consumers too, as channel 0 and with fewer details."""
    rows = queue.consumer_rows or ()
    if not queue.stream_consumers:
        return rows
    return [row for row in rows if mapping(row.get("channel_details")).get("number") != 0]


def _members(queue: Queue) -> tuple[Member, ...] | None:
    if queue.consumer_rows is None:
        return None
    rows = [_amqp_member(row) for row in _amqp_rows(queue)[:MEMBERS_MAX]]
    return (*rows, *(_stream_member(row) for row in queue.stream_consumers[:MEMBERS_MAX]))


def _amqp_member(row: Mapping[str, Any]) -> Member:
    channel = mapping(row.get("channel_details"))
    prefetch, status = count(row.get("prefetch_count")), text(row.get("activity_status"))
    notes = ["no prefetch limit" if prefetch == 0 else f"prefetch {prefetch}"] if prefetch is not None else []
    notes += [status.replace("_", " ")] if status not in {"", "up", "single_active"} else []
    notes += ["automatic acknowledgement"] if row.get("ack_required") is False else []
    return Member(
        id=text(row.get("consumer_tag")),
        client=text(channel.get("user")) or text(row.get("consumer_tag")),
        host=_peer(channel),
        assigned={},
        note=", ".join(notes),
    )


def _stream_member(row: Mapping[str, Any]) -> Member:
    connection = mapping(row.get("connection_details"))
    positions = ", ".join(f"lag {lag} at offset {offset}" for offset, lag in _position(row))
    return Member(
        id=f"{text(connection.get('name'))} {row.get('subscription_id', '')}",
        client=text(connection.get("user")) or text(connection.get("name")),
        host=_peer(connection),
        assigned={},
        note=positions or "native stream client",
    )


def _peer(details: Mapping[str, Any]) -> str:
    host, port = text(details.get("peer_host")), count(details.get("peer_port"))
    return f"{host}:{port}" if port is not None else host


def _position(reader: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield a native reader's (offset, lag); nothing for one without messages yet: the broker reports lag 0 wherever it started."""
    offset, lag = count(reader.get("offset")), count(reader.get("offset_lag"))
    if offset is not None and lag is not None and (lag or count(reader.get("consumed"))):
        yield offset, lag


def _notes(queue: Queue) -> tuple[str, ...]:
    return (NOTE_UNCONFIRMED,) * queue.unconfirmed + (NOTE_LISTED_TWICE,) * queue.listed_twice


def _settings(queue: Queue, definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in sorted(definition.items()):
        if isinstance(value, str | int | float) and key != "queue-type":
            yield key.replace("-", " "), str(value)[:SETTING_MAX]
    if queue.policy_name:
        yield "policy", queue.policy_name
    if queue.delivery_limit is not None:
        yield "delivery limit", str(queue.delivery_limit)
    if queue.leader:
        yield "leader", queue.leader
    if queue.replicas:
        yield "replicas", ", ".join(queue.replicas)[:SETTING_MAX]
        yield "replicas online", ", ".join(queue.online)[:SETTING_MAX]

"""Converts a queue to its destination and groups."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, Member, Positions, Why
from signalbox.brokers.rabbitmq import streams
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
    end = streams.last_offset(queue)
    stored = (_stored_group(name, reference, offset, end) for reference, offset in queue.stored_offsets.items())
    return (_stream_group(queue, name), *stored)


def is_internal(queue: Queue) -> bool:
    """Return whether this is a queue of the broker or an exclusive one: reply queues come and go by the thousand."""
    return queue.exclusive or queue.name.startswith("amq.")


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
    """Return the current native readers of a stream as one group, with the largest lag."""
    readers = streams.positions(queue)
    worst = max(readers, key=lambda reader: reader.lag, default=None)
    unknown = (_member_count(queue) or 0) - len(readers) - streams.standbys(queue)
    notes = list(_notes(queue))
    if unknown > 0:
        users = "they use AMQP or have not received a message yet"
        notes.append(f"The lag of {unknown} of its readers is unknown: {users}.")
    if worst is not None and worst.lag:
        notes.append(streams.NOTE_CHUNKS)
    if not queue.offsets_available:
        notes.append("This version cannot report stored offsets, because AMQP clients published to the stream.")
    why = Why.KNOWN if worst else Why.NOT_REPORTED
    return Group(
        name=name,
        kind="stream readers",
        state=_state(queue),
        positions=_row(
            name,
            settled=worst.offset + 1 if worst else None,
            arrived=worst.offset + worst.lag + 1 if worst else None,
            lag=worst.lag if worst else None,
            why=why,
        ),
        lag=worst.lag if worst else None,
        lag_partial=worst is not None and unknown > 0,
        lag_at_most=worst is not None and worst.lag > 0,
        members=_members(queue),
        member_count=_member_count(queue),
        members_at=queue.consumers_at,
        why=why,
        notes=tuple(notes),
    )


def _stored_group(name: str, reference: str, stored: int, end: int | None) -> Group:
    """Return a reader by its stored offset. Its lag may count stored offsets, so only 0 is certain and no age is known."""
    lag = None if end is None else max(end - stored, 0)
    why = Why.NOT_REPORTED if lag is None else Why.KNOWN
    end_unknown = "The broker reports the end of the stream only while a native client reads it."
    notes = ["The position is the offset that this reader stored last."]
    notes += [end_unknown] * (lag is None) + [streams.NOTE_STORED] * bool(lag)
    return Group(
        name=streams.reader_name(name, reference),
        kind="stream reader by stored offset",
        state=GroupState.UNKNOWN,
        positions=_row(name, settled=stored + 1, arrived=stored + 1 if lag == 0 else None, lag=lag, why=why),
        lag=lag,
        lag_at_most=bool(lag),
        why=why,
        notes=tuple(notes),
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
    return Member(
        id=f"{text(connection.get('name'))} {row.get('subscription_id', '')}",
        client=text(connection.get("user")) or text(connection.get("name")),
        host=_peer(connection),
        assigned={},
        note=_reader_note(row),
    )


def _reader_note(row: Mapping[str, Any]) -> str:
    if streams.is_standby(row):
        return "standby of a single active consumer"
    position = streams.position(row, None)
    if position is None:
        return "native stream client"
    return f"at offset {position.offset}, " + (f"lag at most {position.lag}" if position.lag else "has all messages")


def _peer(details: Mapping[str, Any]) -> str:
    host, port = text(details.get("peer_host")), count(details.get("peer_port"))
    return f"{host}:{port}" if port is not None else host


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

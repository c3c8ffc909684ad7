"""From what is known of a queue to the facts that everyone reads: one destination, and a group for each way of reading it."""

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, Member, Positions, Retention, Why
from signalbox.brokers.rabbitmq.queues import Queue
from signalbox.brokers.rabbitmq.rows import count, mapping, words

WELL = {"running": True, "idle": True, "flow": True}  # "flow": its publishers are slowed down just now
MEMBERS_MAX = 1000  # of one queue; the count is whole
SETTING_MAX = 200  # characters of one value
HELD = "kept from before the queue's leader or its node changed: the broker's figure is not to be trusted yet"
LISTED_TWICE = "the broker lists this queue more than once: the cluster was partitioned"
NO_LEADER_STATES = frozenset({"down", "minority", "stopped", "crashed"})
UNITS = {"Y": 31_536_000, "M": 2_592_000, "D": 86_400, "h": 3600, "m": 60, "s": 1}


def destination(queue: Queue, name: str) -> Destination:
    """Return the queue or stream itself."""
    figures, counters = queue.figures, queue.counters
    known = {**queue.policy, **{key.removeprefix("x-"): value for key, value in queue.arguments.items()}}
    return Destination(
        name=name,
        kind="stream" if queue.is_stream else f"{queue.kind} queue".strip(),
        identity=f"{queue.vhost}/{queue.name}",
        partitions=None,
        internal=is_internal(queue),
        messages=None if figures is None else figures.total,
        size_bytes=queue.size_bytes,
        retention=retention(queue, known),
        arrived=None if counters is None else counters.published,
        state=queue.state or "unknown",
        healthy=None if not queue.state else WELL.get(queue.state, False),
        why=_why(queue),
        settings=dict(_settings(queue, known)),
        dead_letters_to=dead_letters_to(known),
    )


def groups(queue: Queue, name: str) -> tuple[Group, ...]:
    """Return the queue's consumers as one group; for a stream also each reader that stores its offset under a name."""
    if not queue.is_stream:
        return (_queue_group(queue, name),)
    end = stream_end(queue)
    stored = (_stored_group(name, reference, at, end) for reference, at in queue.stored_offsets.items())
    return (_stream_group(queue, name), *stored)


def reader_name(stream: str, reference: str) -> str:
    """Return the group name of a stream's reader that stores its offset under this reference."""
    return f"{stream}: {reference}"


def is_internal(queue: Queue) -> bool:
    """The broker's own, and reply queues of one connection: thousands, gone in a moment."""
    return queue.exclusive or queue.name.startswith("amq.")


def stream_end(queue: Queue) -> int | None:
    """Return the last offset of a stream, where it can be known.

    The API does not tell it. A native consumer knows it; and while nothing limits the stream, nothing was ever cut off, so that
    it is the number of entries less one.
    """
    ends = [offset + lag for reader in queue.stream_readers for offset, lag in _place(reader)]
    if ends:
        return max(ends)
    limits = {"x-max-age", "x-max-length-bytes"} & queue.arguments.keys()
    limits |= {"max-age", "max-length-bytes"} & queue.policy.keys()
    return None if limits or queue.figures is None else queue.figures.ready - 1


def dead_letters_to(known: Mapping[str, Any]) -> str | None:
    """Return where dead letters go: a queue's name where the default exchange routes them, else the exchange."""
    exchange, key = known.get("dead-letter-exchange"), words(known.get("dead-letter-routing-key"))
    if not isinstance(exchange, str):
        return None
    if not exchange:
        return key or None  # no key: each message's own, which is the queue that it comes from
    return f"exchange {exchange}" + (f", key {key}" if key else "")


def retention(queue: Queue, known: Mapping[str, Any]) -> Retention:
    milliseconds = count(known.get("message-ttl"))
    return Retention(
        age_s=_age(known.get("max-age")) if queue.is_stream else None if milliseconds is None else milliseconds / 1000,
        size_bytes=count(known.get("max-length-bytes")),
        messages=count(known.get("max-length")),
        policy="delete" if queue.is_stream else "until acknowledged",
    )


def _queue_group(queue: Queue, name: str) -> Group:
    figures, counters = queue.figures, queue.counters
    notes = _notes(queue)
    if (
        queue.kind == "classic" and queue.capacity is not None and queue.consumers
    ):  # quorum queues say 1.0 whatever is so
        notes = (*notes, f"its consumers took a message at once {queue.capacity:.0%} of the time")
    return Group(
        name=name,
        kind="queue consumers",
        state=_state(queue),
        positions=_row(
            name,
            settled=None if counters is None else counters.settled,
            arrived=None if counters is None else counters.published,
            lag=None if figures is None else figures.total,
            why=_why(queue),
        ),
        lag=None if figures is None else figures.total,
        lag_partial=figures is not None and figures.unacked is None,
        members=_members(queue),
        member_count=_member_count(queue),
        members_at=queue.members_at,
        in_flight=None if figures is None else figures.unacked,
        waiting=None if figures is None else figures.ready,
        redelivered=None if counters is None else counters.redelivered,
        removed_unacked=None if counters is None else counters.removed_unacked,
        why=_why(queue),
        notes=notes,
    )


def _stream_group(queue: Queue, name: str) -> Group:
    """All who read a stream now. Its lag is that of the reader furthest behind, where the broker tells it."""
    places = [place for reader in queue.stream_readers for place in _place(reader)]
    worst = max(places, key=lambda place: place[1], default=None)
    untold = (_member_count(queue) or 0) - len(places)
    notes = _notes(queue)
    if untold > 0:
        notes = (*notes, f"how far {untold} of its readers are is not told: they use AMQP, or were given nothing yet")
    if not queue.offsets_told:
        notes = (*notes, "this version cannot tell the offsets that readers stored, as the stream was written by AMQP")
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
        lag_partial=worst is not None and untold > 0,
        members=_members(queue),
        member_count=_member_count(queue),
        members_at=queue.members_at,
        why=why,
        notes=notes,
    )


def _stored_group(name: str, reference: str, stored: int, end: int | None) -> Group:
    lag = None if end is None else max(end - stored, 0)
    why = Why.NOT_REPORTED if lag is None else Why.KNOWN
    notes: tuple[str, ...] = ("the place is the offset that this reader stored last",)
    if lag is None:
        notes = (*notes, "the stream's end is told by the broker only while a native client reads it")
    return Group(
        name=reader_name(name, reference),
        kind="stream reader by stored offset",
        state=GroupState.UNKNOWN,
        positions=_row(name, settled=stored + 1, arrived=None if end is None else end + 1, lag=lag, why=why),
        lag=lag,
        why=why,
        notes=notes,
    )


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
    if queue.figures is not None:
        return Why.KNOWN
    return Why.NO_LEADER if queue.state in NO_LEADER_STATES else Why.NO_ANSWER


def _state(queue: Queue) -> GroupState:
    consumers = _member_count(queue)
    if consumers is None:
        return GroupState.UNKNOWN
    return GroupState.ACTIVE if consumers else GroupState.EMPTY


def _member_count(queue: Queue) -> int | None:
    return queue.consumers if queue.members is None else len(_amqp_rows(queue)) + len(queue.stream_readers)


def _amqp_rows(queue: Queue) -> Sequence[Mapping[str, Any]]:
    """A stream's native readers are listed among its consumers too, as channel 0; who tells more of them is `stream_readers`."""
    rows = queue.members or ()
    if not queue.stream_readers:
        return rows
    return [row for row in rows if mapping(row.get("channel_details")).get("number") != 0]


def _members(queue: Queue) -> tuple[Member, ...] | None:
    if queue.members is None:
        return None
    rows = [_amqp_member(row) for row in _amqp_rows(queue)[:MEMBERS_MAX]]
    return (*rows, *(_stream_member(row) for row in queue.stream_readers[:MEMBERS_MAX]))


def _amqp_member(row: Mapping[str, Any]) -> Member:
    channel = mapping(row.get("channel_details"))
    prefetch, status = count(row.get("prefetch_count")), words(row.get("activity_status"))
    said = ["no prefetch limit" if prefetch == 0 else f"prefetch {prefetch}"] if prefetch is not None else []
    said += [status.replace("_", " ")] if status not in {"", "up", "single_active"} else []
    said += ["takes without acknowledging"] if row.get("ack_required") is False else []
    return Member(
        id=words(row.get("consumer_tag")),
        client=words(channel.get("user")) or words(row.get("consumer_tag")),
        host=_peer(channel),
        assigned={},
        note=", ".join(said),
    )


def _stream_member(row: Mapping[str, Any]) -> Member:
    connection = mapping(row.get("connection_details"))
    places = ", ".join(f"{lag} behind, at {offset}" for offset, lag in _place(row))
    return Member(
        id=f"{words(connection.get('name'))} {row.get('subscription_id', '')}",
        client=words(connection.get("user")) or words(connection.get("name")),
        host=_peer(connection),
        assigned={},
        note=places or "native stream client",
    )


def _peer(details: Mapping[str, Any]) -> str:
    host, port = words(details.get("peer_host")), count(details.get("peer_port"))
    return f"{host}:{port}" if port is not None else host


def _place(reader: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield a native reader's (offset, lag), or nothing: one that was given nothing yet is said to lag by 0, wherever it began."""
    offset, lag = count(reader.get("offset")), count(reader.get("offset_lag"))
    if offset is not None and lag is not None and (lag or count(reader.get("consumed"))):
        yield offset, lag


def _notes(queue: Queue) -> tuple[str, ...]:
    return (HELD,) * queue.held + (LISTED_TWICE,) * queue.listed_twice


def _settings(queue: Queue, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in sorted(known.items()):
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


def _age(value: object) -> float | None:
    """Return the seconds of a stream's max-age, such as "7D"; a limit alike in every unit."""
    match = re.fullmatch(r"(\d{1,9})([YMDhms])", words(value))
    return float(match[1]) * UNITS[match[2]] if match else None

"""The JSON of /api/v1. Null is unknown, never zero; times are seconds since the epoch, UTC."""

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

Time = Annotated[float, Meta(description="seconds since the epoch, UTC")]
Messages = Annotated[int | None, Meta(description="messages; null = unknown")]
Rate = Annotated[float | None, Meta(description="messages per second, average of the last minute; null = unknown")]
Bytes = Annotated[int | None, Meta(description="bytes of one replica; null = unknown or no limit")]
Item = TypeVar("Item")


class Resource(Struct, frozen=True, kw_only=True):
    """Fields of every resource: when it was read, and how old it is."""

    read_at: Annotated[float | None, Meta(description="last response of the broker, epoch seconds; null = none yet")]
    age_s: Annotated[float | None, Meta(description="seconds since read_at; null = never read")]
    stale: Annotated[bool, Meta(description="older than three reading intervals, or the connection is down")]


class TimeLagOut(Struct, frozen=True, kw_only=True):
    seconds: Annotated[float, Meta(description="age of the oldest unread message, seconds")]
    method: Annotated[str, Meta(description="measured, interpolated, at least, or at most")]


class VerdictOut(Struct, frozen=True, kw_only=True):
    status: Annotated[str, Meta(description="status, such as ok, behind, stalled")]
    sentence: Annotated[str, Meta(description="the problem and its cause, in words")]
    since: Time
    since_exact: Annotated[bool, Meta(description="false = the status is older than the first reading of Signalbox")]
    until: Annotated[float | None, Meta(description="when the group has caught up or loses data; null = unknown")]


class FlowOut(Struct, frozen=True, kw_only=True):
    lag: Messages
    lag_partial: Annotated[bool, Meta(description="true = some partitions are unknown, and lag is at least this")]
    lag_at_most: Annotated[
        bool, Meta(description="true = offsets that hold no message may be counted, and lag is at most this")
    ]
    approximate: Annotated[bool, Meta(description="true = the broker only estimates its counts")]
    time_lag: TimeLagOut | None
    rate_in: Rate
    rate_in_at_least: Annotated[bool, Meta(description="true = the broker does not count all arrivals")]
    rate_out: Rate
    rates_partial: Annotated[
        bool, Meta(description="true = some partitions are unknown, and the rates are at least these")
    ]
    caught_up_at: Annotated[float | None, Meta(description="when lag is zero at this rate; null = never or unknown")]


class GroupOut(Resource, frozen=True, kw_only=True):
    connection: str
    broker: Annotated[str, Meta(description="kafka, rabbitmq, nats, sqs")]
    name: str
    kind: str
    state: Annotated[str, Meta(description="active, empty, rebalancing, paused, unknown")]
    broker_state: Annotated[str, Meta(description="state as the broker names it; empty = none")]
    destinations: list[str]
    partitions: Annotated[int, Meta(description="partitions with a position; 1 for a queue")]
    member_count: Annotated[int | None, Meta(description="connected members; null = the broker does not report them")]
    in_flight: Annotated[int | None, Meta(description="messages delivered and not acknowledged; null = unknown")]
    waiting: Annotated[int | None, Meta(description="messages not delivered yet; null = unknown")]
    redelivered: Annotated[int | None, Meta(description="messages delivered more than once; null = unknown")]
    dead_lettering: Annotated[
        int | None, Meta(description="messages that the dead letter queue has not confirmed yet; null = not reported")
    ]
    verdict: VerdictOut
    flow: FlowOut


class MemberOut(Struct, frozen=True, kw_only=True):
    id: str
    client: str
    host: str
    assigned: Annotated[
        dict[str, list[int]] | None,
        Meta(description="destination -> partitions; empty while rebalancing, null = it cannot be decoded"),
    ]
    note: str


class GroupDetail(GroupOut, frozen=True, kw_only=True):
    coordinator: str | None
    notes: list[str]
    members: Annotated[list[MemberOut] | None, Meta(description="null = not reported or not read yet")]


class PartitionOut(Struct, frozen=True, kw_only=True):
    destination: str
    partition: int
    committed_offset: Annotated[int | None, Meta(description="next offset the group reads; null = none or unknown")]
    start_offset: Annotated[int | None, Meta(description="oldest offset kept; null = unknown")]
    end_offset: Annotated[int | None, Meta(description="next offset written; null = unknown")]
    last_progress_at: Annotated[
        float | None, Meta(description="when committed_offset last changed, epoch seconds; null = no change seen")
    ]
    member: str | None
    verdict: VerdictOut
    flow: FlowOut


class RetentionOut(Struct, frozen=True, kw_only=True):
    age_s: Annotated[float | None, Meta(description="seconds; null = no limit by age")]
    size_bytes: Bytes
    messages: Annotated[int | None, Meta(description="null = no limit by count")]
    policy: str


class DestinationOut(Resource, frozen=True, kw_only=True):
    connection: str
    broker: str
    name: str
    kind: str
    state: str
    internal: bool
    partitions: Annotated[int | None, Meta(description="null for queues without positions")]
    messages: Messages
    messages_at_most: Annotated[
        bool, Meta(description="true = offsets that hold no message may be counted, and messages is at most this")
    ]
    approximate: bool
    size_bytes: Bytes
    rate_in: Rate
    rate_in_at_least: Annotated[bool, Meta(description="true = the broker does not count all arrivals")]
    retention: Annotated[RetentionOut | None, Meta(description="null = not reported")]
    data_loss_at: Annotated[
        float | None, Meta(description="when a group first loses unread messages; null = not within 24 h, or unknown")
    ]
    consumer_groups: Annotated[list[str], Meta(description="consumer groups on the same connection")]
    dead_letters_to: str | None
    settings: dict[str, str]
    verdict: VerdictOut


class DestinationPartitionOut(Struct, frozen=True, kw_only=True):
    partition: int
    leader: Annotated[int | None, Meta(description="node id; null = none or unknown")]
    replicas: list[int]
    in_sync_replicas: list[int]
    start_offset: int | None
    end_offset: int | None
    size_bytes: Bytes
    rate_in: Rate
    unknown_reason: Annotated[str | None, Meta(description="why values are unknown; null = they are known")]


class NodeOut(Struct, frozen=True, kw_only=True):
    id: str
    address: str
    running: bool | None
    controller: bool
    version: str | None
    note: str


class LimitOut(Struct, frozen=True, kw_only=True):
    name: str
    used: int | None
    maximum: Annotated[int | None, Meta(description="null = no limit")]
    unit: str


class CollectionOut(Struct, frozen=True, kw_only=True):
    """One kind of request that Signalbox sends to the broker."""

    request: str
    interval_s: float
    duration_s: float
    completed_at: Time
    rows: int | None


class FaultOut(Struct, frozen=True, kw_only=True):
    resource: str
    reason: str
    detail: Annotated[str, Meta(description="the broker's response")]


class ConnectionOut(Resource, frozen=True, kw_only=True):
    name: str
    broker: str
    status: Annotated[str, Meta(description="connecting, connected, stale, down")]
    since: Time
    sentence: str
    error: str
    hint: str
    attempts: Annotated[int, Meta(description="failed attempts since the last response")]
    next_attempt_at: float | None
    product: str | None
    version: str | None
    groups: Annotated[int | None, Meta(description="null = never read")]
    groups_ok: Annotated[int | None, Meta(description="null = never read, or the connection is down")]
    groups_attention: Annotated[
        int | None, Meta(description="behind or more severe; null = never read, or the connection is down")
    ]
    destinations: Annotated[int | None, Meta(description="null = never read")]
    destinations_attention: Annotated[
        int | None, Meta(description="with a problem of their own; null = never read, or the connection is down")
    ]
    excluded: Annotated[
        int | None, Meta(description="internal or excluded names that are not listed; null = never read")
    ]
    tls_verified: bool


class ConnectionDetail(ConnectionOut, frozen=True, kw_only=True):
    nodes: Annotated[list[NodeOut] | None, Meta(description="null = not reported")]
    under_replicated: int | None
    offline: int | None
    alarms: list[str]
    limits: list[LimitOut]
    missing_permissions: list[str]
    notes: list[str]
    faults: Annotated[list[FaultOut], Meta(description="what could not be read: the first 1,000")]
    fault_count: Annotated[int, Meta(description="how many resources could not be read")]
    data_collection: list[CollectionOut]


class HistoryOut(Struct, frozen=True, kw_only=True):
    window: str
    step_s: float
    at: list[float]
    lag: Annotated[list[float | None], Meta(description="messages; null = no data, or not of all partitions")]
    lag_at_least: Annotated[
        list[float | None], Meta(description="messages, at least, where some partitions were unknown; null elsewhere")
    ]
    rate_in: list[float | None]
    rate_out: list[float | None]


class ChangeOut(Struct, frozen=True, kw_only=True):
    at: Time
    connection: str
    group: Annotated[str | None, Meta(description="null = the connection itself")]
    before: str
    after: str
    detail: str


class SearchResultOut(Struct, frozen=True, kw_only=True):
    kind: Annotated[str, Meta(description="connection, group, destination")]
    name: str
    location: Annotated[str, Meta(description="the connection of a group or destination, the broker of a connection")]
    href: str
    status: str


class Listing(Struct, Generic[Item], frozen=True, kw_only=True):
    items: list[Item]
    total: Annotated[int, Meta(description="number of matches, on all pages")]
    next: Annotated[str | None, Meta(description="cursor for the parameter after; null = last page")]
    previous: Annotated[str | None, Meta(description="cursor for the parameter before; null = first page")]


class Rows(Struct, Generic[Item], frozen=True, kw_only=True):
    items: list[Item]
    total: int
    first: Annotated[int, Meta(description="number of rows skipped")]

"""What /api/v1 answers with. Null is unknown, never zero; times are seconds since the epoch, UTC."""

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

Time = Annotated[float, Meta(description="seconds since the epoch, UTC")]
Messages = Annotated[int | None, Meta(description="messages; null = unknown")]
Rate = Annotated[float | None, Meta(description="messages a second, mean of the last minute; null = unknown")]
Bytes = Annotated[int | None, Meta(description="bytes, one copy; null = unknown or no limit")]
Item = TypeVar("Item")


class Resource(Struct, frozen=True, kw_only=True):
    """What every resource tells: when it was read and how old that is."""

    read_at: Annotated[float | None, Meta(description="when the broker last told, epoch seconds; null = never yet")]
    age_s: Annotated[float | None, Meta(description="seconds since read_at; null = never read")]
    stale: Annotated[bool, Meta(description="older than three of its reading intervals, or the connection is down")]


class TimeLagOut(Struct, frozen=True, kw_only=True):
    seconds: Annotated[float, Meta(description="age of the oldest unread message, seconds")]
    method: Annotated[str, Meta(description="measured, interpolated, or at least")]


class VerdictOut(Struct, frozen=True, kw_only=True):
    status: Annotated[str, Meta(description="one word of Signalbox's statuses, such as ok, behind, stalled")]
    sentence: Annotated[str, Meta(description="what is so and why, in a sentence")]
    since: Time
    since_exact: Annotated[bool, Meta(description="false = it was so already when Signalbox first looked")]
    until: Annotated[float | None, Meta(description="when it ends by itself (caught up, data lost); null = not known")]


class FlowOut(Struct, frozen=True, kw_only=True):
    lag: Messages
    lag_partial: Annotated[bool, Meta(description="true = partitions are unknown: the lag is at least this")]
    approximate: Annotated[bool, Meta(description="true = the broker itself calls its count approximate")]
    time_lag: TimeLagOut | None
    rate_in: Rate
    rate_out: Rate
    drained_at: Annotated[float | None, Meta(description="when it has caught up at this rate; null = never or unknown")]


class GroupOut(Resource, frozen=True, kw_only=True):
    connection: str
    broker: Annotated[str, Meta(description="kafka, rabbitmq, nats, sqs")]
    name: str
    kind: str
    state: Annotated[str, Meta(description="active, empty, rebalancing, paused, unknown")]
    broker_state: Annotated[str, Meta(description="the broker's own word for its state; empty = none")]
    destinations: list[str]
    partitions: Annotated[int, Meta(description="rows with positions; 1 for a queue")]
    members: Annotated[int | None, Meta(description="clients that read; null = not told")]
    in_flight: Messages
    waiting: Messages
    redelivered: Messages
    verdict: VerdictOut
    flow: FlowOut


class MemberOut(Struct, frozen=True, kw_only=True):
    id: str
    client: str
    host: str
    assigned: Annotated[dict[str, list[int]], Meta(description="destination -> partitions; empty while rebalancing")]
    note: str


class GroupDetail(GroupOut, frozen=True, kw_only=True):
    coordinator: str | None
    notes: list[str]
    member_list: Annotated[list[MemberOut] | None, Meta(description="null = not told or not yet read")]


class PartitionOut(Struct, frozen=True, kw_only=True):
    destination: str
    partition: int
    settled: Annotated[int | None, Meta(description="position of the group: next to read; null = none or unknown")]
    start: Annotated[int | None, Meta(description="oldest position kept; null = unknown")]
    end: Annotated[int | None, Meta(description="next position to be written; null = unknown")]
    moved_at: Annotated[float | None, Meta(description="when settled last moved as far as seen; null = never seen")]
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
    approximate: bool
    size_bytes: Bytes
    rate_in: Rate
    retention: Annotated[RetentionOut | None, Meta(description="null = not told")]
    loses_at: Annotated[
        float | None, Meta(description="when a reader first loses unread messages; null = not within a day")
    ]
    consumer_groups: Annotated[list[str], Meta(description="its consumer groups, on the same connection")]
    dead_letters_to: str | None
    settings: dict[str, str]
    verdict: VerdictOut


class DestinationPartitionOut(Struct, frozen=True, kw_only=True):
    partition: int
    leader: Annotated[int | None, Meta(description="a node's id; null = none or unknown")]
    replicas: list[int]
    in_sync: list[int]
    start: int | None
    end: int | None
    size_bytes: Bytes
    rate_in: Rate
    why: Annotated[str, Meta(description="known, or why its figures are not")]


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


class CallOut(Struct, frozen=True, kw_only=True):
    request: str
    interval_s: float
    duration_s: float
    at: Time
    rows: int | None


class FaultOut(Struct, frozen=True, kw_only=True):
    resource: str
    why: str
    detail: str


class ConnectionOut(Resource, frozen=True, kw_only=True):
    name: str
    broker: str
    link: Annotated[str, Meta(description="connecting, connected, stale, down")]
    since: Time
    sentence: str
    error: str
    hint: str
    attempts: int
    next_attempt_at: float | None
    product: str | None
    version: str | None
    groups: int
    groups_ok: int
    destinations: int
    excluded: Annotated[int, Meta(description="internal or excluded, left out")]
    tls_verified: bool


class ConnectionDetail(ConnectionOut, frozen=True, kw_only=True):
    nodes: Annotated[list[NodeOut] | None, Meta(description="null = not told")]
    under_replicated: int | None
    offline: int | None
    alarms: list[str]
    limits: list[LimitOut]
    missing_rights: list[str]
    notes: list[str]
    faults: list[FaultOut]
    calls: list[CallOut]


class HistoryOut(Struct, frozen=True, kw_only=True):
    window: str
    step_s: float
    at: list[float]
    lag: Annotated[list[float | None], Meta(description="messages; null = a gap: nothing was known")]
    rate_in: list[float | None]
    rate_out: list[float | None]


class ChangeOut(Struct, frozen=True, kw_only=True):
    at: Time
    connection: str
    group: Annotated[str | None, Meta(description="null = the connection itself")]
    before: str
    after: str
    detail: str


class HitOut(Struct, frozen=True, kw_only=True):
    """Something whose name holds the text that was searched for."""

    kind: Annotated[str, Meta(description="connection, group, destination")]
    name: str
    place: Annotated[str, Meta(description="the connection it is on")]
    href: str
    status: str


class Listing(Struct, Generic[Item], frozen=True, kw_only=True):
    items: list[Item]
    total: Annotated[int, Meta(description="how many match, on all pages")]
    next: Annotated[str | None, Meta(description="cursor: pass it as after; null = this is the last page")]
    previous: Annotated[str | None, Meta(description="cursor: pass it as before; null = this is the first page")]


class Rows(Struct, Generic[Item], frozen=True, kw_only=True):
    items: list[Item]
    total: int
    first: Annotated[int, Meta(description="how many rows were left out at the front")]

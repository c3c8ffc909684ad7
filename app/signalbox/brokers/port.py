"""What Signalbox asks of a broker, by role. Read this first.

Every method takes part in the same rules: it raises only errors of `signalbox.brokers.errors`, never a client library's; it never
blocks the event loop for long (steps are sliced); it is safe to cancel; it ends by itself within its stated time.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Protocol

from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot


class Inspector(Protocol):
    """Reads figures. Changes nothing at the broker, ever, and disturbs no consumer."""

    async def sweep(self) -> Snapshot:
        """Read every group and destination that the user may see, once.

        Partial failures are listed in the snapshot's `faults`, one per resource; what did not answer within the adapter's
        deadline is absent. Positions of groups are asked for before the ends they are compared with.

        Raises:
            BrokerError: nothing at all could be read; says why.
        """
        ...

    async def watch(self, groups: Collection[str]) -> Snapshot:
        """Read these groups and their destinations only, cheaply enough for once a second (see `watch_interval_s`).

        Groups that do not answer are in `faults`; names that the last sweep did not see are left out.

        Raises:
            BrokerError: nothing at all could be read.
        """
        ...

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return, per group, the time of the oldest unread message of its worst partitions, within 2 s and few requests.

        A group without an answer is left out. Needs Capability.TIME_LAG; returns {} without it.
        """
        ...


class Publisher(Protocol):
    """Sends messages, each confirmed by the broker."""

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        """Return only when the broker has confirmed that it stored the message.

        Raises:
            Unroutable: there is no such destination; nothing was stored.
            PublishRefused: the broker said no; nothing was stored.
            OutcomeUnknown: no confirm within `timeout_s`, or the connection broke: it may be stored.
        """
        ...


class Delivery(Protocol):
    """One message handed to a consumer, to be settled once."""

    message: Message
    redelivered: bool  # the broker says that it was handed out before; False where it does not tell

    async def ack(self) -> None:
        """Settle: it will not come again. On a Kafka partition everything before it is settled too."""
        ...

    async def release(self) -> None:
        """Give back: it comes again, soon, to this consumer or another of the group."""
        ...


class Consumer(Protocol):
    """Receives messages of one destination for one group."""

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        """Yield messages until closed; waits while there are none; goes on by itself after a reconnect.

        A group that is new begins with the oldest message kept. Closing the generator (`aclose`) leaves the group; what was not
        settled comes again. Where groups do not exist (queues), `group` names this consumer.

        Raises:
            DestinationMissing: no such destination.
        """
        ...


class Provisioner(Protocol):
    """Makes destinations. Used by the demo, the tests and the runtime; the dashboard has no route to it."""

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Make what does not exist yet; what exists is left as it is. Returns when it can be used.

        Raises:
            InvalidName: this broker cannot have such a name.
        """
        ...


class Broker(Inspector, Publisher, Consumer, Provisioner, Protocol):
    """One open connection to one broker or cluster, in all roles."""

    name: str  # the connection's name in the configuration
    kind: BrokerKind
    capabilities: frozenset[Capability]
    sweep_interval_s: float  # how often a sweep is worth its cost there
    watch_interval_s: float | None  # None: nothing is gained by asking more often than a sweep

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """Connect and sign in, or say exactly why not. Called again after a failure.

        Raises:
            BrokerError: the subclass says which step failed.
        """
        ...

    def cost_note(self, destinations: int) -> str | None:
        """Return what reading costs in money, a sentence with its source; None where reading is free."""
        ...

    async def close(self) -> None:
        """Close everything. May be called twice and before `connect`."""
        ...

"""The interface of a broker, by role. Read this first.

Every method raises errors of `signalbox.brokers.errors` only, yields to the event loop in long steps, may be canceled, and ends in time.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Protocol

from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot


class Inspector(Protocol):
    """Reads metrics. Never changes the broker and never affects a consumer."""

    async def sweep(self) -> Snapshot:
        """Read every group and destination that the user may see.

        The snapshot's `faults` lists the resources that failed; those that did not answer within the adapter's deadline are
        absent. Group positions are requested before the end offsets that they are compared with.

        Raises:
            BrokerError: nothing could be read.
        """
        ...

    async def watch(self, groups: Collection[str]) -> Snapshot:
        """Read these groups and their destinations, cheaply enough for every `watch_interval_s`.

        Groups that do not answer are in `faults`; names that the last sweep did not return are left out.

        Raises:
            BrokerError: nothing could be read.
        """
        ...

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return the time of the oldest unread message of each group's worst partitions, within `timeout_s` and with few requests.

        Groups without an answer are left out. Returns {} without Capability.TIME_LAG.
        """
        ...


class Publisher(Protocol):
    """Publishes messages; the broker confirms each."""

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        """Publish a message and return when the broker has confirmed that it is stored.

        Raises:
            Unroutable: the destination does not exist; nothing is stored.
            PublishRefused: the broker refused the message; nothing is stored.
            OutcomeUnknown: no confirm within `timeout_s`, or the connection broke: the message may be stored.
        """
        ...


class Delivery(Protocol):
    """One message delivered to a consumer: acknowledge or release it once."""

    message: Message
    redelivered: bool  # the broker says that the message was delivered before; False = not reported

    async def ack(self) -> None:
        """Acknowledge the message. On a Kafka partition this commits everything before it too."""
        ...

    async def release(self) -> None:
        """Return the message: the broker soon redelivers it to a consumer of the group."""
        ...


class Consumer(Protocol):
    """Receives messages from a destination as a member of a group."""

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        """Yield messages until closed. Waits while there are none, and reconnects after a lost connection.

        A new group starts at the oldest retained message. Closing the generator (`aclose`) leaves the group; messages that
        were not acknowledged are redelivered. For queues, which have no groups, `group` names this consumer.

        Raises:
            DestinationMissing: the destination does not exist, confirmed by repeated requests (see backoff.py).
        """
        ...


class Provisioner(Protocol):
    """Creates destinations for the demo, the tests and the runtime. The dashboard does not use it."""

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Create the destinations that do not exist; leave existing ones unchanged. Returns when they are usable.

        Raises:
            InvalidName: the broker does not allow a name.
        """
        ...


class Broker(Inspector, Publisher, Consumer, Provisioner, Protocol):
    """One connection to a broker or cluster, in all roles."""

    name: str  # of the connection, from the configuration
    kind: BrokerKind
    capabilities: frozenset[Capability]
    sweep_interval_s: float  # grows with the cost of a sweep
    watch_interval_s: float | None  # None: watching gives nothing newer than a sweep

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """Connect and sign in. May be called again after a failure.

        Raises:
            BrokerError: its subclass names the step that failed.
        """
        ...

    def cost_note(self, destinations: int) -> str | None:
        """Return the price of reading as a sentence with its source; None where reading is free."""
        ...

    async def close(self) -> None:
        """Close all connections. May be called twice, and before `connect`."""
        ...

"""What a snapshot says beside its figures: what could not be read, which rights are missing, what is not there to be read."""

from collections.abc import Iterator

from signalbox.brokers.errors import BrokerError, NotPermitted
from signalbox.brokers.model import Fault
from signalbox.brokers.rabbitmq.errors import why
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.sampling import Sampler
from signalbox.brokers.rabbitmq.signing_in import Missing

STATISTICS_OFF = "the broker's statistics are switched off: rates, consumers and policies are not known"
STREAMS_MISSING = "the plugin rabbitmq_stream_management is not there: how far readers of streams are is not known"


class Report:
    """Of one round. What was missing when the connection was made is said once, not as a fault of each call."""

    def __init__(self, sampler: Sampler, missing: Missing) -> None:
        self._sampler = sampler
        self._missing = missing
        self._without_api = bool(missing.management) and not sampler.listing.answered

    def faults(self) -> tuple[Fault, ...]:
        """Each resource that could not be read, once. What the watched queues' own calls said is told with them alone."""
        found: dict[str, BrokerError] = {}
        aside = {"single", "listing", "totals", "consumers"} if self._without_api else {"single"}
        for kind, errors in self._sampler.asker.errors.items():
            if kind not in aside:
                found |= errors
        for tier in (self._sampler.overview, self._sampler.nodes, self._sampler.alarms, self._sampler.streams):
            if tier.error is not None and not self._without_api and not isinstance(tier.error, NotPermitted):
                found.setdefault(tier.what, tier.error)
        return tuple(_fault(resource, error) for resource, error in found.items())

    def watched_faults(self, names: QueueNames) -> tuple[Fault, ...]:
        errors = self._sampler.asker.errors.get("single", {})
        watched = {f"queue {queue}": names.shown(vhost, queue) for vhost, queue in self._sampler.details.watched}
        return tuple(_fault(resource, error, watched.get(resource)) for resource, error in errors.items())

    def missing_rights(self) -> Iterator[str]:
        if self._without_api:
            return
        for tier in (self._sampler.overview, self._sampler.nodes, self._sampler.alarms, self._sampler.streams):
            if isinstance(tier.error, NotPermitted):
                yield f"the tag monitoring: {tier.what} is not open to this user"

    def notes(self) -> Iterator[str]:
        if self._missing.amqp:
            yield self._missing.amqp
        if self._without_api:
            yield self._missing.management
        if self._sampler.health.statistics_off:
            yield STATISTICS_OFF
        if self._sampler.details.streams_missing:
            yield STREAMS_MISSING
        if beyond := self._sampler.beyond:
            yield f"{beyond} more queues are in virtual hosts that are not configured or not open to this user"


def _fault(resource: str, error: BrokerError, name: str | None = None) -> Fault:
    return Fault(resource=resource, why=why(error), detail=error.problem, group=name, destination=name)

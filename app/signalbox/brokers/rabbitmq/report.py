"""The faults, missing permissions and notes of a sweep."""

from collections.abc import Iterator

from signalbox.brokers.errors import BrokerError, PermissionMissing
from signalbox.brokers.model import Fault
from signalbox.brokers.rabbitmq.errors import why_unknown
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.sampler import Sampler
from signalbox.brokers.rabbitmq.sign_in import UnavailableApis

STATISTICS_OFF = "The broker's statistics are turned off: rates, consumers and policies are unknown."
STREAMS_MISSING = "The plugin rabbitmq_stream_management is not enabled: the lag of stream readers is unknown."


class SweepReport:
    """The report of one sweep. An API that was unavailable at sign-in is noted once, not as a fault of each request."""

    def __init__(self, sampler: Sampler, unavailable: UnavailableApis) -> None:
        self._sampler = sampler
        self._unavailable = unavailable
        self._without_api = bool(unavailable.management) and not sampler.listing.has_answered
        requests = () if self._without_api else (sampler.overview, sampler.nodes, sampler.alarms, sampler.streams)
        self._errors = {request.name: request.error for request in requests if request.error is not None}

    def faults(self) -> tuple[Fault, ...]:
        """Return a fault for each resource that could not be read. Faults of watched queues are in `watched_faults`."""
        errors: dict[str, BrokerError] = {}
        skipped = {"watched", "listing", "totals", "consumers"} if self._without_api else {"watched"}
        for kind, by_resource in self._sampler.client.errors.items():
            if kind not in skipped:
                errors |= by_resource
        failed = {name: error for name, error in self._errors.items() if not isinstance(error, PermissionMissing)}
        return tuple(_fault(resource, error) for resource, error in (errors | failed).items())

    def watched_faults(self, names: QueueNames) -> tuple[Fault, ...]:
        errors = self._sampler.client.errors.get("watched", {})
        watched = {f"queue {queue}": names.qualified(vhost, queue) for vhost, queue in self._sampler.details.watched}
        return tuple(_fault(resource, error, watched.get(resource)) for resource, error in errors.items())

    def missing_permissions(self) -> Iterator[str]:
        for name, error in self._errors.items():
            if isinstance(error, PermissionMissing):
                yield f"the tag monitoring: this user has no access to {name}"

    def notes(self) -> Iterator[str]:
        if self._unavailable.amqp:
            yield self._unavailable.amqp
        if self._without_api:
            yield self._unavailable.management
        if self._sampler.health.statistics_off:
            yield STATISTICS_OFF
        if self._sampler.details.stream_plugin_missing:
            yield STREAMS_MISSING
        yield from self._sampler.client.api.clock_skew.notes()
        if unlisted := self._sampler.unlisted_queues:
            yield f"{unlisted} more queues are in virtual hosts that are not configured or not accessible to this user."


def _fault(resource: str, error: BrokerError, name: str | None = None) -> Fault:
    return Fault(resource=resource, why=why_unknown(error), detail=error.problem, group=name, destination=name)

"""The cases of sentences.txt about full streams, mirrors and sources."""

from collections.abc import Iterator
from dataclasses import replace

from signalbox.brokers.model import BrokerKind, Origin, RetentionLimits
from signalbox.monitoring.model import DestinationView, Reason, Status
from tests.unit.monitoring.readings import topic
from tests.unit.monitoring.views import destination_view, verdict


def copy_cases() -> Iterator[tuple[str, DestinationView]]:
    full = RetentionLimits(messages=1000, rejects=True)
    bucket = replace(topic([5], retention=full), kind="key-value bucket", messages=1000)
    yield "full", destination_view(verdict(Status.BEHIND, reason=Reason.FULL), kind=BrokerKind.NATS, destination=bucket)
    copy = replace(topic([5]), kind="stream")
    origins = {
        "error": Origin(name="ORDERS", mirror=True, lag=0, silent_s=24.0, error="stream not found"),
        "silent": Origin(name="ORDERS", mirror=True, lag=7, silent_s=24.0),
        "never contacted": Origin(name="ORDERS", mirror=False, silent_s=24.0, never_contacted=True),
    }
    broken = verdict(Status.BEHIND, reason=Reason.COPY_BROKEN)
    for case, origin in origins.items():
        stream = replace(copy, origins=(origin,))
        yield f"copy broken, {case}", destination_view(broken, kind=BrokerKind.NATS, destination=stream)
    source = Origin(name="EAST", mirror=False, lag=1, error="stream not found")
    stream = replace(copy, origins=(source, replace(source, name="WEST"), Origin(name="SOUTH", mirror=False, lag=0)))
    yield "copy broken, two of three sources", destination_view(broken, kind=BrokerKind.NATS, destination=stream)
    for mirror in (True, False):
        stream = replace(copy, origins=(Origin(name="ORDERS", mirror=mirror, lag=1200),))
        view = destination_view(verdict(Status.OK), kind=BrokerKind.NATS, destination=stream)
        yield f"ok, {'mirror' if mirror else 'source'} is behind", view

"""Verdicts and views for the tests of the sentences."""

from collections.abc import Iterable
from dataclasses import replace

from signalbox.brokers.model import BrokerKind, Destination, RetentionLimits
from signalbox.kernel.figures import NBSP
from signalbox.monitoring import words
from signalbox.monitoring.model import (
    ConnectionView,
    DestinationView,
    Flow,
    GroupView,
    LinkState,
    Status,
    TimeLag,
    TimeLagMethod,
    Verdict,
)
from tests.unit.monitoring.readings import T0, group, positions, topic

LOSING_GROUND = Flow(
    lag=1200, time_lag=TimeLag(seconds=195.0, method=TimeLagMethod.MEASURED), rate_in=118.0, rate_out=104.0
)


def verdict(status: Status, **facts: object) -> Verdict:
    return replace(Verdict(status=status, since=T0 - 2492), **facts)  # type: ignore[arg-type]  # any field by its name


def group_view(
    judged: Verdict,
    *,
    flow: Flow = LOSING_GROUND,
    connection: str = "kafka-prod",
    kind: BrokerKind = BrokerKind.KAFKA,
    rows: int = 2,
    topics: tuple[str, ...] = ("orders",),
) -> GroupView:
    at = replace(positions([0] * rows, [600] * rows), names=topics)
    return GroupView(
        connection=connection, kind=kind, group=group(at), read_at=T0, interval_s=5.0, verdict=judged, flow=flow
    )


def connection_view(name: str, link: LinkState, **facts: object) -> ConnectionView:
    base = ConnectionView(name=name, kind=BrokerKind.KAFKA, link=link, since=T0 - 60, answered_at=T0 - 1)
    return replace(base, **facts)  # type: ignore[arg-type]  # any field by its name


def destination_view(judged: Verdict, **facts: object) -> DestinationView:
    base = DestinationView(
        connection="kafka-prod",
        kind=BrokerKind.KAFKA,
        destination=topic([5] * 12, name="payments.events", retention=RetentionLimits(age_s=43_200.0, policy="delete")),
        read_at=T0,
        interval_s=5.0,
        verdict=judged,
        rate_in=854.0,
        consumer_groups=("billing", "fraud-scoring", "tax-writer"),
    )
    return replace(base, **facts)  # type: ignore[arg-type]  # any field by its name


def queue(**facts: object) -> Destination:
    base = Destination(name="emails", kind="quorum queue", identity="emails", partitions=None)
    return replace(base, **facts)  # type: ignore[arg-type]  # any field by its name


def text(sentence: Iterable[words.Span]) -> str:
    return words.plain(sentence).replace(NBSP, " ")

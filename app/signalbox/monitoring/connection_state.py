"""The state of one connection: link, last answer, last error, and its view. No I/O."""

from collections import Counter
from dataclasses import dataclass, replace

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall, BrokerKind, Capability, Scope, Snapshot
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.errors import ReadingFailed
from signalbox.monitoring.model import NEEDS_ATTENTION, SEVERITY, ConnectionView, LinkState, Status

FAULTS_MAX = 1000  # of one snapshot: a page shows fewer, and a broker may refuse every group


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """The facts of a connection that are known before its first answer."""

    name: str
    kind: BrokerKind
    interval_s: float
    capabilities: frozenset[Capability] = frozenset()
    watch_interval_s: float | None = None  # of groups on open pages; None: the same
    tls_verified: bool = True
    positional: bool = True  # its groups have offsets, not counters
    batch: tuple[str, ...] = ()  # patterns of groups that normally have no members


class ConnectionState:
    """Follows one connection; `view` is the same object until something in it changes."""

    def __init__(self, facts: ConnectionFacts, now: float) -> None:
        self._calls: dict[str, BrokerCall] = {}
        self.view = ConnectionView(
            name=facts.name,
            kind=facts.kind,
            link=LinkState.CONNECTING,
            since=now,
            answered_at=None,
            interval_s=facts.interval_s,
            watch_interval_s=facts.watch_interval_s,
            capabilities=facts.capabilities,
            tls_verified=facts.tls_verified,
        )

    def record_answer(self, snapshot: Snapshot, now: float, interval_s: float) -> None:
        """Take an answer; a full sweep also has the faults and the counts."""
        for call in snapshot.calls:
            self._calls[call.request] = call
        view = self._with_link(LinkState.CONNECTED, now)
        full = snapshot.scope is Scope.FULL
        self.view = replace(
            view,
            answered_at=min(now, max(snapshot.read_at, view.answered_at or 0.0)),  # the clock may have been set back
            interval_s=interval_s if full else view.interval_s,
            watch_interval_s=view.watch_interval_s if full else interval_s,
            error="",
            hint="",
            fault="",
            attempts=0,
            next_attempt_at=None,
            cluster=snapshot.cluster or view.cluster,
            faults=snapshot.faults[:FAULTS_MAX] if full else view.faults,
            fault_count=len(snapshot.faults) if full else view.fault_count,
            groups_unread=_groups_unread(snapshot) if full else view.groups_unread,
            calls=tuple(self._calls.values()),
            excluded=snapshot.excluded if full else view.excluded,
        )

    def record_failure(self, error: BrokerError, now: float, *, down: bool, next_attempt_at: float | None) -> None:
        """Take a failure; `down`: connecting itself failed."""
        view = self._with_link(LinkState.DOWN, now) if down else self.view
        self.view = replace(
            view,
            error=error.problem,
            hint=error.hint,
            fault=error.fault if isinstance(error, ReadingFailed) else "",
            attempts=view.attempts + 1,
            next_attempt_at=next_attempt_at,
        )

    def update_staleness(self, now: float) -> bool:
        view = self.view
        if view.link is not LinkState.CONNECTED or view.answered_at is None:
            return False
        if now - view.answered_at <= STALE_INTERVALS * view.interval_s:
            return False
        self.view = self._with_link(LinkState.STALE, now)
        return True

    def set_totals(self, groups: Counter[Status], *, destinations: int, destinations_attention: int) -> None:
        """Set the totals by status; while the connection is down, no group counts as ok."""
        attention = +Counter({status: groups[status] for status in NEEDS_ATTENTION})
        worst = min(
            (*attention, *[Status.BEHIND] * (destinations_attention > 0)), key=SEVERITY.__getitem__, default=Status.OK
        )
        view = replace(
            self.view,
            groups=groups.total(),
            groups_ok=0 if self.view.link is LinkState.DOWN else groups[Status.OK],
            groups_attention=attention.total(),
            destinations=destinations,
            destinations_attention=destinations_attention,
            most_severe=worst,
        )
        if view != self.view:
            self.view = view

    def _with_link(self, link: LinkState, now: float) -> ConnectionView:
        return self.view if self.view.link is link else replace(self.view, link=link, since=now)


def _groups_unread(snapshot: Snapshot) -> int:
    return len({fault.group for fault in snapshot.faults if fault.group is not None})

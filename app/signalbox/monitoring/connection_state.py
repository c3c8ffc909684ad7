"""How one connection is: its link, its last answer, its last error, and the view that pages draw. No I/O."""

from dataclasses import dataclass, replace

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall, BrokerKind, Capability, Scope, Snapshot
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import ConnectionView, LinkState

FAULTS_MAX = 1000  # of one reading: a page shows fewer, and a broker may refuse every group


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFacts:
    """What is known of a connection before it answers."""

    name: str
    kind: BrokerKind
    interval_s: float
    capabilities: frozenset[Capability] = frozenset()
    watch_interval_s: float | None = None  # of what a page shows; None: as often as everything
    tls_verified: bool = True
    positional: bool = True  # its groups have positions, not counters
    batch: tuple[str, ...] = ()  # patterns: groups whose absence of members is normal


class ConnectionState:
    """Follows one connection. `view` is the same object until something in it changes."""

    def __init__(self, opened: ConnectionFacts, now: float) -> None:
        self.opened = opened
        self._calls: dict[str, BrokerCall] = {}
        self.view = ConnectionView(
            name=opened.name,
            kind=opened.kind,
            link=LinkState.CONNECTING,
            since=now,
            answered_at=None,
            interval_s=opened.interval_s,
            watch_interval_s=opened.watch_interval_s,
            capabilities=opened.capabilities,
            tls_verified=opened.tls_verified,
        )

    def answered(self, snapshot: Snapshot, now: float, interval_s: float) -> None:
        """Note an answer; a whole reading also tells how the cluster is."""
        for call in snapshot.calls:
            self._calls[call.request] = call
        view = self._linked(LinkState.CONNECTED, now)
        whole = snapshot.scope is Scope.FULL
        self.view = replace(
            view,
            answered_at=min(
                now, max(snapshot.read_at, view.answered_at or 0.0)
            ),  # not later, if the clock was set back
            interval_s=interval_s if whole else view.interval_s,
            watch_interval_s=view.watch_interval_s if whole else interval_s,
            error="",
            hint="",
            attempts=0,
            next_attempt_at=None,
            cluster=snapshot.cluster or view.cluster,
            faults=snapshot.faults[:FAULTS_MAX] if whole else view.faults,
            calls=tuple(self._calls.values()),
            excluded=snapshot.excluded if whole else view.excluded,
        )

    def refused(self, error: BrokerError, now: float, *, down: bool, next_attempt_at: float | None) -> None:
        """Note that it did not answer; `down` says that connecting itself failed."""
        view = self._linked(LinkState.DOWN, now) if down else self.view
        self.view = replace(
            view, error=error.problem, hint=error.hint, attempts=view.attempts + 1, next_attempt_at=next_attempt_at
        )

    def tick(self, now: float) -> bool:
        """Let time pass; return whether the link became stale."""
        view = self.view
        if view.link is not LinkState.CONNECTED or view.answered_at is None:
            return False
        if now - view.answered_at <= STALE_INTERVALS * view.interval_s:
            return False
        self.view = self._linked(LinkState.STALE, now)
        return True

    def counted(self, *, groups: int, groups_ok: int, destinations: int) -> None:
        """Note the totals; of a connection that is down no group is known to be ok."""
        ok = 0 if self.view.link is LinkState.DOWN else groups_ok
        if (groups, ok, destinations) != (self.view.groups, self.view.groups_ok, self.view.destinations):
            self.view = replace(self.view, groups=groups, groups_ok=ok, destinations=destinations)

    def _linked(self, link: LinkState, now: float) -> ConnectionView:
        return self.view if self.view.link is link else replace(self.view, link=link, since=now)

"""The metrics of every group and connection for Prometheus, in its text format 0.0.4.

Unknown is no sample, never 0. Groups above the limits of number and name length are left out and counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from signalbox.kernel.exposition import Sample, encode, format_labels, metric
from signalbox.monitoring.model import ConnectionView, GroupView, HistoryUsage, LinkState
from signalbox.monitoring.service import Monitor

GROUPS_MAX = 10_000  # nine lines each: about 6 MB
LABEL_CHARACTERS_MAX = 1_024
LINES_PER_SLICE = 200  # between two looks at the clock
SLICE_S = 0.004  # of CPU, between two turns of the event loop: each turn may take as long again while a sweep is read

GROUP_STATUS = "signalbox_group_status"
GROUP_METRICS: Mapping[str, tuple[str, Callable[[GroupView, float], float | None]]] = {
    "signalbox_group_lag_messages": (
        "Unsettled messages of a consumer group; absent while unknown",
        lambda view, _: view.flow.lag,
    ),
    "signalbox_group_lag_partial": (
        "1 if partitions are unknown, so that lag and rates are minimums",
        lambda view, _: None if view.flow.lag is None else int(view.flow.lag_partial),
    ),
    "signalbox_group_lag_at_most": (
        "1 if offsets that hold no message may be counted, so that the lag is a maximum",
        lambda view, _: None if view.flow.lag is None else int(view.flow.lag_at_most),
    ),
    "signalbox_group_time_lag_seconds": (
        "Age of the oldest unsettled message of a consumer group",
        lambda view, _: None if view.flow.time_lag is None else view.flow.time_lag.seconds,
    ),
    "signalbox_group_in_messages_per_second": (
        "Messages that arrived for a consumer group, over the last minute",
        lambda view, _: view.flow.rate_in,
    ),
    "signalbox_group_out_messages_per_second": (
        "Messages that a consumer group settled, over the last minute",
        lambda view, _: view.flow.rate_out,
    ),
    "signalbox_group_members": ("Members of a consumer group", lambda view, _: _members(view)),
    GROUP_STATUS: ("1 for the present status of a consumer group", lambda _view, _now: 1),
    "signalbox_group_age_seconds": (
        "Time since a consumer group was read",
        lambda view, now: max(0.0, now - view.read_at),
    ),
}


async def exposition(monitor: Monitor, usage: HistoryUsage | None) -> AsyncIterator[bytes]:
    """Yield the answer to a scrape, in pieces of a few milliseconds. Waits for no broker and no database.

    `usage` is the history of all connections together: None for users who may not see all of them.
    """
    pending: list[str] = []
    began = time.thread_time()
    for lines in _all_lines(monitor, usage):
        pending += lines
        if time.thread_time() - began > SLICE_S:
            yield encode(pending)
            pending.clear()
            await asyncio.sleep(0)
            began = time.thread_time()
    yield encode(pending)


def _all_lines(monitor: Monitor, usage: HistoryUsage | None) -> Iterator[Iterator[str]]:
    """Yield the lines of all metrics, in steps of a fraction of a millisecond."""
    now, connections, groups = monitor.now(), monitor.connections(), monitor.groups()
    included = [group for group in groups if max(len(group.connection), len(group.name)) <= LABEL_CHARACTERS_MAX]
    included = included[:GROUPS_MAX]
    for name, (help_text, samples) in _connection_metrics(connections, groups, now).items():
        yield metric(name, "gauge", help_text, samples)
    yield from _group_metrics(included, now)
    help_text = "Groups without metrics: too many, or names too long"
    yield metric("signalbox_groups_left_out", "gauge", help_text, [({}, len(groups) - len(included))])
    for name, (kind, help_text, value) in ({} if usage is None else _history_metrics(usage, now)).items():
        yield metric(name, kind, help_text, [({}, value)])


def _group_metrics(groups: Sequence[GroupView], now: float) -> Iterator[Iterator[str]]:
    """Yield metric by metric, because the format wants the lines of one together."""
    labels: list[str] = []
    for view in groups:
        labels.append(format_labels({"connection": view.connection, "group": view.name}))
        if len(labels) % LINES_PER_SLICE == 0:
            yield iter(())
    for name, (help_text, value_of) in GROUP_METRICS.items():
        yield metric(name, "gauge", help_text, ())
        for begin in range(0, len(groups), LINES_PER_SLICE):
            end = begin + LINES_PER_SLICE
            yield _lines(name, groups[begin:end], labels[begin:end], value_of, now)


def _lines(
    name: str,
    groups: Sequence[GroupView],
    labels: Sequence[str],
    value_of: Callable[[GroupView, float], float | None],
    now: float,
) -> Iterator[str]:
    for view, label in zip(groups, labels, strict=True):
        value = value_of(view, now)
        if value is not None:
            status = f',status="{view.verdict.status}"' if name is GROUP_STATUS else ""
            yield f"{name}{{{label}{status}}} {value}\n"


def _members(view: GroupView) -> int | None:
    group = view.group
    if group.member_count is None and group.members is not None:
        return len(group.members)
    return group.member_count


def _connection_metrics(
    connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float
) -> dict[str, tuple[str, list[Sample]]]:
    named = [({"connection": view.name, "kind": str(view.kind)}, view) for view in connections]
    statuses = Counter((view.connection, str(view.verdict.status)) for view in groups)
    return {
        "signalbox_connection_up": (
            "1 if connected, 0 if down or stale; absent before the first answer",
            [(labels, int(v.link is LinkState.CONNECTED)) for labels, v in named if v.link is not LinkState.CONNECTING],
        ),
        "signalbox_connection_age_seconds": (
            "Time since the last answer of the broker",
            [(labels, None if v.answered_at is None else max(0.0, now - v.answered_at)) for labels, v in named],
        ),
        "signalbox_connection_failed": (
            "1 if Signalbox itself failed to read the connection; its log has the cause",
            [(labels, int(bool(v.fault))) for labels, v in named],
        ),
        "signalbox_connection_faults": (
            "Resources that could not be read in the last sweep",
            [(labels, v.fault_count) for labels, v in named if v.answered_at is not None],
        ),
        "signalbox_connection_call_seconds": (
            "Duration of the last request of each kind",
            [({**labels, "call": call.request}, call.duration_s) for labels, v in named for call in v.calls],
        ),
        "signalbox_groups": (
            "Consumer groups by status",
            [({"connection": name, "status": status}, count) for (name, status), count in statuses.items()],
        ),
    }


def _history_metrics(usage: HistoryUsage, now: float) -> dict[str, tuple[str, str, float | None]]:
    saved = None if usage.saved_at is None else max(0.0, now - usage.saved_at)
    return {
        "signalbox_history_bytes": ("gauge", "Bytes of history in the database", usage.bytes),
        "signalbox_history_budget_bytes": ("gauge", "Limit of the bytes of history", usage.budget_bytes),
        "signalbox_history_series": ("gauge", "Series in memory", usage.series),
        "signalbox_history_save_age_seconds": ("gauge", "Time since history was saved", saved),
        "signalbox_history_dropped_total": ("counter", "Samples dropped: the database did not answer", usage.dropped),
        "signalbox_history_refused_total": ("counter", "Samples of series above the memory limit", usage.refused),
        "signalbox_history_unreadable_total": ("counter", "Damaged packed hours", usage.unreadable),
    }

"""What Prometheus scrapes: the figures of every group and connection in its text format (version 0.0.4).

Unknown is no sample at all, never 0; beside each figure stands how old it is. Names are a broker's own: escaped, and those
that are too long for a label, or too many, are left out and counted.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from signalbox.kernel.exposition import Sample, encode, format_labels, metric
from signalbox.monitoring.model import ConnectionView, GroupView, HistoryUsage, LinkState
from signalbox.monitoring.service import Monitor

GROUPS_MAX = 10_000  # eight lines each: about 6 MB
LABEL_CHARACTERS_MAX = 1_024
SLICE = 1_000  # lines between two turns of the event loop: about 1 ms

Row = TypeVar("Row")
GROUP_STATUS = "signalbox_group_status"
GROUP_METRICS: Mapping[str, tuple[str, Callable[[GroupView, float], float | None]]] = {
    "signalbox_group_lag_messages": (
        "Messages that a consumer group has not settled; absent while not known",
        lambda view, _: view.flow.lag,
    ),
    "signalbox_group_lag_partial": (
        "1 if the lag is at least this, because partitions are not known",
        lambda view, _: None if view.flow.lag is None else int(view.flow.lag_partial),
    ),
    "signalbox_group_time_lag_seconds": (
        "Age of the oldest message that a consumer group has not settled",
        lambda view, _: None if view.flow.time_lag is None else view.flow.time_lag.seconds,
    ),
    "signalbox_group_in_messages_per_second": (
        "Messages that came in for a consumer group, over the last minute",
        lambda view, _: view.flow.rate_in,
    ),
    "signalbox_group_out_messages_per_second": (
        "Messages that a consumer group settled, over the last minute",
        lambda view, _: view.flow.rate_out,
    ),
    "signalbox_group_members": ("Clients that read for a consumer group", lambda view, _: _members(view)),
    GROUP_STATUS: ("1 for the status that a consumer group has", lambda _view, _now: 1),
    "signalbox_group_age_seconds": (
        "How long ago a consumer group was read",
        lambda view, now: max(0.0, now - view.read_at),
    ),
}


async def exposition(monitor: Monitor, usage: HistoryUsage | None) -> AsyncIterator[bytes]:
    """Give the answer to a scrape, in pieces of about a millisecond. Waits for no broker and no database.

    `usage` is of the history of all connections together: None for who may not see them all.
    """
    now, connections, groups = monitor.now(), monitor.connections(), monitor.groups()
    fitting = [group for group in groups if max(len(group.connection), len(group.name)) <= LABEL_CHARACTERS_MAX]
    fitting = fitting[:GROUPS_MAX]
    for name, (about, samples) in _of_connections(connections, groups, now).items():
        yield encode(metric(name, "gauge", about, samples))
    async for lines in _of_groups(fitting, now):
        yield encode(lines)
    left_out: list[Sample] = [({}, len(groups) - len(fitting))]
    yield encode(metric("signalbox_groups_left_out", "gauge", "Groups without lines", left_out))
    of_history = {} if usage is None else _of_history(usage, now)
    for name, (kind, about, value) in of_history.items():
        yield encode(metric(name, kind, about, [({}, value)]))


async def _of_groups(groups: Sequence[GroupView], now: float) -> AsyncIterator[Iterator[str]]:
    """One metric's lines must stand together: metric by metric, and many groups in slices."""
    labels: list[str] = []
    for some in _slices(groups):
        labels += [format_labels({"connection": view.connection, "group": view.name}) for view in some]
        await asyncio.sleep(0)
    for name, (about, figure) in GROUP_METRICS.items():
        yield metric(name, "gauge", about, ())
        for some, theirs in zip(_slices(groups), _slices(labels), strict=True):
            yield _lines(name, some, theirs, figure, now)
            await asyncio.sleep(0)


def _lines(
    name: str,
    groups: Sequence[GroupView],
    labels: Sequence[str],
    figure: Callable[[GroupView, float], float | None],
    now: float,
) -> Iterator[str]:
    for view, label in zip(groups, labels, strict=True):
        value = figure(view, now)
        if value is not None:
            more = f',status="{view.verdict.status}"' if name is GROUP_STATUS else ""
            yield f"{name}{{{label}{more}}} {value}\n"


def _slices(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[begin : begin + SLICE] for begin in range(0, len(rows), SLICE))


def _members(view: GroupView) -> int | None:
    group = view.group
    if group.member_count is None and group.members is not None:
        return len(group.members)
    return group.member_count


def _of_connections(
    connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float
) -> dict[str, tuple[str, list[Sample]]]:
    named = [({"connection": view.name, "kind": str(view.kind)}, view) for view in connections]
    statuses = Counter((view.connection, str(view.verdict.status)) for view in groups)
    return {
        "signalbox_connection_up": (
            "1 if the broker answers, 0 if it is down or its last answer is too old; absent before the first answer",
            [
                (labels, None if v.link is LinkState.CONNECTING else int(v.link is LinkState.CONNECTED))
                for labels, v in named
            ],
        ),
        "signalbox_connection_age_seconds": (
            "How long ago the broker answered",
            [(labels, None if v.answered_at is None else max(0.0, now - v.answered_at)) for labels, v in named],
        ),
        "signalbox_connection_faults": (
            "Resources that could not be read in the last sweep",
            [(labels, len(v.faults)) for labels, v in named if v.answered_at is not None],
        ),
        "signalbox_connection_call_seconds": (
            "How long a kind of question took when it was asked last",
            [({**labels, "call": call.request}, call.duration_s) for labels, v in named for call in v.calls],
        ),
        "signalbox_groups": (
            "Consumer groups by status",
            [({"connection": name, "status": status}, count) for (name, status), count in statuses.items()],
        ),
    }


def _of_history(usage: HistoryUsage, now: float) -> dict[str, tuple[str, str, float | None]]:
    saved = None if usage.saved_at is None else max(0.0, now - usage.saved_at)
    return {
        "signalbox_history_bytes": ("gauge", "Bytes of history in the database", usage.bytes),
        "signalbox_history_budget_bytes": ("gauge", "Bytes that history may take", usage.budget_bytes),
        "signalbox_history_series": ("gauge", "Series in memory", usage.series),
        "signalbox_history_save_age_seconds": ("gauge", "How long ago history was saved", saved),
        "signalbox_history_dropped_total": ("counter", "Samples that the database could not take", usage.dropped),
        "signalbox_history_refused_total": ("counter", "Samples of series beyond the bound of memory", usage.refused),
        "signalbox_history_unreadable_total": ("counter", "Packed hours that were damaged", usage.unreadable),
    }

"""What Prometheus scrapes: the figures of every group and connection in its text format (version 0.0.4).

Unknown is no sample at all, never 0; beside each figure stands how old it is. Names are a broker's own: escaped, and those
that are too long for a label, or too many, are left out and counted.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from app.monitoring.model import ConnectionView, GroupView, Link, Usage
from app.monitoring.service import Monitor

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GROUPS_MAX = 10_000  # nine lines each: about 12 MB, and half a second of work in slices
LABEL_CHARACTERS_MAX = 1_024
SLICE = 100  # groups between two turns of the event loop: about 2 ms
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Sample = tuple[Mapping[str, str], float | None]
"""Labels and a value; None = not known: no line."""

GROUP_METRICS = {
    "signalbox_group_lag_messages": "Messages that a consumer group has not settled; absent while not known",
    "signalbox_group_lag_partial": "1 if the lag is at least this, because partitions are not known",
    "signalbox_group_time_lag_seconds": "Age of the oldest message that a consumer group has not settled",
    "signalbox_group_in_messages_per_second": "Messages that came in for a consumer group, over the last minute",
    "signalbox_group_out_messages_per_second": "Messages that a consumer group settled, over the last minute",
    "signalbox_group_members": "Clients that read for a consumer group",
    "signalbox_group_status": "1 for the status that a consumer group has",
    "signalbox_group_age_seconds": "How long ago a consumer group was read",
}


async def exposition(monitor: Monitor, usage: Usage | None) -> bytes:
    """Return the whole answer to a scrape. Waits for no broker and no database.

    `usage` is of the history of all connections together: None for who may not see them all.
    """
    now, connections, groups = monitor.now(), monitor.connections(), monitor.groups()
    fitting = [group for group in groups if max(len(group.connection), len(group.name)) <= LABEL_CHARACTERS_MAX]
    fitting = fitting[:GROUPS_MAX]
    lines: list[str] = []
    for name, (about, samples) in _of_connections(connections, groups, now).items():
        lines += _metric(name, "gauge", about, samples)
    lines += await _of_groups(fitting, now)
    lines += _metric("signalbox_groups_left_out", "gauge", "Groups without lines", [({}, len(groups) - len(fitting))])
    of_history = {} if usage is None else _of_history(usage, now)
    for name, (kind, about, value) in of_history.items():
        lines += _metric(name, kind, about, [({}, value)])
    return "".join(lines).encode("utf-8", "replace")


async def _of_groups(groups: Sequence[GroupView], now: float) -> list[str]:
    """One metric's lines must stand together: they are collected per metric, and many groups in slices."""
    blocks: dict[str, list[str]] = {
        name: list(_metric(name, "gauge", about, ())) for name, about in GROUP_METRICS.items()
    }
    for count, view in enumerate(groups):
        labels = _labels({"connection": view.connection, "group": view.name})
        for name, value in zip(GROUP_METRICS, _figures(view, now), strict=True):
            if value is not None:
                more = f',status="{view.verdict.status}"' if name == "signalbox_group_status" else ""
                blocks[name].append(f"{name}{{{labels}{more}}} {value}\n")
        if count % SLICE == 0:
            await asyncio.sleep(0)
    return [line for block in blocks.values() for line in block]


def _figures(view: GroupView, now: float) -> tuple[float | None, ...]:
    """Return the values of GROUP_METRICS, in their order."""
    flow, group = view.flow, view.group
    members = group.member_count
    if members is None and group.members is not None:
        members = len(group.members)
    return (
        flow.lag,
        None if flow.lag is None else int(flow.lag_partial),
        flow.time_lag.seconds if flow.time_lag is not None else None,
        flow.rate_in,
        flow.rate_out,
        members,
        1,
        max(0.0, now - view.read_at),
    )


def _of_connections(
    connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float
) -> dict[str, tuple[str, list[Sample]]]:
    named = [({"connection": view.name, "kind": str(view.kind)}, view) for view in connections]
    statuses = Counter((view.connection, str(view.verdict.status)) for view in groups)
    return {
        "signalbox_connection_up": (
            "1 if the broker answers, 0 if it is down or its last answer is too old; absent before the first answer",
            [(labels, None if v.link is Link.CONNECTING else int(v.link is Link.CONNECTED)) for labels, v in named],
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
            [({**labels, "call": call.what}, call.took_s) for labels, v in named for call in v.calls],
        ),
        "signalbox_groups": (
            "Consumer groups by status",
            [({"connection": name, "status": status}, count) for (name, status), count in statuses.items()],
        ),
    }


def _of_history(usage: Usage, now: float) -> dict[str, tuple[str, str, float | None]]:
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


def _metric(name: str, kind: str, about: str, samples: Sequence[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        if value is not None:
            yield f"{name}{{{_labels(labels)}}} {value}\n" if labels else f"{name} {value}\n"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())

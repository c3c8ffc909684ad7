"""The diagram of a group's message flow: destinations, one line per partition, members. Layout only. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import PartitionView, Status

LINES_MAX = 16  # above, only partitions that are not ok have a line
TOP = 26.0
LINE_HEIGHT = 17.0
MEMBER_GAP = 8.0  # between the lines of two members
LAG_END_X = 875.0  # where the bar of a time lag ends
PIXELS_PER_DECADE = 100.0  # of time lag: 1 s is 0 px, 10 s is 100 px, 3 h are 400 px
LAG_WIDTH_MAX = 470.0
BLOCKED = frozenset({Status.STALLED, Status.STOPPED, Status.NO_MEMBERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLine:
    """One partition, or all ok partitions together."""

    y: float
    label: str
    tone: str = ""  # "" if ok
    mark: str = ""
    dotted: bool = False  # the time lag is unknown
    lag_from_x: float | None = None
    time_lag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagramLabel:
    """A destination on the left, or a member on the right."""

    y: float
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionDiagram:
    """The layout. `connectors` are SVG paths that join labels and lines."""

    height: float
    summary: str
    lines: tuple[PartitionLine, ...]
    destinations: tuple[DiagramLabel, ...]
    members: tuple[DiagramLabel, ...]
    connectors: tuple[str, ...]


def partition_diagram(
    group: str, partitions: Sequence[PartitionView], notes: Mapping[str, str]
) -> PartitionDiagram | None:
    """Lay out a group's partitions; None for fewer than two. `notes` maps each destination to its second line."""
    if len(partitions) < 2:
        return None
    drawn, ok_count = _select(partitions)
    drawn.sort(key=lambda p: (p.destination, p.member is None, p.member or "", p.partition))
    ys, bottom = _line_positions(drawn)
    lines = [_line(p, y, several_destinations=len(notes) > 1) for p, y in zip(drawn, ys, strict=True)]
    if ok_count:
        bottom += LINE_HEIGHT + (MEMBER_GAP if drawn else 0)
        lines.append(PartitionLine(y=bottom, label=f"{ok_count} ok"))
    destinations = _destinations(drawn, ys, bottom, notes)
    members = _members(drawn, ys)
    return PartitionDiagram(
        height=max([bottom, *(member.y for member in members)]) + 22,
        summary=_summary(group, partitions),
        lines=tuple(lines),
        destinations=destinations,
        members=members,
        connectors=(
            *_left_connectors(drawn, ys, destinations, bottom if ok_count else None),
            *_right_connectors(drawn, ys, members),
        ),
    )


def _select(partitions: Sequence[PartitionView]) -> tuple[list[PartitionView], int]:
    if len(partitions) <= LINES_MAX:
        return list(partitions), 0
    not_ok = [p for p in partitions if p.verdict.status is not Status.OK]
    return not_ok[:LINES_MAX], len(partitions) - len(not_ok)


def _line_positions(drawn: Sequence[PartitionView]) -> tuple[list[float], float]:
    ys: list[float] = []
    y = TOP - LINE_HEIGHT
    previous: tuple[str, str | None] | None = None
    for partition in drawn:
        owner = (partition.destination, partition.member)
        y += LINE_HEIGHT + (MEMBER_GAP if previous is not None and owner != previous else 0)
        previous = owner
        ys.append(y)
    return ys, y


def _line(partition: PartitionView, y: float, *, several_destinations: bool) -> PartitionLine:
    status = partition.verdict.status
    number = str(partition.partition)
    label = f"{partition.destination} {number}" if several_destinations else number
    if status is Status.OK:
        return PartitionLine(y=y, label=label)
    time_lag = partition.flow.time_lag
    return PartitionLine(
        y=y,
        label=label,
        tone=words.tone(status),
        mark=words.mark(status),
        dotted=time_lag is None,
        lag_from_x=None if time_lag is None else LAG_END_X - _lag_width(time_lag.seconds),
        time_lag="" if time_lag is None else figures.duration(time_lag.seconds),
    )


def _lag_width(seconds: float) -> float:
    return min(LAG_WIDTH_MAX, max(4.0, PIXELS_PER_DECADE * math.log10(max(seconds, 1.0))))


def _destinations(
    drawn: Sequence[PartitionView], ys: Sequence[float], bottom: float, notes: Mapping[str, str]
) -> tuple[DiagramLabel, ...]:
    names = list(dict.fromkeys(p.destination for p in drawn)) or list(notes)[:1]
    labels = []
    for name in names:
        own = [y for p, y in zip(drawn, ys, strict=True) if p.destination == name]
        middle = (min(own) + max(own)) / 2 if own and len(names) > 1 else (TOP + bottom) / 2
        labels.append(DiagramLabel(y=middle, name=name, note=notes.get(name, "")))
    return tuple(labels)


def _members(drawn: Sequence[PartitionView], ys: Sequence[float]) -> tuple[DiagramLabel, ...]:
    owned: dict[str, list[tuple[float, PartitionView]]] = {}
    for partition, y in zip(drawn, ys, strict=True):
        if partition.member is not None:
            owned.setdefault(partition.member, []).append((y, partition))
    labels: list[DiagramLabel] = []
    lowest = -math.inf
    for name, rows in sorted(owned.items(), key=lambda entry: sum(y for y, _ in entry[1]) / len(entry[1])):
        lowest = max(sum(y for y, _ in rows) / len(rows), lowest + LINE_HEIGHT)
        rates = [p.flow.rate_out for _, p in rows]
        known = [rate for rate in rates if rate is not None]
        note = figures.rate(sum(known)) if len(known) == len(rates) else "rate unknown"
        labels.append(DiagramLabel(y=lowest, name=name, note=note))
    return tuple(labels)


def _left_connectors(
    drawn: Sequence[PartitionView], ys: Sequence[float], destinations: Sequence[DiagramLabel], ok_y: float | None
) -> list[str]:
    label_ys = {label.name: label.y for label in destinations}
    paths = [f"M0 {y:g}H262" for y in label_ys.values()]
    paths += [f"M262 {label_ys[p.destination]:g}L308 {y:g}H905" for p, y in zip(drawn, ys, strict=True)]
    if ok_y is not None:
        paths += [f"M262 {y:g}L308 {ok_y:g}H905" for y in label_ys.values()]
    return paths


def _right_connectors(
    drawn: Sequence[PartitionView], ys: Sequence[float], members: Sequence[DiagramLabel]
) -> list[str]:
    label_ys = {label.name: label.y for label in members}
    return [
        f"M905 {y:g}h10L939 {label_ys[p.member]:g}H965" for p, y in zip(drawn, ys, strict=True) if p.member is not None
    ]


def _summary(group: str, partitions: Sequence[PartitionView]) -> str:
    members = {p.member for p in partitions if p.member is not None}
    names = sorted({p.destination for p in partitions})[:3]
    blocked = [f"{p.destination} {p.partition}" for p in partitions if p.verdict.status in BLOCKED]
    text = f"{len(members)} members of {group} read {len(partitions)} partitions of {', '.join(names)}."
    return text + (f" No progress on {', '.join(blocked[:6])}." if blocked else "")

"""The picture of who reads what: a destination, its partitions as rails, the members that read them. Geometry only. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import PartitionView, Status

RAILS_MAX = 16  # above, only what is not ok has a rail of its own
WIDTH = 1110
TOP = 26.0
RAIL = 17.0  # from rail to rail
BANK = 8.0  # more between the rails of two members
PIXELS_PER_DECADE = 100.0  # of time lag: 1 s is nothing, 10 s is 100, 3 h are 400
WAITING_MAX = 470.0
STANDS_STILL = frozenset({Status.STALLED, Status.STOPPED, Status.NO_MEMBERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """One partition, or the sum of those that are not drawn."""

    y: float
    label: str
    tone: str = ""  # "" is ok: drawn in the quiet of an ordinary rail
    mark: str = ""
    dotted: bool = False
    waits_from: float | None = None
    waits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A destination on the left, or a member on the right."""

    y: float
    name: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """All that the picture holds; `points` are paths without a status, drawn beneath."""

    height: float
    words: str
    rails: tuple[Rail, ...]
    destinations: tuple[Station, ...]
    members: tuple[Station, ...]
    points: tuple[str, ...]


def tracks(group: str, partitions: Sequence[PartitionView], notes: Mapping[str, str]) -> Tracks | None:
    """Lay out a group's partitions; None where there are not two of them. `notes` says a line about each destination."""
    if len(partitions) < 2:
        return None
    drawn, rest = _chosen(partitions)
    drawn.sort(key=lambda p: (p.destination, p.member is None, p.member or "", p.partition))
    heights, bottom = _heights(drawn)
    rails = [_rail(p, y, many=len(notes) > 1) for p, y in zip(drawn, heights, strict=True)]
    if rest:
        bottom += RAIL + (BANK if drawn else 0)
        rails.append(Rail(y=bottom, label=f"{rest} ok"))
    destinations = _destinations(drawn, heights, bottom, notes)
    members = _members(drawn, heights)
    return Tracks(
        height=max([bottom, *(m.y for m in members)]) + 22,
        words=_words(group, partitions),
        rails=tuple(rails),
        destinations=destinations,
        members=members,
        points=(
            *_left_points(drawn, heights, destinations, bottom if rest else None),
            *_right_points(drawn, heights, members),
        ),
    )


def _chosen(partitions: Sequence[PartitionView]) -> tuple[list[PartitionView], int]:
    if len(partitions) <= RAILS_MAX:
        return list(partitions), 0
    bad = [p for p in partitions if p.verdict.status is not Status.OK]
    return bad[:RAILS_MAX], len(partitions) - len(bad)


def _heights(drawn: Sequence[PartitionView]) -> tuple[list[float], float]:
    heights: list[float] = []
    y = TOP - RAIL
    bank: tuple[str, str | None] | None = None
    for partition in drawn:
        mine = (partition.destination, partition.member)
        y += RAIL + (BANK if bank is not None and mine != bank else 0)
        bank = mine
        heights.append(y)
    return heights, y


def _rail(partition: PartitionView, y: float, *, many: bool) -> Rail:
    status = partition.verdict.status
    label = f"{partition.destination} {partition.partition}" if many else str(partition.partition)
    if status is Status.OK:
        return Rail(y=y, label=label)
    time_lag = partition.flow.time_lag
    seconds = time_lag.seconds if time_lag is not None else None
    return Rail(
        y=y,
        label=label,
        tone=words.tone(status),
        mark=words.mark(status),
        dotted=seconds is None,
        waits_from=None if seconds is None else 875 - _length(seconds),
        waits="" if seconds is None else figures.duration(seconds),
    )


def _length(seconds: float) -> float:
    return min(WAITING_MAX, max(4.0, PIXELS_PER_DECADE * math.log10(max(seconds, 1.0))))


def _destinations(
    drawn: Sequence[PartitionView], heights: Sequence[float], bottom: float, notes: Mapping[str, str]
) -> tuple[Station, ...]:
    names = list(dict.fromkeys(p.destination for p in drawn)) or list(notes)[:1]
    stations = []
    for name in names:
        own = [y for p, y in zip(drawn, heights, strict=True) if p.destination == name]
        middle = (min(own) + max(own)) / 2 if own and len(names) > 1 else (TOP + bottom) / 2
        stations.append(Station(y=middle, name=name, note=notes.get(name, "")))
    return tuple(stations)


def _members(drawn: Sequence[PartitionView], heights: Sequence[float]) -> tuple[Station, ...]:
    owned: dict[str, list[tuple[float, PartitionView]]] = {}
    for partition, y in zip(drawn, heights, strict=True):
        if partition.member is not None:
            owned.setdefault(partition.member, []).append((y, partition))
    stations: list[Station] = []
    lowest = -math.inf
    for name, rows in sorted(owned.items(), key=lambda entry: sum(y for y, _ in entry[1]) / len(entry[1])):
        lowest = max(sum(y for y, _ in rows) / len(rows), lowest + RAIL)
        rates = [p.flow.rate_out for _, p in rows]
        known = [rate for rate in rates if rate is not None]
        stations.append(
            Station(y=lowest, name=name, note=figures.rate(sum(known)) if len(known) == len(rates) else "rate unknown")
        )
    return tuple(stations)


def _left_points(
    drawn: Sequence[PartitionView], heights: Sequence[float], destinations: Sequence[Station], rest: float | None
) -> list[str]:
    middles = {station.name: station.y for station in destinations}
    paths = [f"M0 {y:g}H262" for y in middles.values()]
    paths += [f"M262 {middles[p.destination]:g}L308 {y:g}H905" for p, y in zip(drawn, heights, strict=True)]
    if rest is not None:
        paths += [f"M262 {y:g}L308 {rest:g}H905" for y in middles.values()]
    return paths


def _right_points(drawn: Sequence[PartitionView], heights: Sequence[float], members: Sequence[Station]) -> list[str]:
    middles = {station.name: station.y for station in members}
    return [
        f"M905 {y:g}h10L939 {middles[p.member]:g}H965"
        for p, y in zip(drawn, heights, strict=True)
        if p.member is not None
    ]


def _words(group: str, partitions: Sequence[PartitionView]) -> str:
    members = {p.member for p in partitions if p.member is not None}
    names = {p.destination for p in partitions}
    still = [f"{p.destination} {p.partition}" for p in partitions if p.verdict.status in STANDS_STILL]
    told = f"{len(partitions)} partitions of {', '.join(sorted(names)[:3])} lead to {len(members)} members of {group}."
    return told + (f" Nothing moves on {', '.join(still[:6])}." if still else "")

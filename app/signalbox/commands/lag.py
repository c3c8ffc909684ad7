"""`signalbox lag`: one direct sweep of every connection, without a server; with --watch again and again, then with rates."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import click
import msgspec

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import UNKNOWN, Group, Snapshot
from signalbox.brokers.port import Broker
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.commands.naming import connection_named
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.printing import safe, shortened, table
from signalbox.kernel.figures import count, rate_number

HEAD = ("Connection", "Group", "Kind", "State", "Lag", "Members", "In /s", "Out /s")
FIGURES = frozenset({4, 5, 6, 7})
PROBLEM_LENGTH_MAX = 400  # a broker's own words may be long


class Row(msgspec.Struct, kw_only=True):
    """One group of one sweep. `null` is unknown; rates are messages a second since the sweep before, with --watch only."""

    connection: str
    group: str
    kind: str
    state: str
    lag: int | None
    lag_partial: bool
    approximate: bool
    members: int | None
    destinations: Sequence[str]
    read_at: float
    rate_in: float | None = None
    rate_out: float | None = None


class Swept(msgspec.Struct, kw_only=True):
    """One sweep of all connections: the groups, dearest first, and what could not be read."""

    groups: Sequence[Row]
    problems: Sequence[str]


@dataclass(slots=True)
class Reading:
    """A broker and what it answered last."""

    broker: Broker
    timeout_s: float
    connected: bool = False
    last: Snapshot | None = None


@click.command("lag")
@config_option
@json_option
@click.option("--connection", "only", help="Only this connection.")
@click.option("--group", "pattern", default="*", help="Only groups whose name fits this shell pattern.")
@click.option("--watch", "every_s", type=click.FloatRange(min=1), help="Read again every so many seconds.")
def command(*, load: LoadConfiguration, as_json: bool, only: str | None, pattern: str, every_s: float | None) -> None:
    """Read every group's lag once, without a server."""
    configuration = load()
    if only is not None:
        connection_named(only, configuration)
    chosen = [settings for settings in configuration.many(ConnectionSettings) if only in (None, settings.name)]
    if not chosen:
        raise click.UsageError("no connection is configured")
    try:
        swept = asyncio.run(_read(chosen, pattern, every_s, as_json=as_json))
    except KeyboardInterrupt:
        return
    sys.exit(1 if swept.problems else 0)


async def _read(chosen: Sequence[ConnectionSettings], pattern: str, every_s: float | None, *, as_json: bool) -> Swept:
    readings = [Reading(open_broker(settings), settings.timeout_s) for settings in chosen]
    try:
        while True:
            swept = await _sweep(readings, pattern)
            _print(swept, as_json=as_json)
            if every_s is None:
                return swept
            await asyncio.sleep(every_s)
    finally:
        await asyncio.gather(*(reading.broker.close() for reading in readings))


async def _sweep(readings: Sequence[Reading], pattern: str) -> Swept:
    answers = await asyncio.gather(*(_one(reading) for reading in readings))
    rows = [row for rows, _ in answers for row in rows if fnmatchcase(row.group, pattern)]
    rows.sort(key=lambda row: (-(row.lag if row.lag is not None else UNKNOWN), row.connection, row.group))
    return Swept(groups=rows, problems=[problem for _, problems in answers for problem in problems])


async def _one(reading: Reading) -> tuple[list[Row], list[str]]:
    broker = reading.broker
    try:
        if not reading.connected:
            await broker.connect(timeout_s=reading.timeout_s)
            reading.connected = True
        snapshot = await broker.sweep()
    except BrokerError as error:
        reading.connected = False
        return [], [str(error)]
    before, reading.last = reading.last, snapshot
    faults = [f"{broker.name}: {fault.resource} was not read: {fault.why}, {fault.detail}" for fault in snapshot.faults]
    return [_row(broker.name, group, snapshot, before) for group in snapshot.groups.values()], faults


def _row(connection: str, group: Group, snapshot: Snapshot, before: Snapshot | None) -> Row:
    earlier = before.groups.get(group.name) if before else None
    passed = snapshot.read_at - before.read_at if before else 0.0
    return Row(
        connection=connection,
        group=group.name,
        kind=group.kind,
        state=group.state_text or group.state,
        lag=group.lag,
        lag_partial=group.lag_partial,
        approximate=group.approximate,
        members=group.member_count,
        destinations=group.destinations,
        read_at=snapshot.read_at,
        rate_in=_rate(_counter(group, "arrived"), _counter(earlier, "arrived") if earlier else None, passed),
        rate_out=_rate(_counter(group, "settled"), _counter(earlier, "settled") if earlier else None, passed),
    )


def _counter(group: Group, column: str) -> Mapping[tuple[str, int], int]:
    """Return a counter per partition, where it is known."""
    positions = group.positions
    values = getattr(positions, column)
    return {
        (positions.names[positions.destination[row]], positions.partition[row]): values[row]
        for row in range(len(positions))
        if values[row] != UNKNOWN
    }


def _rate(
    now: Mapping[tuple[str, int], int], before: Mapping[tuple[str, int], int] | None, passed_s: float
) -> float | None:
    """Return messages a second over the partitions known both times; None where there is none, or where a counter fell."""
    steps = [now[key] - before[key] for key in now if key in before] if before else []
    if not steps or passed_s <= 0 or min(steps) < 0:
        return None
    return sum(steps) / passed_s


def _print(swept: Swept, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(swept))
        return
    rows = [_cells(row) for row in swept.groups]
    click.echo(table(HEAD, rows, right=FIGURES) if rows else "No consumer groups.")
    for problem in swept.problems:
        click.echo(safe(problem)[:PROBLEM_LENGTH_MAX], err=True)
    click.echo("")


def _cells(row: Row) -> tuple[str, ...]:
    lag = count(row.lag, approximate=row.approximate)
    return (
        row.connection,
        shortened(row.group),
        row.kind,
        shortened(row.state),
        f"at least {lag}" if row.lag_partial and row.lag is not None else lag,
        count(row.members),
        rate_number(row.rate_in),
        rate_number(row.rate_out),
    )

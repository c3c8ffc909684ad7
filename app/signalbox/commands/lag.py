"""`signalbox lag`: one direct sweep of every connection, without a server; --watch repeats it and adds rates."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import click
import msgspec

from signalbox.brokers.model import UNKNOWN, Group, Snapshot, Why
from signalbox.brokers.port import Broker
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.commands.broker_access import close_quietly, connection_error, read
from signalbox.commands.names import configured_connection
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.printing import encoded, safe, shortened, table
from signalbox.kernel.figures import bound, number, rate_number

HEADER = ("Connection", "Group", "Kind", "State", "Lag", "Members", "In /s", "Out /s")
NUMBERS = frozenset({4, 5, 6, 7})
PROBLEM_LENGTH_MAX = 400  # a broker's error text may be long


class GroupLag(msgspec.Struct, kw_only=True):
    """The lag of one group. `null` is unknown. Rates are messages/s since the previous sweep, with --watch only."""

    connection: str
    group: str
    kind: str
    state: str
    lag: int | None
    lag_partial: bool
    lag_at_most: bool
    approximate: bool
    members: int | None
    destinations: Sequence[str]
    read_at: float
    rate_in: float | None = None
    rate_out: float | None = None


class LagReport(msgspec.Struct, kw_only=True):
    """One sweep of all connections: groups by lag, largest first, problems, and notes on connections without groups."""

    groups: Sequence[GroupLag]
    problems: Sequence[str]
    notes: Sequence[str] = ()


@dataclass(slots=True)
class PolledBroker:
    """A broker and its last snapshot."""

    broker: Broker
    timeout_s: float
    connected: bool = False
    last: Snapshot | None = None


@click.command("lag")
@config_option
@json_option
@click.option("--connection", "only", help="Only this connection.")
@click.option("--group", "pattern", default="*", help="Only groups whose name matches this shell pattern.")
@click.option("--watch", "every_s", type=click.FloatRange(min=1), help="Repeat every N seconds.")
def command(*, load: LoadConfiguration, as_json: bool, only: str | None, pattern: str, every_s: float | None) -> None:
    """Print the lag of every group, without a server."""
    configuration = load()
    if only is not None:
        configured_connection(only, configuration)
    selected = [settings for settings in configuration.many(ConnectionSettings) if only in (None, settings.name)]
    if not selected:
        raise click.UsageError("No connections are configured. Add [[connections]] to signalbox.toml.")
    try:
        report = asyncio.run(_run(selected, pattern, every_s, as_json=as_json))
    except KeyboardInterrupt:
        return
    sys.exit(1 if report.problems else 0)


async def _run(
    selected: Sequence[ConnectionSettings], pattern: str, every_s: float | None, *, as_json: bool
) -> LagReport:
    brokers = [PolledBroker(open_broker(settings), settings.timeout_s) for settings in selected]
    try:
        while True:
            report = await _sweep(brokers, pattern)
            _print(report, as_json=as_json)
            if every_s is None:
                return report
            await asyncio.sleep(every_s)
    finally:
        await asyncio.gather(*(close_quietly(polled.broker) for polled in brokers))


async def _sweep(brokers: Sequence[PolledBroker], pattern: str) -> LagReport:
    answers = await asyncio.gather(*(_read_broker(polled) for polled in brokers))
    rows = [row for rows, _ in answers for row in rows if fnmatchcase(row.group, pattern)]
    rows.sort(key=lambda row: (-(row.lag if row.lag is not None else UNKNOWN), row.connection, row.group))
    problems = [problem for _, problems in answers for problem in problems]
    return LagReport(groups=rows, problems=problems, notes=[note for polled in brokers for note in _notes(polled)])


def _notes(polled: PolledBroker) -> list[str]:
    """Return what explains that a connection has no groups, such as a region without queues."""
    snapshot = polled.last
    if not polled.connected or snapshot is None or snapshot.groups or snapshot.cluster is None:
        return []
    return [f"{polled.broker.name}: {note}" for note in snapshot.cluster.notes]


async def _read_broker(polled: PolledBroker) -> tuple[list[GroupLag], list[str]]:
    broker = polled.broker
    try:
        snapshot = await read(broker, polled.timeout_s, connect=not polled.connected)
        polled.connected = True
    except Exception as raised:  # noqa: BLE001 - the other connections are read whatever happens to one
        polled.connected = False
        return [], [str(connection_error(broker.name, raised))]
    before, polled.last = polled.last, snapshot
    faults = [f"{broker.name}: {fault.resource} was not read: {fault.why}, {fault.detail}" for fault in snapshot.faults]
    return [_row(broker.name, group, snapshot, before) for group in snapshot.groups.values()], faults


def _row(connection: str, group: Group, snapshot: Snapshot, before: Snapshot | None) -> GroupLag:
    previous = before.groups.get(group.name) if before else None
    elapsed_s = snapshot.read_at - before.read_at if before else 0.0
    return GroupLag(
        connection=connection,
        group=group.name,
        kind=group.kind,
        state=group.state_text or group.state,
        lag=group.lag,
        lag_partial=group.lag_partial,
        lag_at_most=group.lag_at_most,
        approximate=group.approximate,
        members=group.member_count,
        destinations=group.destinations,
        read_at=snapshot.read_at,
        rate_in=_rate(_counter(group, "arrived"), _counter(previous, "arrived") if previous else None, elapsed_s),
        rate_out=_rate(_counter(group, "settled"), _counter(previous, "settled") if previous else None, elapsed_s),
    )


def _counter(group: Group, column: str) -> Mapping[tuple[str, int], int]:
    """Return a counter by partition, without unknown values."""
    positions = group.positions
    values = getattr(positions, column)
    skipped = Why.BEYOND_END if column == "settled" else None  # no message has led to a commit past the end
    return {
        (positions.names[positions.destination[row]], positions.partition[row]): values[row]
        for row in range(len(positions))
        if values[row] != UNKNOWN and positions.row_why(row) is not skipped
    }


def _rate(
    now: Mapping[tuple[str, int], int], before: Mapping[tuple[str, int], int] | None, elapsed_s: float
) -> float | None:
    """Return messages/s over partitions known in both sweeps; None if there are none or a counter fell."""
    steps = [now[key] - before[key] for key in now if key in before] if before else []
    if not steps or elapsed_s <= 0 or min(steps) < 0:
        return None
    return sum(steps) / elapsed_s


def _print(report: LagReport, *, as_json: bool) -> None:
    if as_json:
        click.echo(encoded(report))
        return
    rows = [_cells(row) for row in report.groups]
    none = "No consumer group was read." if report.problems else "No consumer groups."
    click.echo(table(HEADER, rows, right=NUMBERS) if rows else none)
    for problem in (*report.problems, *report.notes):
        click.echo(safe(problem)[:PROBLEM_LENGTH_MAX], err=True)
    click.echo("")


def _cells(row: GroupLag) -> tuple[str, ...]:
    lag = number(row.lag, approximate=row.approximate)
    return (
        row.connection,
        shortened(row.group),
        row.kind,
        shortened(row.state),
        lag if row.lag is None else f"{bound(at_least=row.lag_partial, at_most=row.lag_at_most)} {lag}".lstrip(),
        number(row.members),
        rate_number(row.rate_in),
        rate_number(row.rate_out),
    )

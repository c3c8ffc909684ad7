"""`signalbox check`: check the configuration and test every connection, its permissions and the cost of a sweep."""

import asyncio
import sys
from collections.abc import Sequence

import click
import msgspec

from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.commands.broker_access import close_quietly, connection_error, read
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.printing import encoded, safe
from signalbox.storage.settings import DatabaseSettings

CHECKED_AT_ONCE = 8


class ConnectionCheck(msgspec.Struct, kw_only=True):
    """The result of checking one connection."""

    connection: str
    kind: str
    ok: bool
    product: str | None = None
    version: str | None = None
    destinations: int | None = None
    groups: int | None = None
    excluded: int | None = None
    problem: str | None = None
    hint: str | None = None
    missing_permissions: Sequence[str] = ()
    notes: Sequence[str] = ()
    not_read: Sequence[str] = ()
    cost: str | None = None


@click.command("check")
@config_option
@json_option
def command(*, load: LoadConfiguration, as_json: bool) -> None:
    """Check the configuration and test every connection."""
    configuration = load()
    checks = asyncio.run(_check_all(configuration.many(ConnectionSettings)))
    if as_json:
        click.echo(encoded(checks))
    else:
        source = configuration.path or "no file, defaults only"
        click.echo(f"Configuration is valid ({source}). Database: {configuration.one(DatabaseSettings).redacted_url}.")
        if not checks:
            click.echo("No connections are configured. Add [[connections]] to signalbox.toml.")
        for check in checks:
            _print(check)
    if not all(check.ok for check in checks):
        sys.exit(1)


async def _check_all(connections: Sequence[ConnectionSettings]) -> list[ConnectionCheck]:
    slots = asyncio.Semaphore(CHECKED_AT_ONCE)

    async def check(settings: ConnectionSettings) -> ConnectionCheck:
        async with slots:
            return await _check(settings)

    return list(await asyncio.gather(*(check(settings) for settings in connections)))


async def _check(settings: ConnectionSettings) -> ConnectionCheck:
    check = ConnectionCheck(connection=settings.name, kind=settings.kind, ok=False)
    broker = open_broker(settings)
    try:
        snapshot = await read(broker, settings.timeout_s, connect=True)
    except Exception as raised:  # noqa: BLE001 - the other connections are checked whatever happens to one
        error = connection_error(settings.name, raised)
        check.problem, check.hint = error.problem, error.hint
        return check
    finally:
        await close_quietly(broker)
    check.ok = True
    check.destinations, check.groups, check.excluded = (
        len(snapshot.destinations),
        len(snapshot.groups),
        snapshot.excluded,
    )
    check.not_read = [f"{fault.resource} was not read: {fault.why}, {fault.detail}" for fault in snapshot.faults]
    check.cost = broker.cost_note(len(snapshot.destinations))
    if snapshot.cluster is not None:
        check.product, check.version = snapshot.cluster.product, snapshot.cluster.version
        check.missing_permissions, check.notes = snapshot.cluster.missing_permissions, snapshot.cluster.notes
    return check


def _print(check: ConnectionCheck) -> None:
    if not check.ok:
        click.echo(f"{check.connection} ({check.kind}): {safe(check.problem or '')} {safe(check.hint or '')}".rstrip())
        return
    product = " ".join(part for part in (check.product or check.kind, check.version) if part)
    line = f"{check.connection} ({safe(product)}): connected, {check.destinations} destinations, {check.groups} groups"
    click.echo(line + (f", {check.excluded} excluded" if check.excluded else ""))
    for right in check.missing_permissions:
        click.echo(f"  missing permission: {safe(right)}")
    for text in (*check.not_read, *check.notes):
        click.echo(f"  {safe(text)}")
    if check.cost:
        click.echo(f"  {check.cost}")

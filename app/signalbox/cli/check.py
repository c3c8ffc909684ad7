"""`signalbox check`: the configuration, then every connection: what answers, what may be seen, what asking costs."""

import asyncio
import sys
from collections.abc import Sequence

import click
import msgspec

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.printing import safe
from signalbox.storage.settings import DatabaseSettings

CHECKED_AT_ONCE = 8


class Checked(msgspec.Struct, kw_only=True):
    """What one connection answered."""

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
    """Check the configuration and every connection."""
    configuration = load()
    checked = asyncio.run(_check_all(configuration.many(ConnectionSettings)))
    if as_json:
        click.echo(msgspec.json.encode(checked))
    else:
        place = configuration.path or "no file: all defaults"
        click.echo(f"Configuration is right ({place}). Database {configuration.one(DatabaseSettings).redacted_url}.")
        if not checked:
            click.echo("No connection is configured: add [[connections]] to signalbox.toml.")
        for one in checked:
            _print(one)
    if not all(one.ok for one in checked):
        sys.exit(1)


async def _check_all(connections: Sequence[ConnectionSettings]) -> list[Checked]:
    places = asyncio.Semaphore(CHECKED_AT_ONCE)

    async def one(settings: ConnectionSettings) -> Checked:
        async with places:
            return await _check(settings)

    return list(await asyncio.gather(*(one(settings) for settings in connections)))


async def _check(settings: ConnectionSettings) -> Checked:
    found = Checked(connection=settings.name, kind=settings.kind, ok=False)
    try:
        broker = open_broker(settings)
    except BrokerError as error:
        found.problem, found.hint = error.problem, error.hint
        return found
    try:
        await broker.connect(timeout_s=settings.timeout_s)
        snapshot = await broker.sweep()
    except BrokerError as error:
        found.problem, found.hint = error.problem, error.hint
        return found
    finally:
        await broker.close()
    found.ok = True
    found.destinations, found.groups, found.excluded = (
        len(snapshot.destinations),
        len(snapshot.groups),
        snapshot.excluded,
    )
    found.not_read = [f"{fault.resource}: {fault.why}, {fault.detail}" for fault in snapshot.faults]
    found.cost = broker.cost_note(len(snapshot.destinations))
    if snapshot.cluster is not None:
        found.product, found.version = snapshot.cluster.product, snapshot.cluster.version
        found.missing_permissions, found.notes = snapshot.cluster.missing_permissions, snapshot.cluster.notes
    return found


def _print(one: Checked) -> None:
    if not one.ok:
        click.echo(f"{one.connection} ({one.kind}): {safe(one.problem or '')} {safe(one.hint or '')}".rstrip())
        return
    product = " ".join(part for part in (one.product or one.kind, one.version) if part)
    line = f"{one.connection} ({safe(product)}): answers; {one.destinations} destinations, {one.groups} groups"
    click.echo(line + (f", {one.excluded} excluded" if one.excluded else ""))
    for right in one.missing_permissions:
        click.echo(f"  missing right: {safe(right)}")
    for text in (*one.not_read, *one.notes):
        click.echo(f"  {safe(text)}")
    if one.cost:
        click.echo(f"  {one.cost}")

"""What the `user` and `token` commands share: options, running with the database open, printing secrets."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from signalbox.commands.acting import Acting, acting
from signalbox.commands.printing import safe
from signalbox.kernel.configuration import Configuration
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Role

T = TypeVar("T")

ROLES = [role.label for role in Role if role is not Role.NONE]

name_argument = click.argument("name")
role_option = click.option("--role", type=click.Choice(ROLES), required=True, help="The role.")
payloads_option = click.option(
    "--payloads", is_flag=True, help="Grant the payloads permission: view unmasked payloads."
)


def run_with_accounts(configuration: Configuration, run: Callable[[Acting], Awaitable[T]]) -> T:
    """Run with the database open. A rejected request prints its message and exits with code 1."""

    async def opened() -> T:
        async with acting(configuration) as context:
            return await run(context)

    try:
        return asyncio.run(opened())
    except RequestRejected as rejected:
        echo(str(rejected), err=True)
        sys.exit(1)


def echo(sentence: str, *, err: bool = False) -> None:
    click.echo(safe(sentence), err=err)


def print_secret(secret: str, *sentences: str) -> None:
    """Print a secret alone on stdout, so that it can be piped, and sentences about it on stderr."""
    for sentence in sentences:
        echo(sentence, err=True)
    echo(secret)


def checked_role(label: str) -> Role:
    """Return the role of a label that click has checked."""
    return Role[label.upper()]

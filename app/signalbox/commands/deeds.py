"""What the verbs of users and tokens share: how they run, how they refuse, and how a secret is handed over."""

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
role_option = click.option("--role", type=click.Choice(ROLES), required=True, help="What they may.")
payloads_option = click.option("--payloads", is_flag=True, help="They may see payloads too.")


def done(configuration: Configuration, deed: Callable[[Acting], Awaitable[T]]) -> T:
    """Do one thing with the database open. What is refused ends the process with the sentence and exit code 1."""

    async def inside() -> T:
        async with acting(configuration) as here:
            return await deed(here)

    try:
        return asyncio.run(inside())
    except RequestRejected as refused:
        say(str(refused), err=True)
        sys.exit(1)


def say(sentence: str, *, err: bool = False) -> None:
    click.echo(safe(sentence), err=err)


def hand_over(secret: str, *sentences: str) -> None:
    """Print a secret alone on stdout, so that it can be piped; what is to be said about it goes to stderr."""
    for sentence in sentences:
        say(sentence, err=True)
    say(secret)


def role_of(word: str) -> Role:
    """Return the role of a word that click has checked."""
    return Role[word.upper()]

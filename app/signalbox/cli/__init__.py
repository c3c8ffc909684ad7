"""The `signalbox` command: one module a verb, loaded when it is called."""

import logging
import sys
from importlib import import_module

import click
from typing_extensions import override

from signalbox import __version__
from signalbox.cli.logs import log_to_stderr
from signalbox.commands.printing import safe
from signalbox.kernel.errors import SignalboxError

VERBS = {
    "serve": "Serve the dashboard",
    "demo": "Start a broker of our own and an order-processing system on it, and serve the dashboard",
    "migrate": "Bring the database to this version's schema",
    "check": "Check the configuration and every connection",
    "lag": "Read every group's lag once, without a server",
    "audit": "Verify, sign, export and seal the audit log",
    "user": "List, invite, change and remove users, and let an admin in again",
    "token": "List, create and revoke tokens for programs",
}

VERBS_IN = {"lag": "commands", "audit": "commands", "user": "commands", "token": "commands"}


class Verbs(click.Group):
    """Finds a verb's command by name in the module of that name; an error of ours ends as a sentence, not as a trace."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return command_of(cmd_name)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SignalboxError as error:
            click.echo("\n".join(map(safe, str(error).split("\n"))), err=True)
            sys.exit(2)


def command_of(name: str) -> click.Command:
    command = import_module(f"signalbox.{VERBS_IN.get(name, 'cli')}.{name}").command
    assert isinstance(command, click.Command)  # noqa: S101 - the table above names modules of ours
    return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="signalbox")
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def main(*, verbose: bool) -> None:
    """See every track of an event-driven system from one room.

    The configuration is read from $SIGNALBOX_CONFIG, else ./signalbox.toml, unless --config names a file.
    """
    log_to_stderr(logging.INFO if verbose else logging.WARNING)

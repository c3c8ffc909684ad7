"""The `signalbox` command: the shared verbs and the verbs of the features. Calling a verb loads its module."""

import logging
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click
from typing_extensions import override

from signalbox import __version__
from signalbox.cli.logs import log_to_stderr
from signalbox.commands.printing import safe
from signalbox.config import load
from signalbox.features import FEATURES
from signalbox.features.feature import Feature, Verb
from signalbox.kernel.errors import SignalboxError


def _serve() -> click.Command:
    from signalbox.cli.serve import command

    return command


def _demo() -> click.Command:
    from signalbox.cli.demo import command

    return command


def _migrate() -> click.Command:
    from signalbox.cli.migrate import command

    return command


def _check() -> click.Command:
    from signalbox.cli.check import command

    return command


OWN_VERBS = (
    Verb(name="serve", help="Serve the dashboard", load=_serve),
    Verb(
        name="demo", help="Start brokers with a simulated order-processing system, and serve the dashboard", load=_demo
    ),
    Verb(name="migrate", help="Upgrade the database schema to this version", load=_migrate),
    Verb(name="check", help="Check the configuration and test every connection", load=_check),
)


class Verbs(click.Group):
    """Loads a verb when it is called, and prints an expected error as one sentence without a trace."""

    def __init__(self, *, verbs: Sequence[Verb], **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(**attributes)
        self.verbs = {verb.name: verb for verb in verbs}

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.verbs.get(cmd_name)
        return verb.load() if verb else None

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb.name, verb.help) for verb in self.verbs.values()])

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SignalboxError as error:
            click.echo("\n".join(map(safe, str(error).split("\n"))), err=True)
            sys.exit(2)


def verbs_of(features: Sequence[Feature]) -> Sequence[Verb]:
    """Return the shared verbs and the verbs of the features, in the order of --help."""
    return [*OWN_VERBS, *(verb for feature in features for verb in feature.verbs)]


def command_line(features: Sequence[Feature]) -> click.Group:
    """Return the `signalbox` command with the verbs of these features."""

    @click.group(cls=Verbs, verbs=verbs_of(features), context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="signalbox")
    @click.option("-v", "--verbose", is_flag=True, help="Log more.")
    @click.pass_context
    def signalbox(context: click.Context, *, verbose: bool) -> None:
        """Monitor and control event-driven systems.

        The configuration is read from $SIGNALBOX_CONFIG, else from ./signalbox.toml; --config names another file.
        """
        context.obj = partial(load, features=features)
        log_to_stderr(logging.INFO if verbose else logging.WARNING)

    return signalbox


main = command_line(FEATURES)

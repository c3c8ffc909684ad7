"""Options that several commands have."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from signalbox.kernel.configuration import Configuration

LoadConfiguration = Callable[[], Configuration]
"""Reads the configuration that --config names, when the command needs it."""


def _loader(context: click.Context, _: click.Parameter, path: Path | None) -> LoadConfiguration:
    return partial(context.obj, path)


config_option = click.option(
    "--config",
    "load",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_loader,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")

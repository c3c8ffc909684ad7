"""Options that several commands have."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")

"""A feature is one value: its tables of signalbox.toml, its commands, and what it adds to a running Signalbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from signalbox.kernel.configuration import Section

if TYPE_CHECKING:
    from signalbox.core import Core
    from signalbox.web.feature import FeatureParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A verb of the `signalbox` command. `load` imports its module, so that `--help` and other verbs start fast."""

    name: str
    help: str
    load: Callable[[], click.Command]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Everything that one feature adds. `build` runs once in `serve` and imports what serves pages; nothing else does."""

    name: str
    build: "Callable[[Core], FeatureParts]"
    sections: Sequence[Section] = ()
    verbs: Sequence[Verb] = ()

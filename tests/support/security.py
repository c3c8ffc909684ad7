"""The core as `bootstrap` builds it, over a database of the test."""

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, SecretStr

from signalbox.bootstrap import build_core
from signalbox.core import Core
from signalbox.kernel.clock import Clock, system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.kernel.feed import Feed
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings


def core_over(
    database: Database,
    clock: Clock = system_clock,
    tables: Sequence[BaseModel] = (),
    feed: Feed | None = None,
) -> Core:
    """Build the core; `tables` are those of signalbox.toml that differ from the defaults."""
    by_model: dict[type[BaseModel], tuple[BaseModel, ...]] = {}
    for table in (SecuritySettings(), *tables):
        by_model[section_model(table)] = (*by_model.get(section_model(table), ()), table)
    security = by_model[SecuritySettings][-1].model_copy(update={"key_file": key_file()})
    by_model[SecuritySettings] = (security,)
    return build_core(Configuration(None, by_model), clock=clock, database=database, feed=feed)


def section_model(table: BaseModel) -> type[BaseModel]:
    """Return the class that the section of a table is known by: all kinds of connections are one section."""
    parents = type(table).__mro__
    return next(cls for cls in reversed(parents) if issubclass(cls, BaseModel) and cls is not BaseModel)


def without_database(tables: Sequence[BaseModel] = (), clock: Clock = system_clock, feed: Feed | None = None) -> Core:
    """Build a core whose database is never asked: it knows no user."""
    nowhere = DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{Path('/nowhere/signalbox.db')}"))
    return core_over(Database(nowhere), clock, tables, feed)


@functools.cache
def key_file() -> Path:
    """Write the key of all test installations, once per run."""
    file = Path(tempfile.mkdtemp(prefix="signalbox-")) / "signalbox.key"
    file.touch(mode=0o600)
    file.write_text("00" * 32, encoding="ascii")
    return file

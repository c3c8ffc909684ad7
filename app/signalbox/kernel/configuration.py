"""The tables of signalbox.toml: `Section` declares one, `Configuration` holds what was read. `signalbox.config` reads the file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFault:
    """One fault of the configuration: the key, what was expected, what was there, and the nearest known key."""

    key: str
    expected: str
    got: str = ""
    nearest: str = ""

    def sentence(self) -> str:
        text = f"{self.key}: expected {self.expected}"
        if self.got:
            text += f", got {self.got}"
        return text + (f" (did you mean {self.nearest}?)" if self.nearest else "")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The whole configuration, by the class that describes each table. Tables without faults only, while it is checked."""

    path: Path | None  # None: there is no file, everything has its default
    tables: Mapping[type[BaseModel], tuple[BaseModel, ...]] = field(default_factory=dict)

    def one(self, model: type[Model]) -> Model:
        """Return the table, or its defaults where the file does not have it."""
        return self.optional(model) or model()

    def optional(self, model: type[Model]) -> Model | None:
        """Return the table; None where the file does not have it."""
        return next(iter(self.many(model)), None)

    def many(self, model: type[Model]) -> tuple[Model, ...]:
        """Return all tables of a section that may be repeated, in the order of the file."""
        return tuple(table for table in self.tables.get(model, ()) if isinstance(table, model))

    def has_no_fault(self, model: type[BaseModel]) -> bool:
        """Say whether the table could be read, or is not in the file."""
        return self.tables.get(model) != ()

    def having(self, model: type[Model], tables: Sequence[Model]) -> "Configuration":
        """Return the same configuration with these tables of one section."""
        return replace(self, tables={**self.tables, model: tuple(tables)})


def no_faults(_: Configuration) -> Iterable[ConfigFault]:
    return ()


ModelOf = Callable[[Mapping[str, object]], type[BaseModel] | ConfigFault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of signalbox.toml: `[key]`, or `[[key]]` if it may be repeated; repeated ones have unique names."""

    key: str
    model: type[BaseModel]
    repeated: bool = False
    model_of: ModelOf | None = None  # chooses a subclass of `model` for one repeated table
    check: Callable[[Configuration], Iterable[ConfigFault]] = no_faults  # across tables, when this one is in the file

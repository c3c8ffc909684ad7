"""signalbox.toml and the environment -> frozen settings; every fault at once, before anything connects.

`${VAR}` and `${file:/path}` are expanded inside strings after the TOML is parsed: a value can never change the structure.
"""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.registry import settings_class
from signalbox.brokers.settings import ConnectionSettings
from signalbox.features import FEATURES
from signalbox.features.feature import Feature
from signalbox.kernel.configuration import ConfigFault, Configuration, Section
from signalbox.kernel.errors import SignalboxError
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.security.settings import SecuritySettings
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.settings import ServerSettings

REFERENCE = re.compile(r"\$\{(?:(file):)?([^{}]+)\}")
SECRET_FILE_BYTES_MAX = 64 * 1024
CREDENTIALS_IN_ADDRESS = re.compile(r"\A([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)


class ConfigurationError(SignalboxError):
    """Everything that is wrong with the configuration, a line each."""

    def __init__(self, path: Path | None, faults: list[ConfigFault]) -> None:
        self.faults = faults
        lines = "\n".join(f"  {fault.sentence()}" for fault in faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{path or 'The configuration'} has {count}:\n{lines}")


class _Reader:
    """Collects faults while one document is turned into settings."""

    def __init__(self, path: Path | None, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._owner_only = path is None or _owner_only(path)
        self.faults: list[ConfigFault] = []

    def section(self, section: Section, raw: object) -> tuple[BaseModel, ...]:
        """Read what the document has of one section; leave out tables with faults."""
        if not section.repeated:
            table = self._table(section.model, raw, section.key)
            return () if table is None else (table,)
        if not isinstance(raw, list):
            fault = ConfigFault(key=section.key, expected=f"tables written [[{section.key}]]", got=f"[{section.key}]")
            self.faults.append(fault)
            return ()
        read = [self._repeated_table(section, index, table) for index, table in enumerate(raw)]
        tables = tuple(table for table in read if table is not None)
        names = [name for table in tables if (name := getattr(table, "name", None)) is not None]
        self.faults += [
            ConfigFault(key=section.key, expected="each name once", got=f"{name!r} {names.count(name)} times")
            for name in sorted(set(names))
            if names.count(name) > 1
        ]
        return tables

    def _repeated_table(self, section: Section, index: int, raw: object) -> BaseModel | None:
        key = f"{section.key}[{index}]"
        if not isinstance(raw, dict):
            self.faults.append(ConfigFault(key=key, expected="a table", got=type(raw).__name__))
            return None
        name = raw.get("name")
        if isinstance(name, str) and len(name) <= 63:
            key += f" ({name})"
        model = section.model_of(raw) if section.model_of else section.model
        if isinstance(model, ConfigFault):
            self.faults.append(replace(model, key=f"{key}.{model.key}"))
            return None
        return self._table(model, raw, key)

    def _table(self, cls: type[BaseModel], raw: object, key: str) -> BaseModel | None:
        """Validate one table; on faults note them and return None."""
        if not isinstance(raw, dict):
            self.faults.append(ConfigFault(key=key, expected="a table", got=type(raw).__name__))
            return None
        before = len(self.faults)
        expanded = self._expand(raw, key)
        self._refuse_literal_secrets(cls, raw, key)
        try:
            made = cls.model_validate(expanded)
        except ValidationError as invalid:
            errors = invalid.errors()
            self.faults += [_fault(cls, error, key) for error in errors if not _follows(error, errors)]
            return None
        return made if len(self.faults) == before else None

    def _expand(self, value: object, key: str) -> object:
        """Return the value with every `${...}` inside its strings replaced."""
        if isinstance(value, str):
            return REFERENCE.sub(lambda match: self._resolve(match, key), value)
        if isinstance(value, dict):
            return {name: self._expand(inner, f"{key}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self._expand(inner, f"{key}[{index}]") for index, inner in enumerate(value)]
        return value

    def _resolve(self, match: re.Match[str], key: str) -> str:
        is_file, name = match.groups()
        if is_file:
            try:
                with Path(name).open(encoding="utf-8") as file:
                    return file.read(SECRET_FILE_BYTES_MAX).rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                self.faults.append(ConfigFault(key=key, expected=f"a readable file {name}", got=str(reason)))
                return ""
        if name not in self._environment:
            near = get_close_matches(name, self._environment, n=1, cutoff=0.8)
            fault = ConfigFault(key=key, expected=f"the variable {name} to be set", nearest=near[0] if near else "")
            self.faults.append(fault)
            return ""
        return self._environment[name]

    def _refuse_literal_secrets(self, cls: type[BaseModel], raw: Mapping[str, Any], key: str) -> None:
        if self._owner_only:
            return
        for name in _secret_fields(cls):
            value = raw.get(name)
            if isinstance(value, str) and not REFERENCE.search(value) and _holds_secret(name, value):
                self.faults.append(
                    ConfigFault(
                        key=f"{key}.{name}",
                        expected="${VARIABLE} or ${file:/path}, since others may read this file",
                        got="a literal secret (chmod 600 the file to allow it)",
                    )
                )


def load(
    path: Path | None = None, environment: Mapping[str, str] | None = None, features: Sequence[Feature] = FEATURES
) -> Configuration:
    """Read the configuration: `path`, else $SIGNALBOX_CONFIG, else ./signalbox.toml when it is there, else all defaults.

    Raises:
        ConfigurationError: all faults at once.
    """
    env = os.environ if environment is None else environment
    chosen = path or (Path(env["SIGNALBOX_CONFIG"]) if env.get("SIGNALBOX_CONFIG") else None)
    if chosen is None and not Path("signalbox.toml").exists():
        return Configuration(path=None)
    file = chosen or Path("signalbox.toml")
    return from_document(_document(file), file, env, features)


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        fault = ConfigFault(key="file", expected="a readable file", got=error.strerror or type(error).__name__)
    except UnicodeDecodeError:
        fault = ConfigFault(key="file", expected="UTF-8 text", got="other bytes")
    except tomllib.TOMLDecodeError as error:
        fault = ConfigFault(key="file", expected="TOML", got=str(error))
    raise ConfigurationError(file, [fault])


def from_document(
    document: dict[str, Any],
    file: Path | None,
    environment: Mapping[str, str],
    features: Sequence[Feature] = FEATURES,
) -> Configuration:
    """Turn a parsed document into settings; faults name `file`.

    Raises:
        ConfigurationError: all faults at once.
    """
    sections = {section.key: section for section in (*SECTIONS, *(s for f in features for s in f.sections))}
    reader = _Reader(file, environment)
    for name in document:
        if name not in sections:
            near = get_close_matches(name, sections, n=1)
            fault = ConfigFault(key=name, expected=_one_of(sections), nearest=near[0] if near else "")
            reader.faults.append(fault)
    present = [section for key, section in sections.items() if key in document]
    tables = {section.model: reader.section(section, document[section.key]) for section in present}
    configuration = Configuration(file, tables)
    for section in present:
        reader.faults += section.check(configuration)
    if reader.faults:
        raise ConfigurationError(file, reader.faults)
    return configuration


def _model_of_connection(table: Mapping[str, object]) -> type[BaseModel] | ConfigFault:
    kind = table.get("kind")
    if isinstance(kind, str) and kind in list(BrokerKind):
        return settings_class(BrokerKind(kind))
    near = get_close_matches(str(kind), list(BrokerKind), n=1)
    got = repr(kind)[:60] if "kind" in table else "nothing"
    return ConfigFault(key="kind", expected=_one_of(list(BrokerKind)), got=got, nearest=near[0] if near else "")


SECTIONS = (  # of what every feature is built on
    Section(key="server", model=ServerSettings),
    Section(key="database", model=DatabaseSettings),
    Section(key="security", model=SecuritySettings),
    Section(key="masking", model=MaskingRuleSettings, repeated=True),
    Section(key="connections", model=ConnectionSettings, repeated=True, model_of=_model_of_connection),
)


def _owner_only(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _secret_fields(cls: type[BaseModel]) -> list[str]:
    """Return the names of fields that hold a secret, found by their declared type."""
    return [name for name, field in cls.model_fields.items() if "Secret" in str(field.annotation)]


def _holds_secret(name: str, value: str) -> bool:
    """Say whether a secret field's text is one: an address is only when it carries a password."""
    return bool(value) and (name != "url" or bool(re.search(r"://[^/@\s]*:[^/@\s]+@", value)))


def _fault(cls: type[BaseModel], error: ErrorDetails, key: str) -> ConfigFault:
    where = key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = list(_model_at(cls, error["loc"][:-1]).model_fields)
        near = get_close_matches(str(error["loc"][-1]), known, n=1)
        return ConfigFault(key=where, expected=_one_of(sorted(known)), nearest=near[0] if near else "")
    if error["type"] == "missing":
        return ConfigFault(key=where, expected="a value", got="nothing")
    expected = EXPECTED.get(error["type"], _plain)(error)
    return ConfigFault(key=where, expected=expected, got=_got(cls, error))


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Return whether a list is only called too short because its items have faults of their own."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(
        len(e["loc"]) > len(loc) and e["loc"][: len(loc)] == loc for e in errors
    )


def _plain(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return message[:1].lower() + message[1:] if message[:2].istitle() else message


EXPECTED: dict[str, Callable[[ErrorDetails], str]] = {
    "string_type": lambda _: "text in quotes",
    "int_parsing": lambda _: "a whole number",
    "tuple_type": lambda _: 'a list, such as ["orders*"]',
}


def _got(cls: type[BaseModel], error: ErrorDetails) -> str:
    """Return what was found, shortened, or nothing where it may be a secret."""
    value = error["input"]
    secret = error["loc"] and str(error["loc"][0]) in _secret_fields(cls)
    if secret or isinstance(value, dict | list | tuple | BaseModel | SecretStr):
        return ""
    shown = CREDENTIALS_IN_ADDRESS.sub(r"\1…@", value) if isinstance(value, str) else value
    return repr(shown)[:60]


def _model_at(cls: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model class that a location inside `cls` leads to, for the names of its keys."""
    for part in loc:
        if isinstance(part, str):
            inner = [a for a in _arguments(cls.model_fields[part].annotation) if isinstance(a, type)]
            cls = next((a for a in inner if issubclass(a, BaseModel)), cls)
    return cls


def _arguments(annotation: object) -> list[object]:
    return [annotation, *(inner for a in getattr(annotation, "__args__", ()) for inner in _arguments(a))]


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(str(name) for name in names)

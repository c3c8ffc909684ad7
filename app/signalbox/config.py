"""signalbox.toml and the environment -> frozen settings; every fault at once, before anything connects.

`${VAR}` and `${file:/path}` are expanded inside strings after the TOML is parsed: a value can never change the structure.
"""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.registry import settings_class
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.errors import SignalboxError
from signalbox.monitoring.settings import MonitoringSettings
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.security.oidc.settings import OidcSettings, libraries_missing
from signalbox.security.settings import SecuritySettings
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.settings import ServerSettings, is_loopback

REFERENCE = re.compile(r"\$\{(?:(file):)?([^{}]+)\}")
SECRET_FILE_BYTES_MAX = 64 * 1024
CREDENTIALS_IN_ADDRESS = re.compile(r"(://)[^/@\s]*@")

Model = TypeVar("Model", bound=BaseModel)
NamedModel = TypeVar("NamedModel", ConnectionSettings, MaskingRuleSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFault:
    """One thing that is wrong: the key, what was expected, what was got, and the nearest known key."""

    key: str
    expected: str
    got: str = ""
    nearest: str = ""

    def sentence(self) -> str:
        text = f"{self.key}: expected {self.expected}"
        if self.got:
            text += f", got {self.got}"
        return text + (f" (did you mean {self.nearest}?)" if self.nearest else "")


class ConfigurationError(SignalboxError):
    """Everything that is wrong with the configuration, a line each."""

    def __init__(self, path: Path, faults: list[ConfigFault]) -> None:
        self.faults = faults
        lines = "\n".join(f"  {fault.sentence()}" for fault in faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{path} has {count}:\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The whole configuration."""

    path: Path | None  # None: there is no file, all is default
    server: ServerSettings
    database: DatabaseSettings
    monitoring: MonitoringSettings
    security: SecuritySettings
    connections: tuple[ConnectionSettings, ...]
    masking: tuple[MaskingRuleSettings, ...]
    oidc: OidcSettings | None = None  # None: nobody signs in by a company account

    @property
    def address(self) -> str:
        """How browsers reach Signalbox, as far as it can be known before it listens."""
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return self.server.base_url or f"http://{host}:{self.server.port}"


class _Reader:
    """Collects faults while one document is turned into settings."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._owner_only = _owner_only(path)
        self.faults: list[ConfigFault] = []

    def model(self, cls: type[Model], raw: object, key: str) -> Model | None:
        """Validate one table; on faults note them and return None."""
        if not isinstance(raw, dict):
            self.faults.append(ConfigFault(key=key, expected="a table", got=type(raw).__name__))
            return None
        before = len(self.faults)
        expanded = self.expand(raw, key)
        self._refuse_literal_secrets(cls, raw, key)
        try:
            made = cls.model_validate(expanded)
        except ValidationError as invalid:
            self.faults += [_fault(cls, error, key) for error in invalid.errors()]
            return None
        return made if len(self.faults) == before else None

    def expand(self, value: object, key: str) -> object:
        """Return the value with every `${...}` inside its strings replaced."""
        if isinstance(value, str):
            return REFERENCE.sub(lambda match: self._resolve(match, key), value)
        if isinstance(value, dict):
            return {name: self.expand(inner, f"{key}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner, f"{key}[{index}]") for index, inner in enumerate(value)]
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


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Configuration:
    """Read the configuration: `path`, else $SIGNALBOX_CONFIG, else ./signalbox.toml when it is there, else all defaults.

    Raises:
        ConfigurationError: all faults at once.
    """
    env = os.environ if environment is None else environment
    chosen = path or (Path(env["SIGNALBOX_CONFIG"]) if env.get("SIGNALBOX_CONFIG") else None)
    if chosen is None and not Path("signalbox.toml").exists():
        return Configuration(
            path=None,
            server=ServerSettings(),
            database=DatabaseSettings(),
            monitoring=MonitoringSettings(),
            security=SecuritySettings(),
            connections=(),
            masking=(),
        )
    file = chosen or Path("signalbox.toml")
    return from_document(_document(file), file, env)


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


TABLES: dict[str, type[BaseModel]] = {
    "server": ServerSettings,
    "database": DatabaseSettings,
    "monitoring": MonitoringSettings,
    "security": SecuritySettings,
    "oidc": OidcSettings,
}


def from_document(document: dict[str, Any], file: Path, environment: Mapping[str, str]) -> Configuration:
    """Turn a parsed document into settings; `file` is what faults are said to be of.

    Raises:
        ConfigurationError: all faults at once.
    """
    reader = _Reader(file, environment)
    known = [*TABLES, "connections", "masking"]
    for name in document:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fault = ConfigFault(key=name, expected=_one_of(known), nearest=near[0] if near else "")
            reader.faults.append(fault)
    server = reader.model(ServerSettings, document.get("server", {}), "server")
    database = reader.model(DatabaseSettings, document.get("database", {}), "database")
    monitoring = reader.model(MonitoringSettings, document.get("monitoring", {}), "monitoring")
    security = reader.model(SecuritySettings, document.get("security", {}), "security")
    connections = _named(reader, document, "connections", _connection)
    masking = _named(reader, document, "masking", _masking_rule)
    oidc = _oidc(reader, document["oidc"], server, connections) if "oidc" in document else None
    if reader.faults or server is None or database is None or monitoring is None or security is None:
        raise ConfigurationError(file, reader.faults)
    return Configuration(
        path=file,
        server=server,
        database=database,
        monitoring=monitoring,
        security=security,
        connections=connections,
        masking=masking,
        oidc=oidc,
    )


def _oidc(
    reader: _Reader, table: object, server: ServerSettings | None, connections: tuple[ConnectionSettings, ...]
) -> OidcSettings | None:
    if libraries_missing():
        extra = "the libraries for company accounts, which are not installed: pip install 'signalbox-events[oidc]'"
        reader.faults.append(ConfigFault(key="oidc", expected=extra))
    if server is not None and server.base_url is None and not (is_loopback(server.host) and server.port):
        known = "an address such as https://signalbox.example.org, to which the provider of [oidc] sends browsers back"
        reader.faults.append(ConfigFault(key="server.base_url", expected=known, got="nothing"))
    found = reader.model(OidcSettings, table, "oidc")
    names = [connection.name for connection in connections]
    for index, name in ((i, n) for i, role in enumerate(found.roles if found else ()) for n in role.on):
        if name not in names:
            near = get_close_matches(name, names, n=1)
            fault = ConfigFault(
                key=f"oidc.roles[{index}].on",
                expected="names of connections",
                got=repr(name)[:60],
                nearest=near[0] if near else "",
            )
            reader.faults.append(fault)
    return found


def _named(
    reader: _Reader,
    document: Mapping[str, Any],
    key: str,
    read: Callable[[_Reader, dict[str, Any], str], NamedModel | None],
) -> tuple[NamedModel, ...]:
    """Read every table of `[[key]]`; each has a name, and no two the same."""
    raw = document.get(key, [])
    if not isinstance(raw, list):
        reader.faults.append(ConfigFault(key=key, expected=f"tables written [[{key}]]", got=f"[{key}]"))
        return ()
    found: list[NamedModel] = []
    for index, table in enumerate(raw):
        if not isinstance(table, dict):
            reader.faults.append(ConfigFault(key=f"{key}[{index}]", expected="a table", got=type(table).__name__))
            continue
        name = table.get("name")
        where = f"{key}[{index}] ({name})" if isinstance(name, str) and len(name) <= 63 else f"{key}[{index}]"
        made = read(reader, table, where)
        found += [] if made is None else [made]
    names = [one.name for one in found]
    reader.faults += [
        ConfigFault(key=key, expected="each name once", got=f"{name!r} {names.count(name)} times")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    return tuple(found)


def _masking_rule(reader: _Reader, table: dict[str, Any], where: str) -> MaskingRuleSettings | None:
    return reader.model(MaskingRuleSettings, table, where)


def _connection(reader: _Reader, table: dict[str, Any], where: str) -> ConnectionSettings | None:
    kind = table.get("kind")
    if kind not in list(BrokerKind):
        near = get_close_matches(str(kind), list(BrokerKind), n=1)
        got = repr(kind)[:60] if "kind" in table else "nothing"
        fault = ConfigFault(
            key=f"{where}.kind", expected=_one_of(list(BrokerKind)), got=got, nearest=near[0] if near else ""
        )
        reader.faults.append(fault)
        return None
    return reader.model(settings_class(BrokerKind(kind)), table, where)


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
    return CREDENTIALS_IN_ADDRESS.sub(r"\1…@", repr(value))[:60]


def _model_at(cls: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model class that a location inside `cls` leads to, for the names of its keys."""
    for part in loc:
        if isinstance(part, str):
            inner = [a for a in _arguments(cls.model_fields[part].annotation) if isinstance(a, type)]
            cls = next((a for a in inner if issubclass(a, BaseModel)), cls)
    return cls


def _arguments(annotation: object) -> list[object]:
    return [annotation, *(inner for a in getattr(annotation, "__args__", ()) for inner in _arguments(a))]


def _one_of(names: list[str] | list[BrokerKind]) -> str:
    return "one of " + ", ".join(str(name) for name in names)

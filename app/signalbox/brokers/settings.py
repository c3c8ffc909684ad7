"""The configuration that all connections share. Each kind extends it."""

import base64
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from signalbox.brokers.model import BrokerKind

CONNECTION_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
REDACTED = "***"
NAME_BYTES_MAX = 1000
"""Longer names are excluded: a Kafka group name may have 32 KB, and a page of such names would be megabytes."""


class Secret(SecretStr):
    """A value that is never displayed. A literal one is refused in a configuration file that other users can read."""


def _valid_name(name: str) -> str:
    if not CONNECTION_NAME.fullmatch(name):
        raise ValueError(
            "lower-case letters, digits and hyphens, at most 63, such as kafka-prod (the name is part of URLs)"
        )
    return name


class ConnectionSettings(BaseModel):
    """One `[[connections]]` table. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(_valid_name)]
    kind: BrokerKind
    include: tuple[str, ...] = ("*",)  # shell patterns for names of destinations and groups
    exclude: tuple[str, ...] = ()
    show_internal: bool = False
    watch: tuple[str, ...] = ()  # patterns: groups to read every second even when no page shows them
    batch: tuple[str, ...] = ()  # patterns: groups that normally have no members between runs
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # to connect to each address, and for one answer

    def includes(self, name: str) -> bool:
        """Return whether the patterns include this destination or group and its name is not too long."""
        if len(name) > NAME_BYTES_MAX or len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
            return False
        return any(fnmatchcase(name, p) for p in self.include) and not any(fnmatchcase(name, p) for p in self.exclude)

    def redact(self, text: str) -> str:
        """Replace our secrets in a text from the broker, plain or encoded: some servers echo what they received."""
        for secret in self._secrets():
            for encoded in _encodings(secret, str(getattr(self, "user", "") or "")):
                text = text.replace(encoded, REDACTED)
        return text

    def _secrets(self) -> Iterator[str]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Secret) and value.get_secret_value():
                yield value.get_secret_value()


def _encodings(secret: str, user: str) -> Iterator[str]:
    yield from (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))
    for login in (f"{user}:{secret}", f"\0{user}\0{secret}", secret):
        yield base64.b64encode(login.encode()).decode().rstrip("=")

"""What every connection has in its configuration, whatever its kind. The kinds' own settings extend it."""

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
"""Longer names are left out and counted: a group of Kafka may have 32 KB of name, and a page of such would be megabytes."""


class Secret(SecretStr):
    """A value that is never shown: its repr is stars, and configuration refuses it literally in a file others may read."""


def _one_word(name: str) -> str:
    if not CONNECTION_NAME.fullmatch(name):
        raise ValueError(
            "lower-case letters, digits and hyphens, at most 63, such as kafka-prod: it stands in addresses"
        )
    return name


class ConnectionSettings(BaseModel):
    """One `[[connections]]` table. Frozen; an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(_one_word)]
    kind: BrokerKind
    include: tuple[str, ...] = ("*",)  # shell patterns over names of destinations and groups
    exclude: tuple[str, ...] = ()
    show_internal: bool = False
    watch: tuple[str, ...] = ()  # patterns: groups to read each second though no page shows them
    batch: tuple[str, ...] = ()  # patterns: groups whose absence of members is normal
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # to connect, and for one answer

    def includes(self, name: str) -> bool:
        """Say whether this destination or group is shown: the patterns let it through and its name is not too long."""
        if len(name) > NAME_BYTES_MAX or len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
            return False
        return any(fnmatchcase(name, p) for p in self.include) and not any(fnmatchcase(name, p) for p in self.exclude)

    def redact(self, text: str) -> str:
        """Return the far end's words without a secret of ours, as such or as protocols write it: some say back what they heard."""
        for secret in self._secrets():
            for written in _forms(secret, str(getattr(self, "user", "") or "")):
                text = text.replace(written, REDACTED)
        return text

    def _secrets(self) -> Iterator[str]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Secret) and value.get_secret_value():
                yield value.get_secret_value()


def _forms(secret: str, user: str) -> Iterator[str]:
    yield from (secret, json.dumps(secret)[1:-1], quote(secret, safe=""))
    for login in (f"{user}:{secret}", f"\0{user}\0{secret}", secret):
        yield base64.b64encode(login.encode()).decode().rstrip("=")

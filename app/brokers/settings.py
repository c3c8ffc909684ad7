"""What every connection has in its configuration, whatever its kind. The kinds' own settings extend it."""

import re
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.brokers.model import Kind

CONNECTION_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


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
    kind: Kind
    include: tuple[str, ...] = ("*",)  # shell patterns over names of destinations and groups
    exclude: tuple[str, ...] = ()
    show_internal: bool = False
    watch: tuple[str, ...] = ()  # patterns: groups to read each second though no page shows them
    batch: tuple[str, ...] = ()  # patterns: groups whose absence of members is normal
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # to connect, and for one answer

    def shows(self, name: str) -> bool:
        """Say whether the include and exclude patterns let this destination or group be seen."""
        return any(fnmatchcase(name, p) for p in self.include) and not any(fnmatchcase(name, p) for p in self.exclude)

"""The `[database]` table of the configuration."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

SCHEMES = ("sqlite+aiosqlite", "postgresql+asyncpg")


class DatabaseSettings(BaseModel):
    """Signalbox's own database. The URL may hold a password: show `redacted_url` only."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr = SecretStr("sqlite+aiosqlite:///signalbox.db")

    @field_validator("url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in SCHEMES:
            raise ValueError(
                "sqlite+aiosqlite:///path/to/signalbox.db or postgresql+asyncpg://user:password@host:5432/database"
            )
        return value

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_secret_value().startswith("sqlite")

    @property
    def redacted_url(self) -> str:
        """The URL without user and password, for logs and pages."""
        parts = urlsplit(self.url.get_secret_value())
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
        return f"{parts.scheme}://{host}{parts.path}"

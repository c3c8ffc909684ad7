"""The `[security]` table of the configuration."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

MINUTE_H = 1 / 60
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class SecuritySettings(BaseModel):
    """Sessions, the key file, and access to /metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key_file: Path = Path("signalbox.key")  # created with mode 0600 if it does not exist
    session_idle_h: Hours = 8  # since the last use
    session_longest_h: Hours = 12  # since sign-in
    open_metrics: bool = False  # /metrics needs no token, even once there are users

    @field_validator("session_idle_h")
    @classmethod
    def _at_least_a_minute(cls, value: float) -> float:
        """Last use is written once a minute: a shorter time would end sessions that are in use."""
        if value < MINUTE_H:
            raise ValueError("at least 0.017, which is one minute")
        return value

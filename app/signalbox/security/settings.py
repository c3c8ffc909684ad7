"""What `[security]` holds in the configuration."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

MINUTE_H = 1 / 60
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class SecuritySettings(BaseModel):
    """Sessions, the key, and what is open without one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key_file: Path = Path("signalbox.key")  # signs the audit log's heads; made with mode 0600 where it is not there
    session_idle_h: Hours = 8  # a session ends so long after its last use
    session_longest_h: Hours = 12  # and so long after sign-in, however much it is used
    open_metrics: bool = False  # /metrics without a token, also once there are users

    @field_validator("session_idle_h")
    @classmethod
    def _longer_than_uses_are_apart(cls, value: float) -> float:
        """When a session was used is written once a minute: a shorter time would end sessions that are in use."""
        if value < MINUTE_H:
            raise ValueError("at least a minute, 0.017")
        return value

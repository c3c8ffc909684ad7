"""The `[monitoring]` table of the configuration."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

GIBIBYTE = 1024**3


class GroupThresholds(BaseModel):
    """One `[[monitoring.thresholds]]` table: limits for the groups that match its patterns; the first match wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    groups: Annotated[tuple[str, ...], Field(min_length=1)]  # shell patterns over "connection/group"
    ok_below_s: Annotated[float, Field(gt=0)] = 30.0  # time lag under which a group is ok
    stalled_after_s: Annotated[float, Field(ge=10)] = 60.0  # lag, members, and no commit for so long


class MonitoringSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    history_bytes: Annotated[int, Field(ge=1024**2)] = GIBIBYTE  # the budget of history in the database
    thresholds: tuple[GroupThresholds, ...] = ()

"""A `[[masking]]` table of the configuration."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.model import (
    ALL,
    PATTERNS_MAX,
    Rule,
    parse_method,
    parse_rule,
    parse_target,
    validated_destination,
    validated_name,
    validated_type,
)


def _readable(read: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            read(text)
        except InvalidRule as fault:
            raise ValueError(fault.expected) from None
        return text

    return AfterValidator(check)


_FEW = Field(min_length=1, max_length=PATTERNS_MAX)


class MaskingRuleSettings(BaseModel):
    """One rule. Configured rules come first, in order, and cannot be changed from pages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, _readable(validated_name)]
    destinations: Annotated[tuple[Annotated[str, _readable(validated_destination)], ...], _FEW] = ALL
    types: Annotated[tuple[Annotated[str, _readable(validated_type)], ...], _FEW] = ALL
    what: Annotated[tuple[Annotated[str, _readable(parse_target)], ...], _FEW]
    how: Annotated[str, _readable(parse_method)]

    def rule(self) -> Rule:
        return parse_rule(
            name=self.name, destinations=self.destinations, types=self.types, what=self.what, how=self.how
        )

"""What one `[[masking]]` table holds in the configuration."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from signalbox.security.masking.faults import RuleFault
from signalbox.security.masking.model import (
    ALL,
    PATTERNS_MAX,
    Rule,
    destination_of,
    how_of,
    name_of,
    rule_of,
    type_of,
    what_of,
)


def _readable(read: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            read(text)
        except RuleFault as fault:
            raise ValueError(fault.wanted) from None
        return text

    return AfterValidator(check)


_FEW = Field(min_length=1, max_length=PATTERNS_MAX)


class MaskingRuleSettings(BaseModel):
    """One rule, in its texts. Those of the configuration come first, in their order, and no page changes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, _readable(name_of)]
    destinations: Annotated[tuple[Annotated[str, _readable(destination_of)], ...], _FEW] = ALL
    types: Annotated[tuple[Annotated[str, _readable(type_of)], ...], _FEW] = ALL
    what: Annotated[tuple[Annotated[str, _readable(what_of)], ...], _FEW]
    how: Annotated[str, _readable(how_of)]

    def rule(self) -> Rule:
        return rule_of(name=self.name, destinations=self.destinations, types=self.types, what=self.what, how=self.how)

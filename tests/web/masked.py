"""Masking in front of people: rules, and what another part of the same service would work with."""

from signalbox.core import Core
from signalbox.security.masking.settings import MaskingRuleSettings
from tests.support.security import core_over
from tests.web.people import House


def rule(name: str, *what: str, how: str = "hide") -> MaskingRuleSettings:
    return MaskingRuleSettings(name=name, what=what, how=how)


CARDS = rule("cards", "card numbers", how="keep last 4")


async def beside(house: House, *rules: MaskingRuleSettings) -> Core:
    """Return a second core over the same database."""
    made = core_over(house.estate.database, house.estate.clock, rules)
    await made.masking.load()
    return made

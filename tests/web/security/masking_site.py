"""Masking rules for the site of the tests, and what another part of the same service would work with."""

from signalbox.core import Core
from signalbox.security.masking.settings import MaskingRuleSettings
from tests.support.security import core_over
from tests.web.security.user_site import House


def rule(name: str, *what: str, how: str = "hide") -> MaskingRuleSettings:
    return MaskingRuleSettings(name=name, what=what, how=how)


CARDS = rule("cards", "card numbers", how="keep last 4")


async def beside(house: House, *rules: MaskingRuleSettings) -> Core:
    """Return a second core over the same database."""
    core = core_over(house.estate.database, house.estate.clock, rules)
    await core.masking.load()
    return core

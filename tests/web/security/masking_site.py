"""Masking rules for tests, and the services of a second process."""

from signalbox.core import Core
from signalbox.security.masking.settings import MaskingRuleSettings
from tests.support.security import core_over
from tests.web.security.user_site import UserSite


def rule(name: str, *what: str, how: str = "hide") -> MaskingRuleSettings:
    return MaskingRuleSettings(name=name, what=what, how=how)


CARDS = rule("cards", "card numbers", how="keep last 4")


async def second_process(site: UserSite, *rules: MaskingRuleSettings) -> Core:
    """Return the services of a second process on the same database."""
    core = core_over(site.simulation.database, site.simulation.clock, rules)
    await core.masking.load()
    return core

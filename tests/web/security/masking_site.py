"""Masking rules for tests, and the services of a second process."""

from signalbox.security.masking.model import Rule, parse_rule
from tests.support.security import Secured, secured
from tests.web.security.user_site import UserSite


def rule(name: str, *what: str, how: str = "hide") -> Rule:
    return parse_rule(name=name, destinations=["*"], types=["*"], what=what, how=how)


CARDS = rule("cards", "card numbers", how="keep last 4")


async def second_process(site: UserSite, *rules: Rule) -> Secured:
    """Return the services of a second process on the same database."""
    services = secured(site.estate.database, site.estate.clock, rules=rules)
    await services.masking.load()
    return services

"""Masking in front of people: rules, and what another part of the same service would work with."""

from signalbox.security.masking.model import Rule, parse_rule
from tests.support.security import Secured, secured
from tests.web.security.user_site import House


def rule(name: str, *what: str, how: str = "hide") -> Rule:
    return parse_rule(name=name, destinations=["*"], types=["*"], what=what, how=how)


CARDS = rule("cards", "card numbers", how="keep last 4")


async def beside(house: House, *rules: Rule) -> Secured:
    """Return masking, door and audit log over the same database."""
    made = secured(house.estate.database, house.estate.clock, rules=rules)
    await made.masking.load()
    return made

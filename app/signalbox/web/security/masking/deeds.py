"""What page and API do with masking rules, the same for both: each through the door, each with a reason.

All raise Faulty without a reason, and Refused as the service does.
"""

from signalbox.security.masking import actions
from signalbox.security.masking.model import Rule
from signalbox.web.security.masking.desk import Desk
from signalbox.web.security.masking.drafts import reason_from


async def add(desk: Desk, rule: Rule, reason: str) -> None:
    action = actions.add_rule(rule, reason_from(reason))
    await desk.door.act(desk.actor, action, lambda permit: desk.masking.add(permit, rule))


async def move(desk: Desk, name: str, number: int, reason: str) -> None:
    action = actions.move_rule(name, number, reason_from(reason))
    await desk.door.act(desk.actor, action, lambda permit: desk.masking.move(permit, name, number))


async def remove(desk: Desk, name: str, reason: str) -> None:
    action = actions.remove_rule(name, reason_from(reason))
    await desk.door.act(desk.actor, action, lambda permit: desk.masking.remove(permit, name))

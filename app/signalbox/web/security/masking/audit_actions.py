"""Changes of masking rules that the page and the API share. Each requires a reason and goes through the door.

All raise InvalidFields without a reason, and RequestRejected as the service does.
"""

from signalbox.security.masking import actions
from signalbox.security.masking.model import Rule
from signalbox.web.security.masking.dependencies import MaskingAdmin
from signalbox.web.security.masking.rule_draft import valid_reason


async def add_rule(admin: MaskingAdmin, rule: Rule, reason: str) -> None:
    action = actions.add_rule(rule, valid_reason(reason))
    await admin.door.act(admin.actor, action, lambda permit: admin.masking.add(permit, rule))


async def move_rule(admin: MaskingAdmin, name: str, number: int, reason: str) -> None:
    action = actions.move_rule(name, number, valid_reason(reason))
    await admin.door.act(admin.actor, action, lambda permit: admin.masking.move(permit, name, number))


async def remove_rule(admin: MaskingAdmin, name: str, reason: str) -> None:
    action = actions.remove_rule(name, valid_reason(reason))
    await admin.door.act(admin.actor, action, lambda permit: admin.masking.remove(permit, name))

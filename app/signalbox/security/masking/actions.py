"""The actions on masking rules, and viewing an unmasked payload."""

from signalbox.security.errors import RequestRejected
from signalbox.security.masking.model import ClearMessage, Rule, target_text
from signalbox.security.model import Action, Role

ADD = "add masking rule"
MOVE = "move masking rule"
REMOVE = "remove masking rule"
VIEW_PAYLOAD = "view payload"


def add_rule(rule: Rule, reason: str) -> Action:
    return Action(
        name=ADD,
        target=rule.name,
        parameters={
            "destinations": list(rule.destinations),
            "types": list(rule.types),
            "what": [target_text(what) for what in rule.what],
            "how": rule.how.text,
        },
        reason=reason,
    )


def move_rule(name: str, number: int, reason: str) -> Action:
    return Action(name=MOVE, target=name, parameters={"number": number}, reason=reason)


def remove_rule(name: str, reason: str) -> Action:
    return Action(name=REMOVE, target=name, reason=reason)


def view_payload(message: ClearMessage, reason: str) -> Action:
    """Return the action of viewing one unmasked message.

    Raises:
        RequestRejected: no reason was given.
    """
    if not reason.strip():
        raise RequestRejected("Give a reason to view this unmasked payload. It is recorded in the audit log.")
    return Action(
        name=VIEW_PAYLOAD,
        required_role=Role.VIEWER,
        resource=message.connection,
        payloads=True,
        allowed_in_read_only=True,
        target=audit_target(message),
        reason=reason,
    )


def audit_target(message: ClearMessage) -> str:
    """Return a message's name in the audit log: "orders.placed: partition 0, offset 17"."""
    return f"{message.destination}: {message.name}"

"""The actions on accounts, as the door authorizes them and the audit log names them."""

from signalbox.security.accounts.model import EVERYWHERE, NAME_PATTERN, Token
from signalbox.security.model import Action, Grant, JsonValue, Rights, Role


def sign_in(name: str) -> Action:
    """A malformed name is not recorded: people type passwords there."""
    target = f"as {name}" if NAME_PATTERN.fullmatch(name) else "as a malformed name"
    return Action(name="sign in", required_role=Role.NONE, allowed_in_read_only=True, target=target)


def sign_in_by_sso(name: str, issuer: str) -> Action:
    return Action(
        name="sign in",
        required_role=Role.NONE,
        allowed_in_read_only=True,
        target=f"as {name}",
        parameters={"issuer": issuer},
    )


def sign_out() -> Action:
    return Action(name="sign out", required_role=Role.NONE, allowed_in_read_only=True)


def revoke_session(target: str) -> Action:
    return Action(name="revoke session", required_role=Role.NONE, allowed_in_read_only=True, target=target)


def change_password() -> Action:
    return Action(name="change password", required_role=Role.NONE)


def use_link(user: str | None) -> Action:
    return Action(name="use one-time link", required_role=Role.NONE, target=user or "the first admin")


def create_token(name: str, grant: Grant, resource: str, days: int) -> Action:
    parameters: dict[str, JsonValue] = {"on": _scope(resource), "days": days, **_grant(grant)}
    return Action(name="create token", required_role=Role.NONE, target=name, parameters=parameters)


def revoke_token(token: Token) -> Action:
    return Action(name="revoke token", required_role=Role.NONE, target=f"{token.name} of {token.user_name}")


def create_first_admin_link() -> Action:
    return Action(name="create set-up link", target="the first admin")


def invite_user(name: str, rights: Rights) -> Action:
    return Action(name="invite user", target=name, parameters=_rights(rights))


def add_user(name: str, rights: Rights) -> Action:
    return Action(name="add user", target=name, parameters=_rights(rights))


def create_link(name: str) -> Action:
    return Action(name="create one-time link", target=name)


def revoke_link(name: str) -> Action:
    return Action(name="revoke one-time link", target=name)


def change_rights(name: str, before: Rights, after: Rights, reason: str) -> Action:
    parameters: dict[str, JsonValue] = {"before": _rights(before), "after": _rights(after)}
    return Action(name="change role", target=name, parameters=parameters, reason=reason)


def remove_user(name: str, reason: str) -> Action:
    return Action(name="remove user", target=name, reason=reason)


def end_sessions(name: str) -> Action:
    return Action(name="end sessions", target=name)


def unlock_user(name: str) -> Action:
    return Action(name="unlock user", target=name)


def reset_admin(name: str) -> Action:
    return Action(name="reset admin", target=name)


def _rights(rights: Rights) -> dict[str, JsonValue]:
    on = {"everywhere": rights.everywhere, **rights.on}
    return {name: _grant(grant) for name, grant in on.items()}


def _grant(grant: Grant) -> dict[str, JsonValue]:
    return {"role": grant.role.label, "payloads": grant.payloads}


def _scope(resource: str) -> str:
    return "everywhere" if resource == EVERYWHERE else resource

"""Convert accounts to the bodies of /api/v1. Pure."""

from msgspec import UNSET

from signalbox.security.accounts.model import EVERYWHERE, Session, Token, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role
from signalbox.web.security import schemas
from signalbox.web.security.role_table import resource_names
from signalbox.web.security.user_agents import browser_name


def user_out(user: User, now: float) -> schemas.UserOut:
    is_link_valid = user.link_expires_at is not None and user.link_expires_at > now
    return schemas.UserOut(
        name=user.name,
        sign_in_method=user.sign_in_method,
        rights=rights_out(user.rights),
        sessions=user.sessions,
        tokens=user.tokens,
        created_at=user.created_at,
        created_by=user.created_by,
        last_seen_at=user.last_seen_at,
        password_changed_at=user.password_set_at,
        link_expires_at=user.link_expires_at if is_link_valid else None,
        locked_until=user.locked_until,
    )


def rights_out(rights: Rights) -> schemas.RightsOut:
    resources = {name: grant_out(grant) for name, grant in sorted(rights.on.items())}
    return schemas.RightsOut(everywhere=grant_out(rights.everywhere), resources=resources)


def grant_out(grant: Grant) -> schemas.GrantOut:
    return schemas.GrantOut(role=grant.role.label, payloads=grant.payloads)


def patched_rights(rights: Rights, patch: schemas.UserPatch, configured: tuple[str, ...]) -> Rights:
    """Return the rights after a patch.

    Raises:
        RequestRejected: the patch names an unknown connection.
    """
    everywhere = rights.everywhere if patch.everywhere is UNSET else _grant(patch.everywhere)
    if patch.resources is UNSET:
        return Rights(everywhere, rights.on)
    known = resource_names(configured, rights)
    if unknown := sorted(patch.resources.keys() - known):
        raise RequestRejected(
            f"There is no connection {unknown[0][:100]}. Known connections: {', '.join(known) or 'none'}."
        )
    on = {name: _grant(grant) for name, grant in patch.resources.items()}
    return Rights(everywhere, {name: grant for name, grant in on.items() if grant != everywhere})


def token_out(token: Token) -> schemas.TokenOut:
    resource = None if token.resource == EVERYWHERE else token.resource
    grant = token.max_rights.grant(resource)
    return schemas.TokenOut(
        id=token.id,
        user=token.user_name,
        name=token.name,
        hint=token.hint,
        resource=resource,
        role=grant.role.label,
        payloads=grant.payloads,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def session_out(session: Session, current: int | None) -> schemas.SessionOut:
    return schemas.SessionOut(
        id=session.id,
        current=session.id == current,
        browser=browser_name(session.agent),
        user_agent=session.agent,
        address=session.address,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
    )


def _grant(grant: schemas.GrantIn) -> Grant:
    return Grant(parse_role(grant.role) or Role.NONE, grant.payloads)

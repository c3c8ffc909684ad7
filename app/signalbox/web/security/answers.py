"""From accounts to what /api/v1 answers with. Pure."""

from msgspec import UNSET

from signalbox.security.accounts.model import EVERYWHERE, Session, Token, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role
from signalbox.web.security import resources as r
from signalbox.web.security.agents import browser
from signalbox.web.security.grants import resources_of


def user(one: User, now: float) -> r.UserOut:
    link_ends_at = one.link_expires_at if one.link_expires_at is not None and one.link_expires_at > now else None
    return r.UserOut(
        name=one.name,
        signs_in_by=one.sign_in_method,
        rights=rights(one.rights),
        sessions=one.sessions,
        tokens=one.tokens,
        made_at=one.created_at,
        made_by=one.created_by,
        seen_at=one.last_seen_at,
        password_at=one.password_set_at,
        link_ends_at=link_ends_at,
        locked_until=one.locked_until,
    )


def rights(held: Rights) -> r.RightsOut:
    on = {name: grant(one) for name, one in sorted(held.on.items())}
    return r.RightsOut(everywhere=grant(held.everywhere), on=on)


def grant(held: Grant) -> r.GrantOut:
    return r.GrantOut(role=held.role.label, payloads=held.payloads)


def patched(before: Rights, asked: r.UserPatch, configured: tuple[str, ...]) -> Rights:
    """Return the rights that a change leaves.

    Raises:
        RequestRejected: it names a connection that there is not.
    """
    everywhere = before.everywhere if asked.everywhere is UNSET else _granted(asked.everywhere)
    if asked.on is UNSET:
        return Rights(everywhere, before.on)
    known = resources_of(configured, before)
    if unknown := sorted(asked.on.keys() - known):
        raise RequestRejected(f"There is no connection {unknown[0][:100]}. There are: {', '.join(known) or 'none'}.")
    on = {name: _granted(one) for name, one in asked.on.items()}
    return Rights(everywhere, {name: one for name, one in on.items() if one != everywhere})


def token(one: Token) -> r.TokenOut:
    everywhere = one.resource == EVERYWHERE
    most = one.max_rights.grant(None if everywhere else one.resource)
    return r.TokenOut(
        id=one.id,
        user=one.user_name,
        name=one.name,
        hint=one.hint,
        on=None if everywhere else one.resource,
        role=most.role.label,
        payloads=most.payloads,
        made_at=one.created_at,
        ends_at=one.expires_at,
        used_at=one.last_used_at,
    )


def session(one: Session, this: int | None) -> r.SessionOut:
    return r.SessionOut(
        id=one.id,
        here=one.id == this,
        browser=browser(one.agent),
        agent=one.agent,
        address=one.address,
        made_at=one.created_at,
        used_at=one.last_used_at,
        ends_at=one.expires_at,
    )


def _granted(asked: r.GrantIn) -> Grant:
    return Grant(parse_role(asked.role) or Role.NONE, asked.payloads)

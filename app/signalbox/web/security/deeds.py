"""What pages and API do with accounts, the same for both: each through the door. All raise RequestRejected as the services do."""

from signalbox.security.accounts import actions
from signalbox.security.accounts.model import EVERYWHERE, Token, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role
from signalbox.web import urls
from signalbox.web.security.forms import Invite, NewToken
from signalbox.web.security.who import Mine, Office

NOTHING_LEFT = "{} would see nothing: leave a role other than none somewhere, or remove the user."


async def make_token(mine: Mine, asked: NewToken) -> str:
    """Make a token of one's own, worth no more than oneself; return its secret, which is shown once."""
    resource = asked.on or EVERYWHERE
    if asked.on and asked.on not in mine.resources:
        raise RequestRejected(f"There is no connection {asked.on} that you may see.")
    grant = Grant(parse_role(asked.role) or Role.NONE, asked.payloads)
    most = most_on(mine.actor.rights, resource)
    if grant.role > most.role:
        raise RequestRejected(f"You are {most.role.label} there: a token of yours cannot be {grant.role.label}.")
    if grant.payloads and not most.payloads:
        raise RequestRejected("You may not see payloads there, so a token of yours cannot either.")
    action = actions.create_token(asked.name, grant, resource, asked.days)
    return await mine.door.act(
        mine.actor,
        action,
        lambda permit: mine.accounts.tokens.create(
            permit, mine.user.id, name=asked.name, grant=grant, resource=resource, days=asked.days
        ),
    )


def most_on(rights: Rights, resource: str) -> Grant:
    """Return the most that a token on this may be given; one for everywhere is cut down on each connection by itself."""
    if resource != EVERYWHERE:
        return rights.grant(resource)
    every = (rights.everywhere, *rights.on.values())
    return Grant(max(grant.role for grant in every), any(grant.payloads for grant in every))


async def revoke_token(by: Mine | Office, token: Token) -> None:
    await by.door.act(by.actor, actions.revoke_token(token), lambda permit: by.accounts.tokens.revoke(permit, token))


async def end_session(mine: Mine, session: int, what: str) -> None:
    action = actions.revoke_session(what)
    await mine.door.act(mine.actor, action, lambda permit: mine.accounts.sessions.end(permit, session))


async def invite(office: Office, asked: Invite) -> str:
    """Add a user; return the address of the one-time link that lets them in."""
    if asked.on and asked.on not in office.resources:
        raise RequestRejected(f"There is no connection {asked.on}.")
    grant = Grant(parse_role(asked.role) or Role.NONE, asked.payloads)
    rights = Rights(Grant(), {asked.on: grant}) if asked.on else Rights(grant)
    action = actions.invite_user(asked.name, rights)
    secret = await office.door.act(
        office.actor, action, lambda permit: office.accounts.users.invite(permit, asked.name, rights)
    )
    return office.public_url + urls.join(secret)


async def make_link(office: Office, user: User) -> str:
    """Return the address of a new one-time link, which sets this user's password."""
    action = actions.create_link(user.name)
    secret = await office.door.act(office.actor, action, lambda permit: office.accounts.users.create_link(permit, user))
    return office.public_url + urls.join(secret)


async def set_rights(office: Office, user: User, rights: Rights, reason: str) -> None:
    if not rights.allows_anything:
        raise RequestRejected(NOTHING_LEFT.format(user.name))
    action = actions.change_rights(user.name, user.rights, rights, reason)
    await office.door.act(office.actor, action, lambda permit: office.accounts.users.set_rights(permit, user, rights))


async def remove_user(office: Office, user: User, reason: str) -> None:
    action = actions.remove_user(user.name, reason)
    await office.door.act(office.actor, action, lambda permit: office.accounts.users.remove(permit, user))

"""Changes of accounts that pages and the API share. Each goes through the door, which records it in the audit log.

All raise RequestRejected as the services do.
"""

from signalbox.security.accounts import actions
from signalbox.security.accounts.model import EVERYWHERE, Token, User
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role, parse_role
from signalbox.web import urls
from signalbox.web.security.dependencies import CurrentUser, UserAdmin
from signalbox.web.security.forms import InviteForm, NewTokenForm

NO_ROLE_LEFT = "{} would have no access. Grant at least one role, or remove the user."


async def create_token(current: CurrentUser, form: NewTokenForm) -> str:
    """Create a token with at most the user's own permissions; return its secret, which is shown once."""
    resource = form.on or EVERYWHERE
    if form.on and form.on not in current.resources:
        raise RequestRejected(f"You have no access to a connection named {form.on}.")
    grant = Grant(parse_role(form.role) or Role.NONE, form.payloads)
    most = highest_grant(current.actor.rights, resource)
    if grant.role > most.role:
        raise RequestRejected(f"Your role there is {most.role.label}: your token cannot be {grant.role.label}.")
    if grant.payloads and not most.payloads:
        raise RequestRejected("You cannot view unmasked payloads there, so your token cannot either.")
    action = actions.create_token(form.name, grant, resource, form.days)
    return await current.door.act(
        current.actor,
        action,
        lambda permit: current.accounts.tokens.create(
            permit, current.user.id, name=form.name, grant=grant, resource=resource, days=form.days
        ),
    )


def highest_grant(rights: Rights, resource: str) -> Grant:
    """Return the most that a token on a resource can be granted; a token for everywhere is capped on each connection."""
    if resource != EVERYWHERE:
        return rights.grant(resource)
    grants = (rights.everywhere, *rights.on.values())
    return Grant(max(grant.role for grant in grants), any(grant.payloads for grant in grants))


async def revoke_token(by: CurrentUser | UserAdmin, token: Token) -> None:
    await by.door.act(by.actor, actions.revoke_token(token), lambda permit: by.accounts.tokens.revoke(permit, token))


async def end_own_session(current: CurrentUser, session: int) -> None:
    action = actions.revoke_session("one of their own")
    await current.door.act(current.actor, action, lambda permit: current.accounts.sessions.end(permit, session))


async def invite(admin: UserAdmin, form: InviteForm) -> str:
    """Add a user; return the URL of the one-time link, which is shown once."""
    if form.on and form.on not in admin.resources:
        raise RequestRejected(f"There is no connection {form.on}.")
    grant = Grant(parse_role(form.role) or Role.NONE, form.payloads)
    rights = Rights(Grant(), {form.on: grant}) if form.on else Rights(grant)
    secret = await admin.door.act(
        admin.actor,
        actions.invite_user(form.name, rights),
        lambda permit: admin.accounts.users.invite(permit, form.name, rights),
    )
    return admin.public_url + urls.join(secret)


async def create_link(admin: UserAdmin, user: User) -> str:
    """Return the URL of a new one-time link that sets the user's password."""
    action = actions.create_link(user.name)
    secret = await admin.door.act(admin.actor, action, lambda permit: admin.accounts.users.create_link(permit, user))
    return admin.public_url + urls.join(secret)


async def set_rights(admin: UserAdmin, user: User, rights: Rights, reason: str) -> None:
    if not rights.allows_anything:
        raise RequestRejected(NO_ROLE_LEFT.format(user.name))
    action = actions.change_rights(user.name, user.rights, rights, reason)
    await admin.door.act(admin.actor, action, lambda permit: admin.accounts.users.set_rights(permit, user, rights))


async def remove_user(admin: UserAdmin, user: User, reason: str) -> None:
    action = actions.remove_user(user.name, reason)
    await admin.door.act(admin.actor, action, lambda permit: admin.accounts.users.remove(permit, user))

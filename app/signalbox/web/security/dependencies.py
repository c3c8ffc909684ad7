"""Dependencies and guards of the security routes: the signed-in user, and admins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler

from signalbox.brokers.settings import ConnectionSettings
from signalbox.security.accounts.model import User
from signalbox.security.accounts.service import Accounts
from signalbox.security.door import Door
from signalbox.security.errors import NotPermitted
from signalbox.security.model import Action, Actor, missing_permission
from signalbox.security.oidc.service import SingleSignOn
from signalbox.web.access import NotSignedIn, actor_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentUser:
    """The signed-in user, with the services that change their own account."""

    actor: Actor
    user: User
    accounts: Accounts
    door: Door
    resources: tuple[str, ...]  # the connections that the user may view


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAdmin:
    """A signed-in admin, with the services that change the accounts of other users."""

    actor: Actor
    accounts: Accounts
    door: Door
    resources: tuple[str, ...]  # all connections
    public_url: str  # the URL under which users reach Signalbox
    sso: SingleSignOn | None


async def current_user(
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    connections: NamedDependency[Sequence[ConnectionSettings]],
) -> CurrentUser:
    """Return the signed-in user. Raises NotSignedIn."""
    user = await accounts.users.find(actor.user) if actor.user is not None else None
    if user is None:
        raise NotSignedIn(set_up=not accounts.identities.has_users)
    visible = tuple(settings.name for settings in connections if actor.rights.can_view(settings.name))
    return CurrentUser(actor=actor, user=user, accounts=accounts, door=door, resources=visible)


def user_admin(
    *,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    connections: NamedDependency[Sequence[ConnectionSettings]],
    public_url: NamedDependency[str],
    sso: NamedDependency[SingleSignOn | None],
) -> UserAdmin:
    """Return the admin who is signed in. Raises as `require_admin` does."""
    require_admin(actor, accounts, "users")
    names = tuple(settings.name for settings in connections)
    return UserAdmin(actor=actor, accounts=accounts, door=door, resources=names, public_url=public_url, sso=sso)


def require_admin(actor: Actor, accounts: Accounts, subject: str) -> None:
    """Check that the actor is an admin everywhere. `subject` names what they open: "the audit log".

    Raises:
        NotSignedIn: no user is signed in.
        NotPermitted: the user is not an admin everywhere.
    """
    if not actor.is_signed_in:
        raise NotSignedIn(set_up=not accounts.identities.has_users)
    if missing := missing_permission(actor.rights, Action(name="view", allowed_in_read_only=True)):
        raise NotPermitted(f"{actor.name} cannot view {subject}: that requires {missing}.", missing)


def admin_guard(subject: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """Return a route guard that lets only admins pass."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        require_admin(actor_of(connection), cast("Accounts", connection.app.state.accounts), subject)

    return guard


CURRENT_USER = {"current": Provide(current_user)}
USER_ADMIN = {"admin": Provide(user_admin, sync_to_thread=False)}

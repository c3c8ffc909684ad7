"""What is for admins everywhere alone: one way to refuse everybody else."""

from collections.abc import Callable
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from signalbox.security.accounts.service import Accounts
from signalbox.security.errors import NotPermitted
from signalbox.security.model import Action, Actor, missing_permission
from signalbox.web.access import NotSignedIn, actor_of


def let_admins_through(actor: Actor, accounts: Accounts, what: str) -> None:
    """Return if this is an admin everywhere. `what` is what a person calls it: "the audit log".

    Raises:
        NotSignedIn: nobody is signed in.
        NotPermitted: somebody else is.
    """
    if not actor.is_signed_in:
        raise NotSignedIn(set_up=not accounts.identities.has_users)
    if missing := missing_permission(actor.rights, Action(name="look", allowed_in_read_only=True)):
        raise NotPermitted(f"{actor.name} may not look at {what}: that needs {missing}.", missing)


def admins_only(what: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """Return the guard of routes that are for admins alone."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        let_admins_through(actor_of(connection), cast("Accounts", connection.app.state.accounts), what)

    return guard

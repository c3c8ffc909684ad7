"""For whom these pages and routes are: whoever is signed in, or admins everywhere. Dependencies of their handlers."""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.di import NamedDependency, Provide

from signalbox.brokers.settings import ConnectionSettings
from signalbox.security.accounts.model import User
from signalbox.security.accounts.service import Accounts
from signalbox.security.door import Door
from signalbox.security.model import Actor
from signalbox.security.oidc.service import CompanyAccounts
from signalbox.web.access import NotSignedIn
from signalbox.web.security.admins import let_admins_through


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """Who asks about themselves, and by what their accounts are changed."""

    actor: Actor
    user: User
    accounts: Accounts
    door: Door
    resources: tuple[str, ...]  # the connections that they may see


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An admin who asks about others."""

    actor: Actor
    accounts: Accounts
    door: Door
    resources: tuple[str, ...]  # all connections
    public_url: str  # the address under which people reach Signalbox
    company: CompanyAccounts | None


async def mine(
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    connections: NamedDependency[Sequence[ConnectionSettings]],
) -> Mine:
    """Let through who is signed in. Raises NotSignedIn."""
    user = await accounts.users.find(actor.user) if actor.user is not None else None
    if user is None:
        raise NotSignedIn(set_up=not accounts.identities.has_users)
    visible = tuple(one.name for one in connections if actor.rights.can_view(one.name))
    return Mine(actor=actor, user=user, accounts=accounts, door=door, resources=visible)


def office(
    *,
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    door: NamedDependency[Door],
    connections: NamedDependency[Sequence[ConnectionSettings]],
    public_url: NamedDependency[str],
    company: NamedDependency[CompanyAccounts | None],
) -> Office:
    """Let through admins everywhere.

    Raises:
        NotSignedIn: nobody is signed in.
        NotPermitted: somebody else is.
    """
    let_admins_through(actor, accounts, "users")
    names = tuple(one.name for one in connections)
    return Office(actor=actor, accounts=accounts, door=door, resources=names, public_url=public_url, company=company)


MINE = {"mine": Provide(mine)}
OFFICE = {"office": Provide(office, sync_to_thread=False)}

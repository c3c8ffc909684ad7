"""Accounts, put together once for `serve` and for each verb of the CLI."""

from dataclasses import dataclass

from app.kernel.clock import Clock
from app.security.accounts.identities import Identities
from app.security.accounts.limits import Limits
from app.security.accounts.sessions import Sessions
from app.security.accounts.tokens import Tokens
from app.security.accounts.users import Users
from app.security.changes.service import Changes
from app.security.door import Door
from app.security.settings import SecuritySettings
from app.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everything about who may come in."""

    changes: Changes
    users: Users
    sessions: Sessions
    tokens: Tokens
    limits: Limits
    identities: Identities


def accounts(database: Database, door: Door, settings: SecuritySettings, clock: Clock) -> Accounts:
    """Wire accounts; nothing is read yet: await `changes.refresh()` first."""
    changes = Changes(database)
    limits = Limits(changes, clock)
    users = Users(changes, limits, clock)
    return Accounts(
        changes=changes,
        users=users,
        sessions=Sessions(changes, users, door, settings, clock),
        tokens=Tokens(changes, clock),
        limits=limits,
        identities=Identities(changes, clock, idle_s=settings.session_idle_h * 3600),
    )

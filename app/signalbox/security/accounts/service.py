"""The services of accounts, wired once for `serve` and for each CLI command."""

from dataclasses import dataclass

from signalbox.kernel.clock import Clock
from signalbox.security.accounts.identities import Identities
from signalbox.security.accounts.limits import Limits
from signalbox.security.accounts.sessions import Sessions
from signalbox.security.accounts.tokens import Tokens
from signalbox.security.accounts.users import Users
from signalbox.security.changes.service import Changes
from signalbox.security.door import Door
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All services of accounts."""

    changes: Changes
    users: Users
    sessions: Sessions
    tokens: Tokens
    limits: Limits
    identities: Identities


def create_accounts(database: Database, door: Door, settings: SecuritySettings, clock: Clock) -> Accounts:
    """Wire the services. Await `changes.refresh()` before the first use."""
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

"""How verbs act: through the same door as pages do, in a process of their own, as `cli:` and the name of the system's user.

That user is admin: anyone who can write the database can do the same without Signalbox.
"""

import os
import pwd
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from signalbox import __version__
from signalbox.kernel.clock import system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.security.accounts.service import Accounts, create_accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.model import ADMIN_EVERYWHERE, Action, Actor, Via
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Acting:
    """What a verb acts with."""

    actor: Actor
    database: Database
    log: AuditLog
    door: Door
    accounts: Accounts

    async def act(self, action: Action, run: Callable[[Permit], Awaitable[T]]) -> T:
        """Do it through the door, as the user of the system. Raises what `door.act` does."""
        return await self.door.act(self.actor, action, run)


@asynccontextmanager
async def acting(configuration: Configuration) -> AsyncIterator[Acting]:
    """Open the database for a verb, and close it.

    Raises:
        SchemaOutdated: its tables are not those of this version; names the command that changes it.
        StorageError: it cannot be used.
    """
    database = Database(configuration.one(DatabaseSettings))
    try:
        await database.require_head()
        log = AuditLog(database, system_clock)
        door = Door(log)  # [server] read_only binds what is served; who may write the database needs no leave
        user_accounts = create_accounts(database, door, configuration.one(SecuritySettings), system_clock)
        await user_accounts.changes.refresh()
        yield Acting(actor=cli_actor(), database=database, log=log, door=door, accounts=user_accounts)
    finally:
        await database.close()


def cli_actor() -> Actor:
    """Return who runs this process, by the system and not by the environment, which anybody may set."""
    return Actor(
        name=f"cli:{_user()}",
        rights=ADMIN_EVERYWHERE,
        via=Via.CLI,
        address=socket.gethostname(),
        agent=f"signalbox {__version__}",
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number without a name
        return str(os.getuid())

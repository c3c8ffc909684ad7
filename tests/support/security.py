"""Accounts, audit log and door over a database, as `bootstrap` wires them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from app.kernel.clock import Clock, system_clock
from app.security.accounts.service import Accounts, accounts
from app.security.audit.service import AuditLog
from app.security.door import Door
from app.security.masking.model import Rule
from app.security.masking.service import Masking
from app.security.settings import SecuritySettings
from app.storage.engine import Database
from app.storage.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class Secured:
    """What decides who may do what."""

    accounts: Accounts
    door: Door
    log: AuditLog
    masking: Masking


def secured(
    database: Database,
    clock: Clock = system_clock,
    settings: SecuritySettings | None = None,
    *,
    read_only: bool = False,
    rules: Sequence[Rule] = (),
) -> Secured:
    log = AuditLog(database, clock)
    door = Door(log, read_only=read_only)
    held = accounts(database, door, settings or SecuritySettings(), clock)
    masking = Masking(rules, database, bytes(32), clock)
    held.changes.tell(masking.load)
    return Secured(held, door, log, masking)


def without_database() -> Secured:
    """Accounts that know of no user and are never asked for one: pages of this machine alone."""
    nowhere = DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{Path('/nowhere/signalbox.db')}"))
    return secured(Database(nowhere))

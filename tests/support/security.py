"""Accounts, audit log and door over a database, as `bootstrap` wires them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from signalbox.kernel.clock import Clock, system_clock
from signalbox.security.accounts.service import Accounts, create_accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.masking.model import Rule
from signalbox.security.masking.service import Masking
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings


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
    held = create_accounts(database, door, settings or SecuritySettings(), clock)
    masking = Masking(rules, database, bytes(32), clock)
    held.changes.subscribe(masking.load)
    return Secured(held, door, log, masking)


def without_database() -> Secured:
    """Accounts that know of no user and are never asked for one: pages of this machine alone."""
    nowhere = DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{Path('/nowhere/signalbox.db')}"))
    return secured(Database(nowhere))

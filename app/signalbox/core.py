"""What every feature is built on: the database, the feed, the clock, and everything that decides who may do what."""

from dataclasses import dataclass

from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.clock import Clock
from signalbox.kernel.configuration import Configuration
from signalbox.kernel.feed import Feed
from signalbox.security.accounts.service import Accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.keys import Keys
from signalbox.security.masking.service import Masking
from signalbox.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Built once per process by `bootstrap`."""

    configuration: Configuration
    clock: Clock
    database: Database
    feed: Feed
    keys: Keys
    audit: AuditLog
    door: Door
    accounts: Accounts
    masking: Masking

    @property
    def connections(self) -> tuple[ConnectionSettings, ...]:
        return self.configuration.many(ConnectionSettings)

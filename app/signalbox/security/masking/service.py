"""The one way by which a payload leaves the service: masked, or beneath by permit, each look in the audit log."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel.clock import Clock
from signalbox.security.door import Permit
from signalbox.security.errors import NotPermitted, RequestRejected
from signalbox.security.masking.actions import ADD, MOVE, REMOVE, VIEW_PAYLOAD, audit_target
from signalbox.security.masking.engine import MaskedMessage, mask
from signalbox.security.masking.errors import RulesNotLoaded
from signalbox.security.masking.hits import HitCounter
from signalbox.security.masking.model import Message, Rule
from signalbox.security.masking.rules import Ruleset
from signalbox.security.masking.store import MaskingStore, StoredRule
from signalbox.security.masking.trial import Trial, try_rules
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRule:
    """A rule as the page lists it."""

    number: int  # from 1; the first that fits wins
    rule: Rule
    created_by: str
    created_at: float | None  # seconds since the epoch; None: it stands in the configuration
    hits: int  # in the last 24 hours, or since `Masking.counting_since` where that is later

    @property
    def is_configured(self) -> bool:
        """Whether it can be changed in signalbox.toml only."""
        return self.created_at is None


class Masking:
    """One per process. Shows nothing before the rules have been read: call `load` at the start."""

    def __init__(self, configured: Sequence[Rule], database: Database, key: bytes, clock: Clock) -> None:
        self._configured = tuple(configured)
        self._store = MaskingStore(database)
        self._key = key
        self._clock = clock
        self._hits = HitCounter(clock)
        self._loading = asyncio.Lock()
        self._state_version: int | None = None  # the version of the security state that was read last
        self._stored: tuple[StoredRule, ...] = ()
        self._rules: Ruleset | None = None
        self.version = (
            0  # another number whenever the rules are others: what was drawn with an older one is to be drawn again
        )

    @property
    def counting_since(self) -> float:
        """When hits began to be counted, in seconds since the epoch."""
        return self._hits.since

    @property
    def count(self) -> int | None:
        """How many rules there are; None: they have not been read yet."""
        return None if self._rules is None else len(self._rules.rules)

    def rules(self) -> tuple[ListedRule, ...]:
        """Return all rules in the order in which they win.

        Raises:
            RulesNotLoaded: they have not been read yet.
        """
        self._ruleset()
        counts = self._hits.counts()
        made = [(rule, CONFIGURATION, None) for rule in self._configured]
        rows = [(one.rule, one.created_by, one.created_at) for one in self._stored]
        return tuple(
            ListedRule(number=number, rule=rule, created_by=by, created_at=at, hits=counts[rule.name])
            for number, (rule, by, at) in enumerate([*made, *rows], start=1)
        )

    def mask(self, message: Message) -> MaskedMessage:
        """Return what anybody may see of a message.

        Raises:
            RulesNotLoaded: they have not been read yet.
        """
        rules = self._ruleset()
        view = mask(message, rules, self._key)
        if view.hits:
            self._hits.add({rules.rules[number - 1].name: hits for number, hits in view.hits.items()})
        return view

    def unmask(self, permit: Permit, message: Message) -> Message:
        """Return a message as it is, and have the audit log say which rules it was seen beneath.

        Raises:
            NotPermitted: the permit is for something else, or for another message.
            RulesNotLoaded: they have not been read yet.
        """
        _require(permit, VIEW_PAYLOAD, audit_target(message))
        if permit.action.resource != message.connection:
            raise NotPermitted("This permit is for another connection.", f"a permit for {message.connection}")
        rules = self._ruleset()
        hits = mask(message, rules, self._key).hits
        names = ", ".join(rules.rules[number - 1].name for number in sorted(hits))
        permit.detail = f"{sum(hits.values())} masked, by {names}" if hits else "nothing in it is masked"
        return message

    def try_rule(
        self,
        sample: str,
        destination: str,
        candidate: Rule | None,
        *,
        only_candidate: bool = False,
        kind: str | None = None,
    ) -> Trial:
        """Return what others would see of a sample, as if from a "connection/destination". It is not kept.

        Raises:
            RequestRejected: the sample is over 64 KiB.
            RulesNotLoaded: they have not been read yet.
        """
        rules = () if only_candidate else self._ruleset().rules
        return try_rules(sample, destination, rules, candidate, kind=kind, key=self._key)

    async def add(self, permit: Permit, rule: Rule) -> None:
        """Add a rule after all others.

        Raises:
            NotPermitted: the permit is for something else.
            RequestRejected: its name is taken, or there are too many rules.
            StorageError: nothing was written.
        """
        _require(permit, ADD, rule.name)
        if self._is_configured(rule.name):
            raise RequestRejected(f"There is a masking rule named {rule.name} in signalbox.toml. Choose another name.")
        await self._store.add(StoredRule(rule, permit.actor.name, self._clock()))
        await self._reload()

    async def move(self, permit: Permit, name: str, number: int) -> None:
        """Give a rule this number; those between move by one. Rules of the configuration stay first.

        Raises:
            NotPermitted: the permit is for something else.
            RequestRejected: there is no such rule or number among those that admins made.
            StorageError: nothing was written.
        """
        _require(permit, MOVE, name)
        self._require_stored(name)
        await self._store.move(name, number, after=len(self._configured))
        await self._reload()

    async def remove(self, permit: Permit, name: str) -> None:
        """Delete a rule.

        Raises:
            NotPermitted: the permit is for something else.
            RequestRejected: there is none of this name among those that admins made.
            StorageError: nothing was written.
        """
        _require(permit, REMOVE, name)
        self._require_stored(name)
        await self._store.remove(name)
        await self._reload()

    async def refresh(self, version: int) -> None:
        """Read the rules again if this is another version of the security state than the one last read.

        Raises:
            RulesNotLoaded: a row cannot be read; what was known stays in force.
            StorageError: the database could not be asked; what was known stays in force.
        """
        if version != self._state_version:
            await self.load()

    async def load(self) -> None:
        """Read the rules. Raises what `refresh` does."""
        async with self._loading:
            version, stored = await self._store.read()
            if self._rules is None or stored != self._stored:
                self._stored = stored
                self._rules = Ruleset((*self._configured, *(one.rule for one in stored)))
                self.version = version
            self._state_version = version

    async def _reload(self) -> None:
        """Let what was just written hold here at once; should it fail, `refresh` does it a second later."""
        try:
            await self.load()
        except (StorageError, RulesNotLoaded):
            log.exception("the masking rules were changed and could not be read again")

    def _ruleset(self) -> Ruleset:
        if self._rules is None:
            raise RulesNotLoaded(
                "The masking rules have not been read yet, so no payload is shown. Try again in a moment."
            )
        return self._rules

    def _is_configured(self, name: str) -> bool:
        return any(rule.name == name for rule in self._configured)

    def _require_stored(self, name: str) -> None:
        if self._is_configured(name) and not any(one.rule.name == name for one in self._stored):
            raise RequestRejected(
                f"The masking rule {name} is set in signalbox.toml. Change it there and start Signalbox again."
            )


def _require(permit: Permit, action: str, target: str) -> None:
    """Refuse a permit for anything else than what is about to be done: the audit log would name the wrong thing."""
    if (permit.action.name, permit.action.target) != (action, target):
        raise NotPermitted(f"This permit is not for {action}: {target}.", f"a permit for {action}: {target}")

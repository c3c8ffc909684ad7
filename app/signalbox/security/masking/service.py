"""The only way a payload leaves the service: masked, or unmasked with a permit and an audit entry."""

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
from signalbox.security.masking.model import ClearMessage, Rule
from signalbox.security.masking.rules import Ruleset
from signalbox.security.masking.store import MaskingStore, StoredRule
from signalbox.security.masking.trial import Trial, try_rules
from signalbox.storage.engine import Database

log = logging.getLogger(__name__)

CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRule:
    """A rule with its place and hits."""

    number: int  # from 1; the first match wins
    rule: Rule
    created_by: str
    created_at: float | None  # epoch seconds; None: from the configuration
    hits: int  # in the last 24 hours, or since `Masking.counting_since` if that is later

    @property
    def is_configured(self) -> bool:
        """Whether the rule can only be changed in signalbox.toml."""
        return self.created_at is None


class Masking:
    """One per process. Shows nothing before the first `load`."""

    def __init__(self, configured: Sequence[Rule], database: Database, key: bytes, clock: Clock) -> None:
        self._configured = tuple(configured)
        self._store = MaskingStore(database)
        self._key = key
        self._clock = clock
        self._hits = HitCounter(clock)
        self._loading = asyncio.Lock()
        self._state_version: int | None = None  # the version of the security state last read
        self._stored: tuple[StoredRule, ...] = ()
        self._rules: Ruleset | None = None
        self.fault = ""  # why the stored rules could not be read, as a sentence; empty: they could
        self.version = 0  # changes with the rules: pages rendered with another version are outdated

    @property
    def counting_since(self) -> float:
        """When counting hits started, in epoch seconds."""
        return self._hits.since

    @property
    def count(self) -> int | None:
        """The number of rules; None: not loaded yet."""
        return None if self._rules is None else len(self._rules.rules)

    def rules(self) -> tuple[ListedRule, ...]:
        """Return all rules in order. Raises RulesNotLoaded."""
        self._ruleset()
        counts = self._hits.counts()
        configured = [(rule, CONFIGURATION, None) for rule in self._configured]
        stored_rules = [(stored.rule, stored.created_by, stored.created_at) for stored in self._stored]
        return tuple(
            ListedRule(number=number, rule=rule, created_by=by, created_at=at, hits=counts[rule.name])
            for number, (rule, by, at) in enumerate([*configured, *stored_rules], start=1)
        )

    def mask(self, message: ClearMessage) -> MaskedMessage:
        """Return the masked message. Raises RulesNotLoaded."""
        rules = self._ruleset()
        view = mask(message, rules, self._key)
        if view.hits:
            self._hits.add({rules.rules[number - 1].name: hits for number, hits in view.hits.items()})
        return view

    def unmask(self, permit: Permit, message: ClearMessage) -> ClearMessage:
        """Return the unmasked message, and name the bypassed rules in the audit log.

        Raises:
            NotPermitted: the permit is for another action or message.
            RulesNotLoaded: the rules are not loaded yet.
        """
        _require(permit, VIEW_PAYLOAD, audit_target(message))
        if permit.action.resource != message.connection:
            raise NotPermitted(
                "The request names another connection than the message has. No payload was shown. Open the message again.",
                f"a permission on {message.connection}",
            )
        rules = self._ruleset()
        hits = mask(message, rules, self._key).hits
        names = ", ".join(rules.rules[number - 1].name for number in sorted(hits))
        number = sum(hits.values())
        shown = "1 masked value was shown" if number == 1 else f"{number} masked values were shown"
        masked = f"{shown} (rules: {names})"
        permit.detail = masked if hits else "no rule masks this message"
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
        """Mask a sample as if it came from a "connection/destination". The sample is not stored.

        Raises:
            RequestRejected: the sample is over 64 KiB.
            RulesNotLoaded: the rules are not loaded yet.
        """
        rules = () if only_candidate else self._ruleset().rules
        return try_rules(sample, destination, rules, candidate, kind=kind, key=self._key)

    async def add(self, permit: Permit, rule: Rule) -> None:
        """Add a rule after all others.

        Raises:
            NotPermitted: the permit is for another action.
            RequestRejected: the name is taken, or there are too many rules.
            StorageError: nothing was written.
        """
        _require(permit, ADD, rule.name)
        if self._is_configured(rule.name):
            raise RequestRejected(
                f"A masking rule in signalbox.toml is already named “{rule.name}”. Choose another name."
            )
        await self._store.add(StoredRule(rule, permit.actor.name, self._clock()))
        await self._reload()

    async def move(self, permit: Permit, name: str, number: int) -> None:
        """Move a rule to this number; rules between move by one. Configured rules stay first.

        Raises:
            NotPermitted: the permit is for another action.
            RequestRejected: no stored rule has this name, or the number is out of range.
            StorageError: nothing was written.
        """
        _require(permit, MOVE, name)
        self._require_stored(name)
        await self._store.move(name, number, after=len(self._configured))
        await self._reload()

    async def remove(self, permit: Permit, name: str) -> None:
        """Delete a rule.

        Raises:
            NotPermitted: the permit is for another action.
            RequestRejected: no stored rule has this name.
            StorageError: nothing was written.
        """
        _require(permit, REMOVE, name)
        self._require_stored(name)
        await self._store.remove(name)
        await self._reload()

    async def refresh(self, version: int) -> None:
        """Reload the rules if the version of the security state changed. The old rules stay in force on error.

        Raises:
            RulesNotLoaded: a row is malformed.
            StorageError: the database does not answer.
        """
        if version != self._state_version:
            await self.load()

    async def load(self) -> None:
        """Load the rules. Raises the errors of `refresh`."""
        async with self._loading:
            try:
                version, stored = await self._store.read()
                if self._rules is None or stored != self._stored:
                    self._rules = Ruleset((*self._configured, *(row.rule for row in stored)))
                    self._stored, self.version = stored, version
            except RulesNotLoaded as error:
                self.fault = str(error)
                raise
            self._state_version, self.fault = version, ""

    async def _reload(self) -> None:
        """Apply a change in this process at once; if that fails, `refresh` does it a second later."""
        try:
            await self.load()
        except Exception:  # the change is committed
            log.exception("the masking rules were changed but could not be reloaded")

    def _ruleset(self) -> Ruleset:
        if self._rules is None and self.fault:
            raise RulesNotLoaded(f"{self.fault} No payload is shown.")
        if self._rules is None:
            raise RulesNotLoaded("The masking rules are not loaded yet, so no payload is shown. Try again in a moment.")
        return self._rules

    def _is_configured(self, name: str) -> bool:
        return any(rule.name == name for rule in self._configured)

    def _require_stored(self, name: str) -> None:
        if self._is_configured(name) and not any(stored.rule.name == name for stored in self._stored):
            raise RequestRejected(
                f"The masking rule “{name}” is defined in signalbox.toml. Change it there and restart Signalbox."
            )


def _require(permit: Permit, action: str, target: str) -> None:
    """Refuse a permit for another action: the audit log would name the wrong one."""
    if (permit.action.name, permit.action.target) != (action, target):
        raise NotPermitted(
            f"Signalbox did not run {action!r} for {target}: the request was for another action. Nothing was changed. Reload the page.",
            f"a permission for {action}: {target}",
        )

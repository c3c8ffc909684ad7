"""The dependency of the masking routes: a signed-in admin."""

from dataclasses import dataclass

from litestar.di import NamedDependency, Provide

from signalbox.security.accounts.service import Accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.masking.service import ListedRule, Masking
from signalbox.security.model import Actor
from signalbox.web.errors import NotFound
from signalbox.web.security.dependencies import require_admin


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingAdmin:
    """A signed-in admin, with the services that read and change masking rules."""

    actor: Actor
    accounts: Accounts
    audit: AuditLog
    door: Door
    masking: Masking

    def rule(self, name: str) -> ListedRule:
        """Return a rule by name; prefer one that can be changed over one of the configuration.

        Raises:
            NotFound: no rule has this name.
        """
        named = [listed for listed in self.masking.rules() if listed.rule.name == name]
        if not named:
            raise NotFound(f"There is no masking rule named “{name}”.", "The rule may have been removed.")
        return min(named, key=lambda listed: listed.is_configured)


def masking_admin(
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
    masking: NamedDependency[Masking],
) -> MaskingAdmin:
    """Return the admin who is signed in. Raises as `require_admin` does."""
    require_admin(actor, accounts, "masking rules")
    return MaskingAdmin(actor=actor, accounts=accounts, audit=audit, door=door, masking=masking)


MASKING_ADMIN = {"admin": Provide(masking_admin, sync_to_thread=False)}

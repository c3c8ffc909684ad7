"""Who may ask about masking: admins everywhere. A dependency of every handler of these pages and routes."""

from dataclasses import dataclass

from litestar.di import NamedDependency, Provide

from signalbox.security.accounts.service import Accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.masking.service import ListedRule, Masking
from signalbox.security.model import Actor
from signalbox.web.errors import NotThere
from signalbox.web.security.admins import let_admins_through


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An admin, and by what the rules are read, tried and changed."""

    actor: Actor
    accounts: Accounts
    audit: AuditLog
    door: Door
    masking: Masking

    def rule(self, name: str) -> ListedRule:
        """Return the rule of this name; where one of the configuration has it too, the one that can be changed.

        Raises:
            NotThere: there is none.
        """
        named = [one for one in self.masking.rules() if one.rule.name == name]
        if not named:
            raise NotThere(f"There is no masking rule named {name}.", "It may have been removed.")
        return min(named, key=lambda one: one.is_configured)


def desk(
    actor: NamedDependency[Actor],
    accounts: NamedDependency[Accounts],
    audit: NamedDependency[AuditLog],
    door: NamedDependency[Door],
    masking: NamedDependency[Masking],
) -> Desk:
    """Let through admins everywhere.

    Raises:
        NotSignedIn: nobody is signed in.
        NotPermitted: somebody else is.
    """
    let_admins_through(actor, accounts, "masking rules")
    return Desk(actor=actor, accounts=accounts, audit=audit, door=door, masking=masking)


DESK = {"desk": Provide(desk, sync_to_thread=False)}

"""Banners of security: masking rules that cannot be read, and account changes that a part of Signalbox did not take."""

from collections.abc import Sequence

from signalbox.security.changes.service import Changes
from signalbox.security.masking.service import Masking
from signalbox.web.shell import Banner
from signalbox.web.visibility import Visibility

FOR_USERS = "a masking rule cannot be read. Ask an admin."


def banners(visibility: Visibility, masking: Masking, changes: Changes) -> Sequence[Banner]:
    """Return the banners; only admins see the causes, which name rules."""
    if not visibility.actor.rights.allows_anything:
        return ()
    admin = visibility.actor.is_admin
    masked = [_masking_banner(masking, admin=admin)] if masking.fault else []
    others = [fault for fault in changes.faults if fault != masking.fault]
    return [*masked, *(_banner("Accounts are not up to date everywhere:", fault) for fault in others if admin)]


def _masking_banner(masking: Masking, *, admin: bool) -> Banner:
    hidden = masking.count is None
    strong = "Payloads are hidden:" if hidden else "The last change of masking rules is not in force:"
    return _banner(strong, masking.fault if admin else FOR_USERS)


def _banner(strong: str, text: str) -> Banner:
    return Banner(tone="danger", mark="m-down", strong=strong, text=text[:1].lower() + text[1:])

"""Security's entries of the navigation: the pages of admins."""

from collections.abc import Callable
from typing import Final

from signalbox.web.security import urls
from signalbox.web.shell import Badge, NavigationEntry

AUDIT: Final = "Audit log"
USERS: Final = "Users"
MASKING: Final = "Masking"
ADMIN: Final = "Admin"


def navigation(users: Callable[[], int | None], masking_rules: Callable[[], int | None]) -> tuple[NavigationEntry, ...]:
    """Return the entries; the functions give the counts beside them, None while a count is unknown."""
    return (
        NavigationEntry(label=AUDIT, group=ADMIN, href=urls.audit(), icon="i-audit", admins_only=True),
        NavigationEntry(
            label=USERS,
            group=ADMIN,
            href=urls.users(),
            icon="i-users",
            badge=lambda _: Badge(users()),
            admins_only=True,
        ),
        NavigationEntry(
            label=MASKING,
            group=ADMIN,
            href=urls.masking(),
            icon="i-masking",
            badge=lambda _: Badge(masking_rules()),
            admins_only=True,
        ),
    )

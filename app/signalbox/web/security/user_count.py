"""Count the users for the navigation, when accounts change instead of once a page."""

from signalbox.kernel.errors import Unavailable
from signalbox.security.accounts.service import Accounts


class UserCount:
    """One per application."""

    def __init__(self, accounts: Accounts) -> None:
        self._users = accounts.users
        self.users: int | None = None  # None until the first count
        accounts.changes.subscribe(self._count)

    async def _count(self) -> None:
        try:
            self.users = await self._users.count()
        except Unavailable:
            self.users = None

"""How many users there are, for the side line of every page: read when accounts change, never for a page."""

from signalbox.kernel.errors import Unavailable
from signalbox.security.accounts.service import Accounts


class Headcount:
    """One per application."""

    def __init__(self, accounts: Accounts) -> None:
        self._users = accounts.users
        self.users: int | None = None  # unknown until it was read
        accounts.changes.subscribe(self._count)

    async def _count(self) -> None:
        try:
            self.users = len(await self._users.list_all())
        except Unavailable:
            self.users = None

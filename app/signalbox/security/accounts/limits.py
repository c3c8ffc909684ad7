"""How often somebody may be wrong. Counted in SQL, so over all replicas; by address, so that nobody locks others out."""

from collections.abc import Mapping, Sequence
from typing import Final

from signalbox.kernel.clock import Clock
from signalbox.kernel.figures import duration
from signalbox.security.accounts.model import NAME_PATTERN, attempt_bucket, network_of
from signalbox.security.accounts.store import attempts
from signalbox.security.changes.service import Changes
from signalbox.security.door import Permit
from signalbox.security.errors import SecurityError
from signalbox.storage.dialect import lock_until_commit

WINDOW_S: Final = 15 * 60.0
PER_NAME_AND_ADDRESS: Final = 10
PER_ADDRESS: Final = 50  # an office may stand behind one
WRONG_TOKENS_PER_ADDRESS: Final = 100


class TooManyAttempts(SecurityError):
    """Somebody was wrong too often from this address."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            f"Too many attempts failed from this address. Try again in {duration(wait_s)}; others are not locked out."
        )
        self.wait_s = wait_s


class Limits:
    """An attempt is counted before it is judged, and taken back if it was right: many at once get no further than few.

    One that is over the limit is neither judged nor counted: to go on asking makes the wait no longer.
    """

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock

    async def count_sign_in(self, name: str, address: str) -> Sequence[int]:
        """Count one attempt to sign in; hand what is returned to `right` if it was.

        Raises:
            TooManyAttempts: this one may not be tried.
        """
        place = network_of(address)
        limits = {
            attempt_bucket("sign-in", name, place): PER_NAME_AND_ADDRESS,
            attempt_bucket("sign-in", place): PER_ADDRESS,
        }
        return await self._count(place, limits, name if NAME_PATTERN.fullmatch(name) else None)

    async def count_link_use(self, address: str) -> Sequence[int]:
        """Count one attempt to use a one-time link. Raises TooManyAttempts."""
        place = network_of(address)
        return await self._count(place, {attempt_bucket("link", place): PER_ADDRESS})

    async def count_wrong_token(self, address: str) -> None:
        """Count a token that does not hold. Raises TooManyAttempts."""
        place = network_of(address)
        await self._count(place, {attempt_bucket("token", place): WRONG_TOKENS_PER_ADDRESS})

    async def uncount(self, begun: Sequence[int]) -> None:
        async with self._changes.write_unversioned() as connection:
            await attempts.remove(connection, begun)

    async def locked_names(self) -> Mapping[str, float]:
        """Return the names that are locked for one address at least, each with the time at which the last of it ends."""
        async with self._changes.read() as connection:
            found = await attempts.locked_names(connection, self._clock() - WINDOW_S, PER_NAME_AND_ADDRESS)
        return {name: first + WINDOW_S for name, first in found.items()}

    async def unlock(self, _: Permit, name: str) -> None:
        """Take back what was wrong by this name, wherever from."""
        async with self._changes.write_unversioned() as connection:
            await attempts.remove_by_name(connection, name)

    async def _count(self, place: str, limits: Mapping[bytes, int], name: str | None = None) -> Sequence[int]:
        now = self._clock()
        async with self._changes.write_unversioned() as connection:
            await lock_until_commit(
                connection, attempt_bucket("turn", place)
            )  # who counts at the same time would not see this one yet
            await attempts.remove_older(connection, now - WINDOW_S)
            for one, most in limits.items():
                number, first = await attempts.count(connection, one, now - WINDOW_S)
                if number >= most:
                    raise TooManyAttempts(max(1.0, first + WINDOW_S - now))
            return await attempts.add(connection, list(limits), name, now)

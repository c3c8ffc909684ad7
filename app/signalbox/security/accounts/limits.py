"""Limits of failed attempts. Counted in SQL over all replicas, and by address, so that nobody can lock others out."""

import logging
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
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

WINDOW_S: Final = 15 * 60.0
PER_NAME_AND_ADDRESS: Final = 10
PER_ADDRESS: Final = 50  # a whole office may share one
WRONG_TOKENS_PER_ADDRESS: Final = 100


class TooManyAttempts(SecurityError):
    """Too many attempts failed from this address."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            f"Too many failed attempts from this IP address. Try again in {duration(wait_s)}. "
            "Other IP addresses are not affected."
        )
        self.wait_s = wait_s


class Limits:
    """Counts attempts before they are checked and uncounts the right ones: parallel attempts get no further than serial ones.

    An attempt over the limit is neither checked nor counted, so retrying does not make the wait longer.
    """

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock

    async def count_sign_in(self, name: str, address: str) -> Sequence[int]:
        """Count a sign-in attempt; pass the returned IDs to `uncount` if it succeeds.

        Raises:
            TooManyAttempts: this attempt must not be checked.
        """
        network = network_of(address)
        limits = {
            attempt_bucket("sign-in", name, network): PER_NAME_AND_ADDRESS,
            attempt_bucket("sign-in", network): PER_ADDRESS,
        }
        return await self._count(network, limits, name if NAME_PATTERN.fullmatch(name) else None)

    async def count_link_use(self, address: str) -> Sequence[int]:
        """Count an attempt to use a one-time link. Raises TooManyAttempts."""
        network = network_of(address)
        return await self._count(network, {attempt_bucket("link", network): PER_ADDRESS})

    async def count_wrong_token(self, address: str) -> None:
        """Count an invalid token. Raises TooManyAttempts."""
        network = network_of(address)
        await self._count(network, {attempt_bucket("token", network): WRONG_TOKENS_PER_ADDRESS})

    async def uncount(self, attempt_ids: Sequence[int]) -> None:
        """Forget an attempt that succeeded. If the database fails, it counts for a quarter of an hour: the success stands."""
        try:
            async with self._changes.write_unversioned() as connection:
                await attempts.remove(connection, attempt_ids)
        except StorageError as error:
            log.warning("cannot forget a sign-in attempt that succeeded: %s", error)

    async def locked_names(self) -> Mapping[str, float]:
        """Return the names that are locked for at least one address, with the end of the last lock (epoch seconds)."""
        async with self._changes.read() as connection:
            first_at = await attempts.locked_names(connection, self._clock() - WINDOW_S, PER_NAME_AND_ADDRESS)
        return {name: at + WINDOW_S for name, at in first_at.items()}

    async def unlock(self, _: Permit, name: str) -> None:
        """Remove the failed attempts for this name from every address."""
        async with self._changes.write_unversioned() as connection:
            await attempts.remove_by_name(connection, name)

    async def _count(self, network: str, limits: Mapping[bytes, int], name: str | None = None) -> Sequence[int]:
        now = self._clock()
        async with self._changes.write_unversioned() as connection:
            # a concurrent attempt would not see this one before it commits
            await lock_until_commit(connection, attempt_bucket("turn", network))
            await attempts.remove_older(connection, now - WINDOW_S)
            for bucket, limit in limits.items():
                number, first_at = await attempts.count(connection, bucket, now - WINDOW_S)
                if number >= limit:
                    raise TooManyAttempts(max(1.0, first_at + WINDOW_S - now))
            return await attempts.add(connection, list(limits), name, now)

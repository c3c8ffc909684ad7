"""Passwords: argon2id in a thread, a few at a time. An unknown user costs as much as a wrong password."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2  # each takes 64 MiB and a core for some 50 ms

_hasher = PasswordHasher()  # RFC 9106, the second recommended option
_turns = asyncio.Semaphore(AT_ONCE)


async def hashed(password: str) -> str:
    """Return what is kept of a password."""
    async with _turns:
        return await asyncio.to_thread(_hasher.hash, password)


async def fits(password: str, kept: str | None) -> bool:
    """Say whether this is the password of which `kept` was made; None (no such user, no password) takes as long."""
    async with _turns:
        return await asyncio.to_thread(_verified, password, kept)


def outdated(kept: str) -> bool:
    """Say whether it was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def _verified(password: str, kept: str | None) -> bool:
    try:
        _hasher.verify(kept or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")

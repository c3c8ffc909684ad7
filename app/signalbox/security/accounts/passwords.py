"""Passwords: argon2id in threads of its own, a few at a time. An unknown user costs as much as a wrong password."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signalbox.security.accounts.model import PASSWORD_BYTES_MAX, password_bytes

THREADS: Final = 2  # each takes 64 MiB and a core for some 50 ms

_hasher = PasswordHasher()  # RFC 9106, the second recommended option
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")  # who goes away leaves no more than these at work


async def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password_bytes(password))


async def verify(password: str, kept: str | None) -> bool:
    """Say whether this is the password of which `kept` was made; None (no such user, no password) takes as long."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password, kept)


def needs_rehash(kept: str) -> bool:
    """Say whether it was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(kept)


def _verify(password: str, kept: str | None) -> bool:
    shown = password_bytes(password)[: PASSWORD_BYTES_MAX + 1]  # what is longer than any is wrong, and costs no more
    try:
        _hasher.verify(kept or _dummy_hash(), shown)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def _dummy_hash() -> str:
    """Return a hash of no password, which costs what others do: its salt and what it should come to are zeros."""
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}"

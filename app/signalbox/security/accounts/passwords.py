"""Passwords: argon2id in its own two threads. An unknown user takes as long as a wrong password."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signalbox.security.accounts.model import PASSWORD_BYTES_MAX, password_bytes

THREADS: Final = 2  # each hash takes 64 MiB and a core for some 50 ms

_hasher = PasswordHasher()  # RFC 9106, the second recommended option
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")  # bounds the work that clients who left cause


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password_bytes(password))


async def verify(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches the hash. None (no such user, no password) takes as long as a hash."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _verify, password, password_hash)


def needs_rehash(password_hash: str) -> bool:
    """Return whether the hash has weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    candidate = password_bytes(password)[: PASSWORD_BYTES_MAX + 1]  # a longer password is wrong and costs no more
    try:
        _hasher.verify(password_hash or _dummy_hash(), candidate)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _dummy_hash() -> str:
    """Return a hash that matches no password and costs as much as a real one: salt and digest are zeros."""
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${'A' * 22}${'A' * 43}"

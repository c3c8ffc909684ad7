"""The one secret of an installation: 32 bytes in a file, from which each use derives a key of its own."""

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signalbox.security.errors import SecurityError

BYTES: Final = 32


class KeyFileError(SecurityError):
    """The key file cannot be read or made, or is not one."""


class Keys:
    """Derives keys from the secret; the secret itself leaves this object nowhere."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signing(self) -> Ed25519PrivateKey:
        """Return the key that signs heads of the audit log."""
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"signalbox audit"))

    def masking(self) -> bytes:
        """Return the key of masked values' hashes: without it a short value could be found by trying all."""
        return self._derived(b"signalbox masking")

    def sign_in(self) -> bytes:
        """Return the key that seals what a browser keeps while somebody is at the company account's server."""
        return self._derived(b"signalbox sign-in")

    def _derived(self, use: bytes) -> bytes:
        return HKDF(SHA256(), BYTES, salt=None, info=use).derive(self._secret)


def load(file: Path) -> Keys:
    """Read the key, or make it, readable by its owner alone, where there is no file yet.

    Raises:
        KeyUnusable: it cannot be read or made, others may read it, or it holds something else.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return Keys(_read(file))
        _make(file)
        return Keys(_read(file))
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be read: {error.strerror}. Name another: [security] key_file."
        ) from None


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileError(f"The key file {file} can be read by others. Run: chmod 600 {file}")
        text = opened.read(2 * BYTES + 2).strip()
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise KeyFileError(
            f"The key file {file} holds no key of Signalbox: expected {2 * BYTES} hexadecimal digits. Restore it from a copy, or "
            "move it away: a new one is made then, and heads that were signed before are verified with the old one's public key."
        )
    return secret


def _make(file: Path) -> None:
    """Write a new key beside its place and link it there: nobody ever reads half of one, and the first of two makers wins."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.") as unnamed:  # mode 0600
            unnamed.write(secrets.token_hex(BYTES).encode() + b"\n")
            unnamed.flush()
            os.fsync(unnamed.fileno())
            os.link(unnamed.name, file)
    except FileExistsError:
        return
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be made: {error.strerror}. Name a place that can be written: [security] key_file."
        ) from None

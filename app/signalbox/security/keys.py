"""The installation's secret: 32 bytes in a file. Each use derives its own key from it."""

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
    """The key file cannot be read or created, or holds no key."""


class Keys:
    """Derives keys from the secret. The secret itself is never returned."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def signing(self) -> Ed25519PrivateKey:
        """Return the key that signs the audit log's heads and seals."""
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"signalbox audit"))

    def masking(self) -> bytes:
        """Return the key for hashes of masked values: without a key a short value could be found by trying all."""
        return self._derived(b"signalbox masking")

    def sign_in(self) -> bytes:
        """Return the key that encrypts the cookie of a pending single sign-on."""
        return self._derived(b"signalbox sign-in")

    def _derived(self, use: bytes) -> bytes:
        return HKDF(SHA256(), BYTES, salt=None, info=use).derive(self._secret)


def load(file: Path) -> Keys:
    """Read the key file. Create it with mode 0600 if it does not exist.

    Raises:
        KeyFileError: the file cannot be read or created, is readable by others, or holds no key.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return Keys(_read(file))
        _make(file)
        return Keys(_read(file))
    except OSError as error:
        raise KeyFileError(
            f"Cannot read the key file {file}: {error.strerror}. Set another path in [security] key_file."
        ) from None


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyFileError(f"The key file {file} is readable by other users. Run: chmod 600 {file}")
        text = opened.read(2 * BYTES + 2).strip()
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise KeyFileError(
            f"The key file {file} is not a Signalbox key: expected {2 * BYTES} hexadecimal digits. Restore it from a backup, or "
            "move it away: Signalbox then creates a new key, and hashes of masked values change. To verify older signed heads, use --public-key with the old public key."
        )
    return secret


def _make(file: Path) -> None:
    """Write a new key to a temporary file and link it: no reader gets half a key, and the first of two writers wins."""
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
            f"Cannot create the key file {file}: {error.strerror}. Set a writable path in [security] key_file."
        ) from None

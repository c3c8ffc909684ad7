"""Signed heads and seals: small JSON documents that say how far the log went, kept where whoever may change the log cannot reach."""

from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signalbox.security.audit.model import ChainPosition
from signalbox.security.errors import SecurityError

BYTES_MAX: Final = 16 * 1024


class DocumentNotTrusted(SecurityError):
    """A document is not one of ours, or its signature is not of the key that it was compared with."""


class SignedHead(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="format",
    tag="signalbox-audit-head-1",
):
    """That at this time the log went to this row. Hashes, key and signature are hexadecimal, the time is UTC."""

    log: str  # which log
    row: int
    hash: str
    at: str
    public_key: str = ""
    signature: str = ""

    @property
    def position(self) -> ChainPosition:
        return ChainPosition(self.row, bytes.fromhex(self.hash))


class SignedSeal(SignedHead, frozen=True, kw_only=True, tag="signalbox-audit-seal-1"):
    """That the rows `first` to `row` lie in a file with this SHA-256, and hang on the row with the hash `previous`."""

    first: int
    previous: str
    file: str
    sha256: str

    @property
    def start(self) -> ChainPosition:
        return ChainPosition(self.first - 1, bytes.fromhex(self.previous))


Document = TypeVar("Document", bound=SignedHead)


def sign(document: Document, key: Ed25519PrivateKey) -> Document:
    """Return the document with the signature of this key, and with the public key, which tells keys apart and proves nothing."""
    named = msgspec.structs.replace(document, public_key=key.public_key().public_bytes_raw().hex(), signature="")
    return msgspec.structs.replace(named, signature=key.sign(_signed_bytes(named)).hex())


def verify_signature(document: SignedHead, public_key: bytes) -> None:
    """Return if this key signed the document.

    Raises:
        DocumentNotTrusted: another key did, or it was changed.
    """
    if document.public_key != public_key.hex():
        raise DocumentNotTrusted(
            f"The document for row {document.row} is signed by the key {document.public_key[:16]}…, expected was "
            f"{public_key.hex()[:16]}…. Give the public key of the installation that wrote the log."
        )
    try:
        signature = bytes.fromhex(document.signature)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed_bytes(document))
    except (InvalidSignature, ValueError):
        raise DocumentNotTrusted(
            f"The document for row {document.row} is not what was signed: it was changed. Take another copy of it."
        ) from None


def to_json(document: SignedHead) -> bytes:
    """Return the document as it is kept: JSON, a line a field."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def parse(text: str | bytes, name: str) -> SignedHead | SignedSeal:
    """Return the document that this text is; `name` is what an error calls it. Nothing is proved yet.

    Raises:
        DocumentNotTrusted: it is none.
    """
    try:
        return msgspec.json.decode(text, type=SignedHead | SignedSeal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentNotTrusted(f"{name} holds no signed head and no seal of an audit log: {error}.") from None


def read_file(file: Path) -> SignedHead | SignedSeal:
    """Return the document in a file.

    Raises:
        DocumentNotTrusted: it cannot be read, or holds none.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise DocumentNotTrusted(f"{file} cannot be read: {error.strerror}.") from None
    return parse(text, str(file))


def _signed_bytes(document: SignedHead) -> bytes:
    """Return what is signed: every field, in the order in which they are declared."""
    return msgspec.json.encode(msgspec.structs.replace(document, signature=""))

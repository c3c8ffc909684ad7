"""Signed heads and seals: JSON documents that state how far the log went, to be stored outside the database."""

from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signalbox.security.audit.model import ChainPosition
from signalbox.security.errors import SecurityError

BYTES_MAX: Final = 16 * 1024


class DocumentNotTrusted(SecurityError):
    """The document is not a head or seal, or its signature does not match the key."""


class SignedHead(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="format",
    tag="signalbox-audit-head-1",
):
    """States that at this time the log went to this row. Hashes, key and signature are hexadecimal, the time is UTC."""

    log: str  # log ID
    row: int
    hash: str
    at: str
    public_key: str = ""
    signature: str = ""

    @property
    def position(self) -> ChainPosition:
        return ChainPosition(self.row, bytes.fromhex(self.hash))


class SignedSeal(SignedHead, frozen=True, kw_only=True, tag="signalbox-audit-seal-1"):
    """States that the rows `first` to `row` are in a file with this SHA-256 and follow the row with hash `previous`."""

    first: int
    previous: str
    file: str
    sha256: str

    @property
    def start(self) -> ChainPosition:
        return ChainPosition(self.first - 1, bytes.fromhex(self.previous))


Document = TypeVar("Document", bound=SignedHead)


def sign(document: Document, key: Ed25519PrivateKey) -> Document:
    """Return the document with this key's signature and its public key, which only identifies the key."""
    named = msgspec.structs.replace(document, public_key=key.public_key().public_bytes_raw().hex(), signature="")
    return msgspec.structs.replace(named, signature=key.sign(_signed_bytes(named)).hex())


def verify_signature(document: SignedHead, public_key: bytes) -> None:
    """Verify that this key signed the document.

    Raises:
        DocumentNotTrusted: another key signed it, or it was changed.
    """
    if document.public_key != public_key.hex():
        raise DocumentNotTrusted(
            f"The seal or signed head of row {document.row} is signed with the key {document.public_key[:16]}…, not with "
            f"{public_key.hex()[:16]}…. Use the public key of the installation that wrote the log."
        )
    try:
        signature = bytes.fromhex(document.signature)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed_bytes(document))
    except (InvalidSignature, ValueError):
        raise DocumentNotTrusted(
            f"The seal or signed head of row {document.row} was changed after it was signed. Use another copy."
        ) from None


def to_json(document: SignedHead) -> bytes:
    """Return the document as JSON, one field a line."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def parse(text: str | bytes, name: str) -> SignedHead | SignedSeal:
    """Parse a document without verifying it; `name` is used in the error.

    Raises:
        DocumentNotTrusted: the text is not a document.
    """
    try:
        return msgspec.json.decode(text, type=SignedHead | SignedSeal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentNotTrusted(f"{name} is not a signed head or seal of an audit log: {error}.") from None


def read_file(file: Path) -> SignedHead | SignedSeal:
    """Parse the document in a file. Raises DocumentNotTrusted if the file cannot be read or is not a document."""
    try:
        with file.open("rb") as opened:
            text = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise DocumentNotTrusted(f"Cannot read {file}: {error.strerror}.") from None
    return parse(text, str(file))


def _signed_bytes(document: SignedHead) -> bytes:
    """Return the bytes to sign: all fields, in the order of declaration."""
    return msgspec.json.encode(msgspec.structs.replace(document, signature=""))

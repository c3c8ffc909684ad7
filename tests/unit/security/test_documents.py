"""Signed heads and seals: only the signed document verifies."""

from pathlib import Path

import msgspec
import pytest

from signalbox.security.audit.documents import (
    DocumentNotTrusted,
    SignedHead,
    SignedSeal,
    parse,
    read_file,
    sign,
    to_json,
    verify_signature,
)
from signalbox.security.audit.model import ChainPosition
from signalbox.security.keys import Keys

KEY = Keys(b"k" * 32).signing()
PUBLIC = KEY.public_key().public_bytes_raw()
HEAD = SignedHead(log="5f0c", row=18_198, hash="91be" * 16, at="2026-11-17T03:00:00+00:00")
SEAL = SignedSeal(
    log="5f0c",
    row=900,
    hash="91be" * 16,
    at="2026-11-17T03:00:00+00:00",
    first=1,
    previous="00" * 32,
    file="a",
    sha256="0a",
)


@pytest.mark.parametrize("document", [HEAD, SEAL], ids=["head", "seal"])
def test_signed_document_round_trips_through_a_file(tmp_path: Path, document: SignedHead) -> None:
    file = tmp_path / "document.json"
    file.write_bytes(to_json(sign(document, KEY)))
    found = read_file(file)
    assert type(found) is type(document)
    assert found.position == ChainPosition(document.row, bytes.fromhex(document.hash))
    verify_signature(found, PUBLIC)


@pytest.mark.parametrize("document", [HEAD, SEAL], ids=["head", "seal"])
def test_any_changed_field_is_detected(document: SignedHead) -> None:
    signed = sign(document, KEY)
    fields = msgspec.structs.asdict(signed)
    assert set(fields) >= {"log", "row", "hash", "at", "public_key", "signature"}
    for name, value in fields.items():
        other = value + 1 if isinstance(value, int) else value[:-1] + ("1" if value[-1] == "0" else "0")
        with pytest.raises(DocumentNotTrusted, match=r"changed after it was signed|signed with the key"):
            verify_signature(msgspec.structs.replace(signed, **{name: other}), PUBLIC)


def test_head_and_seal_are_not_interchangeable() -> None:
    signed = sign(SEAL, KEY)
    same = {name: getattr(signed, name) for name in SignedHead.__struct_fields__}
    with pytest.raises(DocumentNotTrusted, match="changed after it was signed"):
        verify_signature(SignedHead(**same), PUBLIC)


def test_another_key_is_named() -> None:
    other = Keys(b"o" * 32).signing().public_key().public_bytes_raw()
    with pytest.raises(
        DocumentNotTrusted, match=f"signed with the key {PUBLIC.hex()[:16]}…, not with {other.hex()[:16]}…"
    ):
        verify_signature(sign(HEAD, KEY), other)
    forged = msgspec.structs.replace(sign(HEAD, KEY), public_key=other.hex())
    with pytest.raises(DocumentNotTrusted, match="changed after it was signed"):
        verify_signature(forged, other)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"\xff", b'{"format":"signalbox-audit-head-2"}', to_json(HEAD).replace(b'"row"', b'"more":1,"row"')],
)
def test_malformed_document_is_rejected(text: bytes) -> None:
    with pytest.raises(DocumentNotTrusted, match=r"head\.json is not a signed head or seal"):
        parse(text, "head.json")


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DocumentNotTrusted, match=r"Cannot read .*head\.json: No such file"):
        read_file(tmp_path / "head.json")


def test_signing_key_is_derived_from_the_secret() -> None:
    assert Keys(b"k" * 32).signing().public_key().public_bytes_raw() == PUBLIC
    assert Keys(b"l" * 32).signing().public_key().public_bytes_raw() != PUBLIC
    assert KEY.private_bytes_raw() != b"k" * 32

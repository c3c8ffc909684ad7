"""Signed heads and seals: what was signed is proved, anything else is not."""

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
def test_what_was_signed_is_proved_after_it_was_kept_in_a_file(tmp_path: Path, document: SignedHead) -> None:
    file = tmp_path / "document.json"
    file.write_bytes(to_json(sign(document, KEY)))
    found = read_file(file)
    assert type(found) is type(document)
    assert found.position == ChainPosition(document.row, bytes.fromhex(document.hash))
    verify_signature(found, PUBLIC)


@pytest.mark.parametrize("document", [HEAD, SEAL], ids=["head", "seal"])
def test_any_changed_field_is_seen(document: SignedHead) -> None:
    signed = sign(document, KEY)
    fields = msgspec.structs.asdict(signed)
    assert set(fields) >= {"log", "row", "hash", "at", "public_key", "signature"}
    for name, value in fields.items():
        other = value + 1 if isinstance(value, int) else value[:-1] + ("1" if value[-1] == "0" else "0")
        with pytest.raises(DocumentNotTrusted, match=r"changed after it was signed|signed with the key"):
            verify_signature(msgspec.structs.replace(signed, **{name: other}), PUBLIC)


def test_a_head_is_no_seal_and_a_seal_no_head() -> None:
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
def test_what_is_no_document_of_ours_is_refused(text: bytes) -> None:
    with pytest.raises(DocumentNotTrusted, match=r"head\.json is not a signed head or seal"):
        parse(text, "head.json")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentNotTrusted, match=r"Cannot read .*head\.json: No such file"):
        read_file(tmp_path / "head.json")


def test_the_signing_key_depends_on_the_secret_and_is_not_it() -> None:
    assert Keys(b"k" * 32).signing().public_key().public_bytes_raw() == PUBLIC
    assert Keys(b"l" * 32).signing().public_key().public_bytes_raw() != PUBLIC
    assert KEY.private_bytes_raw() != b"k" * 32

"""The installation's key file: created once, readable by its owner only, with a message for each fault."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from signalbox.security.keys import KeyFileError, Keys, load


def made_of(keys: Keys) -> tuple[bytes, bytes]:
    return keys.masking(), keys.signing().public_key().public_bytes_raw()


def test_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "signalbox.key"
    first = load(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert made_of(load(file)) == made_of(first)
    assert made_of(load(tmp_path / "other.key")) != made_of(first)


def test_each_use_has_its_own_key(tmp_path: Path) -> None:
    masking, signing = made_of(load(tmp_path / "signalbox.key"))
    assert masking != signing
    assert len(masking) == 32
    assert masking.hex() not in (tmp_path / "signalbox.key").read_text()


def test_concurrent_creation_yields_one_key(tmp_path: Path) -> None:
    file = tmp_path / "signalbox.key"
    with ThreadPoolExecutor(8) as threads:
        assert len({made_of(keys) for keys in threads.map(lambda _: load(file), range(32))}) == 1


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 33, "ä" * 64, "\0" * 64])
def test_malformed_key_file_is_rejected_and_not_changed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "signalbox.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="is not a Signalbox key: expected 64 hexadecimal digits"):
        load(file)
    assert file.read_text() == text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_key_readable_by_others_is_rejected(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "signalbox.key"
    load(file)
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {file}"):
        load(file)


def test_unwritable_and_unreadable_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"Cannot create the key file .*: No such file or directory\. .*key_file"):
        load(tmp_path / "missing" / "signalbox.key")
    with pytest.raises(KeyFileError, match=r"Cannot read the key file .*: Is a directory\. .*key_file"):
        load(tmp_path)
    (tmp_path / "to nowhere").symlink_to(tmp_path / "missing")
    with pytest.raises(KeyFileError, match=r"Cannot read the key file .*: No such file"):
        load(tmp_path / "to nowhere")

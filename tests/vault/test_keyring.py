"""The file of root keys: for its owner's eyes, never overwritten, read again when it changes, and silent about its inside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.vault.house import AT
from tongbao.base.refusal import Refusal
from tongbao.base.settings import SettingsError
from tongbao.vault import Keyring, Suite
from tongbao.vault.suites import fresh_key

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        keyring = Keyring.create(tmp_path / "keyring", AT)
        keyring.prepare(AT)
    finally:
        os.umask(previous)
    assert keyring.path.stat().st_mode & 0o777 == 0o600
    keyring.path.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read"):
        Keyring.open(keyring.path)


def test_it_is_never_overwritten(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keyring", AT)
    before = keyring.path.read_bytes()
    with pytest.raises(FileExistsError):
        Keyring.create(keyring.path, AT)
    assert keyring.path.read_bytes() == before


@pytest.mark.parametrize(
    "inside", [b"", b"{}", b"not json", b'{"format": "tongbao keyring 1", "active": "a", "keys": []}', b"\xff\xfe"]
)
def test_what_is_no_keyring_is_said_without_its_inside(tmp_path: Path, inside: bytes) -> None:
    path = tmp_path / "keyring"
    path.write_bytes(inside)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="is no keyring") as wrong:
        Keyring.open(path)
    assert wrong.value.__cause__ is None
    with pytest.raises(SettingsError, match="cannot be read"):
        Keyring.open(tmp_path / "none")


def test_a_bad_key_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keyring", AT)
    inside = msgspec.json.decode(keyring.path.read_bytes())
    inside["keys"][0]["secret"] = "c2VjcmV0"
    keyring.path.write_bytes(msgspec.json.encode(inside))
    with pytest.raises(SettingsError) as wrong:
        Keyring.open(keyring.path)
    assert "c2Vj" not in str(wrong.value)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize("suite", Suite)
def test_a_new_root_key_is_prepared_and_then_used(tmp_path: Path, suite: Suite) -> None:
    keyring = Keyring.create(tmp_path / "keyring", AT, suite)
    elsewhere = Keyring.open(keyring.path)
    kek, old = fresh_key(Suite.AES_256_GCM, 1), keyring.active()
    wrapped = keyring.wrap(kek, b"kek")
    prepared = keyring.prepare(AT)
    assert keyring.prepare(AT) == prepared, "one at a time"
    assert elsewhere.active() == old
    assert keyring.activate_newest() == prepared == elsewhere.active() != old
    assert [root.suite for root in keyring.roots] == [suite, suite]
    again = elsewhere.wrap(kek, b"kek")
    for root_id, sealed in ((old, wrapped), (prepared, again)):
        opened = elsewhere.unwrap(root_id, Suite.AES_256_GCM, 1, sealed, b"kek")
        assert opened.open(kek.seal(b"x", b""), b"") == b"x"
    with pytest.raises(Refusal, match="seal_broken"):
        keyring.unwrap(prepared, Suite.AES_256_GCM, 1, wrapped, b"kek")
    with pytest.raises(Refusal, match="keyring_lacks_key"):
        keyring.unwrap("00000000", Suite.AES_256_GCM, 1, wrapped, b"kek")


def test_it_shows_no_key(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keyring", AT)
    shown = f"{keyring!r} {keyring.roots!r} {keyring.__dict__!r}"
    assert repr(keyring.roots[0].secret) not in shown
    assert keyring.roots[0].secret.hex() not in shown

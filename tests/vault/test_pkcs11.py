"""Root keys on a token: made there, never given away; what they wrap, a file's keys wrap likewise."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pkcs11
import pytest
from pkcs11.exceptions import AttributeSensitive

from tests.vault import token as soft
from tests.vault.house import AT, CLERK, WANG, House
from tongbao import vault
from tongbao.base.clock import SystemClock
from tongbao.base.refusal import Refusal
from tongbao.base.settings import SettingsError, load
from tongbao.vault import Keyring, Kms, Suite, Token
from tongbao.vault import kms as keepers
from tongbao.vault.pkcs11 import place
from tongbao.vault.suites import fresh_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", "")
        soft.prepare(folder)
        yield folder


@pytest.fixture
def uri(tmp_path: Path) -> str:
    made = soft.new_token(tmp_path)
    # The library reads its list of tokens once.
    pkcs11.lib(place(made).library).reinitialize()
    return made


@pytest.fixture(params=["file", "token"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Kms:
    if request.param == "file":
        return Keyring.create(tmp_path / "keyring", AT)
    return Token.begin(request.getfixturevalue("uri"), AT)


@pytest.mark.parametrize("suite", Suite)
def test_every_keeper_of_root_keys_keeps_the_same_promises(keeper: Kms, suite: Suite) -> None:
    key, root = fresh_key(suite, 7), keeper.active()
    wrapped = keeper.wrap(key, b"kek 7")
    assert wrapped != keeper.wrap(key, b"kek 7"), "a nonce is used once"
    again = keeper.unwrap(root, suite, 7, wrapped, b"kek 7")
    assert again.open(key.seal(b"x", b""), b"") == b"x"
    with pytest.raises(Refusal, match="seal_broken"):
        keeper.unwrap(root, suite, 7, wrapped, b"kek 8")
    for at in (0, 1, 5, 6, 18, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        with pytest.raises(Refusal, match="seal_broken"):
            keeper.unwrap(root, suite, 7, bytes(changed), b"kek 7")
    with pytest.raises(Refusal, match="keyring_lacks_key"):
        keeper.unwrap("0" * len(root), suite, 7, wrapped, b"kek 7")


def test_a_new_root_key_wraps_and_the_old_one_opens(uri: str) -> None:
    token, key = Token.begin(uri, AT), fresh_key(Suite.AES_256_GCM, 1)
    old = token.active()
    wrapped = token.wrap(key, b"kek")
    new = token.new_root(AT)
    assert (token.active(), token.roots) == (new, [old, new])
    assert token.unwrap(old, key.suite, 1, wrapped, b"kek").open(key.seal(b"x", b""), b"") == b"x"
    assert token.unwrap(new, key.suite, 1, token.wrap(key, b"kek"), b"kek").open(key.seal(b"y", b""), b"") == b"y"
    with pytest.raises(Refusal, match="seal_broken"):
        token.unwrap(new, key.suite, 1, wrapped, b"kek")


def test_a_root_key_never_leaves_its_token(uri: str) -> None:
    token = Token.begin(uri, AT)
    where = place(uri)
    session = pkcs11.lib(where.library).get_token(token_label=where.token).open()
    with session:
        (root,) = session.get_objects({pkcs11.Attribute.LABEL: where.label})
        assert root[pkcs11.Attribute.SENSITIVE]
        assert not root[pkcs11.Attribute.EXTRACTABLE]
        with pytest.raises(AttributeSensitive):
            _ = root[pkcs11.Attribute.VALUE]
    assert soft.PIN not in f"{token!r} {token.__dict__!r}"


# The library complains of the session's death a second time, while it tidies up.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_session_that_died_is_opened_again(uri: str) -> None:
    token, key = Token.begin(uri, AT), fresh_key(Suite.AES_256_GCM, 1)
    wrapped = token.wrap(key, b"kek")
    pkcs11.lib(place(uri).library).reinitialize()
    assert token.unwrap(token.active(), key.suite, 1, wrapped, b"kek").open(key.seal(b"x", b""), b"") == b"x"


def test_a_token_that_is_gone_is_no_broken_seal(uri: str) -> None:
    token, key = Token.begin(uri, AT), fresh_key(Suite.AES_256_GCM, 1)
    wrapped, root = token.wrap(key, b"kek"), token.active()
    where = place(uri)
    subprocess.run(
        ["softhsm2-util", "--delete-token", "--token", where.token], check=True, capture_output=True, timeout=60
    )
    pkcs11.lib(where.library).reinitialize()
    with pytest.raises(Refusal, match="keyring_lacks_key"):
        token.unwrap(root, key.suite, 1, wrapped, b"kek")


def test_what_is_wrong_is_said_at_the_start(uri: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="init-token"):
        Token.open(uri)
    Token.begin(uri, AT)
    with pytest.raises(FileExistsError):
        Token.begin(uri, AT)
    with pytest.raises(SettingsError, match="is not pkcs11:"):
        Token.open("pkcs11:token=bank")
    with pytest.raises(SettingsError, match="NoSuchToken"):
        Token.open(uri.replace("token=", "token=other"))
    with pytest.raises(SettingsError, match="is no PKCS #11 library"):
        Token.open(uri.replace("module-path=", "module-path=/nowhere"))
    pin = place(uri).pin_file
    pin.chmod(0o640)
    with pytest.raises(SettingsError, match="others may read"):
        Token.open(uri)
    pin.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        Token.open(uri)


async def test_a_bank_goes_from_a_file_to_a_token(house: House, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wang = await house.person()
    token = Token.begin(uri, AT)
    monkeypatch.setenv("TONGBAO_KEYRING", str(house.keyring.path))
    monkeypatch.setenv("TONGBAO_PKCS11", uri)
    vault.check(load())
    assert (await house.read(wang))[wang] == WANG, "the file opens what it wrapped"
    await vault.reencrypt(house.db, SystemClock())
    assert house.sql("SELECT DISTINCT root_id FROM vault.kek") == [(token.active(),)]
    monkeypatch.setenv("TONGBAO_KEYRING", "")
    vault.check(load())
    assert (await house.read(wang))[wang] == WANG, "the file is needed no more"
    token.new_root(AT)
    async with house.db.tx() as tx:
        await vault.rotate_kek(tx, by=CLERK, at=AT)
    await vault.reencrypt(house.db, SystemClock())
    assert house.sql("SELECT DISTINCT root_id FROM vault.kek WHERE retired_at IS NULL") == [(token.active(),)]
    assert (await house.read(wang))[wang] == WANG


def test_the_command_makes_the_first_root_key_once(uri: str) -> None:
    def tongbao(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tongbao.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    made = tongbao("vault", "init-token", uri)
    assert (made.returncode, made.stdout) == (0, f"TONGBAO_PKCS11={uri}\n"), made.stderr
    assert soft.PIN not in made.stderr
    again = tongbao("vault", "init-token", uri)
    assert again.returncode == 1
    assert "already" in again.stderr


def test_the_process_asks_what_the_settings_name(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = Token.begin(uri, AT)
    monkeypatch.setenv("TONGBAO_KEYRING", "")
    monkeypatch.setenv("TONGBAO_PKCS11", uri)
    vault.use(None)
    try:
        assert vault.is_open(load())
        assert keepers.kms().active() == token.active()
    finally:
        vault.use(None)

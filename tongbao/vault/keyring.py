"""Root keys in a file: the Kms that needs nothing else. Whoever has the file and a dump of the database reads everything."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from tongbao.base.settings import SettingsError
from tongbao.vault.model import Suite
from tongbao.vault.refusals import KEYRING_LACKS_KEY
from tongbao.vault.suites import Key, fresh_key

FORMAT: Final = "tongbao keyring 1"


class RootKey(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file. `id` is eight hexadecimal digits."""

    id: str
    suite: Suite
    made_at: datetime
    secret: bytes

    def __repr__(self) -> str:
        return f"RootKey({self.id})"

    def key(self) -> Key:
        return Key(self.suite, int(self.id, 16), self.secret)


class _File(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    active: str
    keys: list[RootKey]

    def __repr__(self) -> str:
        return f"_File({self.active})"


class Keyring:
    """The keys of one file, read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] = ()
        self._file = _File(format=FORMAT, active="", keys=[])
        self._keys: dict[str, Key] = {}

    def __repr__(self) -> str:
        return f"Keyring({str(self.path)!r})"

    @classmethod
    def open(cls, path: Path) -> Keyring:
        """Raises SettingsError with what is wrong with the file and what to do about it."""
        keyring = cls(path)
        keyring._refresh()
        return keyring

    @classmethod
    def create(cls, path: Path, at: datetime, suite: Suite = Suite.AES_256_GCM) -> Keyring:
        """A new file with one root key, for its owner's eyes alone. Raises FileExistsError rather than overwrite one."""
        first = _fresh(suite, at, ())
        _write(path, _File(format=FORMAT, active=first.id, keys=[first]), os.O_EXCL)
        return cls.open(path)

    def active(self) -> str:
        self._refresh()
        return self._file.active

    @property
    def roots(self) -> list[RootKey]:
        """Oldest first. One after the active one is prepared."""
        self._refresh()
        return self._file.keys

    def wrap(self, key: Key, bound: bytes) -> bytes:
        return self._keys[self.active()].wrap(key, bound)

    def unwrap(self, root_id: str, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
        if root_id not in self._keys:
            self._refresh()
        if root_id not in self._keys:
            raise KEYRING_LACKS_KEY(f"root key {root_id}")
        return self._keys[root_id].unwrap(suite, id, wrapped, bound)

    def prepare(self, at: datetime) -> str:
        """A further root key in the file, not yet used; its id. One that is prepared already is kept instead."""
        roots = self.roots
        if roots[-1].id != self._file.active:
            return roots[-1].id
        new = _fresh(roots[-1].suite, at, [root.id for root in roots])
        self._replace(msgspec.structs.replace(self._file, keys=[*roots, new]))
        return new.id

    def activate_newest(self) -> str:
        """The newest root key wraps from now on; its id."""
        self._replace(msgspec.structs.replace(self._file, active=self.roots[-1].id))
        return self._file.active

    def _replace(self, file: _File) -> None:
        """The new file stands whole beside the old one before it takes its name."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.unlink(missing_ok=True)
        _write(beside, file, os.O_EXCL)
        beside.replace(self.path)
        _sync(self.path.parent)
        self._refresh()

    def _refresh(self) -> None:
        try:
            found = self.path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen == self._seen:
                return
            if stat.S_IMODE(found.st_mode) & 0o077:
                raise SettingsError(f"TONGBAO_KEYRING: others may read {self.path}; `chmod 600` it")
            file = msgspec.json.decode(self.path.read_bytes(), type=_File)
            keys = {root.id: root.key() for root in file.keys}
        except OSError as error:
            raise SettingsError(f"TONGBAO_KEYRING: {self.path} cannot be read ({error.strerror})") from None
        except (msgspec.MsgspecError, ValueError):
            # Whatever else is said about the file's inside might say a key.
            raise SettingsError(f"TONGBAO_KEYRING: {self.path} is no keyring") from None
        if file.format != FORMAT or file.active not in keys:
            raise SettingsError(f"TONGBAO_KEYRING: {self.path} is no keyring of this version")
        self._seen, self._file, self._keys = seen, file, keys


def _fresh(suite: Suite, at: datetime, taken: Any) -> RootKey:
    """A root key with an id that is not taken."""
    while True:
        key_id = os.urandom(4).hex()
        if key_id not in taken:
            key = fresh_key(suite, int(key_id, 16))
            return RootKey(id=key_id, suite=suite, made_at=at, secret=key.secret_for_the_keyring())


def _write(path: Path, file: _File, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
        out.flush()
        os.fsync(descriptor)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

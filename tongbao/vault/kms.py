"""Where root keys live: a port. What implements it wraps other keys and never gives a root key away."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final, Protocol

from tongbao.base import settings
from tongbao.vault.keyring import Keyring
from tongbao.vault.pkcs11 import Token
from tongbao.vault.refusals import KEYRING_MISSING
from tongbao.vault.suites import Key, Suite


class Kms(Protocol):
    """A keeper of root keys. Asked once for each key-encryption key in each process, not for each datum.

    `id` names a root key for ever, whatever happens to it: a key wrapped under one that is gone is lost.
    """

    def active(self) -> str:
        """The id of the root key that wraps from now on."""
        ...

    def wrap(self, key: Key, bound: bytes) -> bytes:
        """`key` under the active root key."""
        ...

    def unwrap(self, root_id: str, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
        """Refuses with `keyring_lacks_key`, or with `seal_broken` what was changed."""
        ...


_MOST: Final = 64
"""Keys that a process remembers: more keks than a bank has at any time."""

_used: Kms | None = None
_opened: OrderedDict[bytes, Key] = OrderedDict()


def use(kms: Kms | None) -> None:
    """This process asks `kms` from now on; None: what the settings name. What it remembers it forgets."""
    global _used  # noqa: PLW0603
    _used = kms
    _opened.clear()


def kms() -> Kms:
    """The process's keeper of root keys. Refuses with `keyring_missing` where nobody named one."""
    if _used is None:
        named = _named(settings.load())
        if named is None:
            raise KEYRING_MISSING()
        use(named)
    assert _used is not None
    return _used


def unwrap(root_id: str, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
    """A key that a root key wrapped, in the clear; asked for once and remembered.

    Remembered by the bytes that were wrapped, never by its number: one that was made in a transaction which rolled back is not
    taken for the one that has its number now.
    """
    key = _opened.get(wrapped)
    if key is None or (key.suite, key.id) != (suite, id):
        key = _opened[wrapped] = kms().unwrap(root_id, suite, id, wrapped, bound)
        while len(_opened) > _MOST:
            _opened.popitem(last=False)
    return key


def is_open(chosen: settings.Settings) -> bool:
    """Whether anybody named a keeper of root keys."""
    return _used is not None or bool(chosen.keyring or chosen.pkcs11)


def check(chosen: settings.Settings) -> None:
    """For the start of a process: raises SettingsError where the keyring or the token that is named cannot be used."""
    named = _named(chosen)
    if named is not None:
        use(named)


def _named(chosen: settings.Settings) -> Kms | None:
    keyring = Keyring.open(Path(chosen.keyring)) if chosen.keyring else None
    if not chosen.pkcs11:
        return keyring
    token = Token.open(chosen.pkcs11)
    return Both(token, keyring) if keyring else token


class Both:
    """A token that wraps, and the file that opens what was wrapped before there was a token."""

    def __init__(self, token: Kms, keyring: Keyring) -> None:
        self.token, self.keyring = token, keyring

    def active(self) -> str:
        return self.token.active()

    def wrap(self, key: Key, bound: bytes) -> bytes:
        return self.token.wrap(key, bound)

    def unwrap(self, root_id: str, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
        older = any(root.id == root_id for root in self.keyring.roots)
        return (self.keyring if older else self.token).unwrap(root_id, suite, id, wrapped, bound)

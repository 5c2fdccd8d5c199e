"""Root keys in a hardware security module, asked by PKCS #11 (OASIS, 3.0): they are made there and never leave it.

What they wrap has the format of `suites`, so that a bank goes from a file to a module and back by a rotation of the root key.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error, UserAlreadyLoggedIn

from tongbao.base.settings import SettingsError
from tongbao.vault.model import Suite
from tongbao.vault.refusals import KEYRING_LACKS_KEY, SEAL_BROKEN
from tongbao.vault.suites import Key, head_of, named, parted

T = TypeVar("T")

_ID_BYTES: Final = 8
"""Which root key it is, counted, and four random bytes: two that were made at once are two."""

_TAG_BITS: Final = 128


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the root keys lie: the module's library, the token, the keys' label, and the file with the token's PIN."""

    library: str
    token: str
    label: str
    pin_file: Path


def place(uri: str) -> Place:
    """`pkcs11:token=T;object=KEYS?module-path=LIBRARY&pin-source=file:PIN` (RFC 7512). Raises SettingsError."""
    scheme, _, rest = uri.partition(":")
    path, _, query = rest.partition("?")
    parts = {name: unquote(value) for name, _, value in (one.partition("=") for one in path.split(";"))}
    more = {name: values[0] for name, values in parse_qs(query).items()}
    found = (more.get("module-path"), parts.get("token"), parts.get("object"), more.get("pin-source"))
    if scheme != "pkcs11" or not all(found):
        raise SettingsError(
            "TONGBAO_PKCS11 is not pkcs11:token=TOKEN;object=KEYS?module-path=LIBRARY&pin-source=file:FILE"
        )
    library, token, label, pin = (str(one) for one in found)
    return Place(library=library, token=token, label=label, pin_file=Path(pin.removeprefix("file:")))


class Token:
    """The root keys of one label on one token. The newest wraps."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self._session: pkcs11.Session | None = None
        # Any: what a key can do the library finds out from the token, and its types do not say.
        self._keys: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Token({self.where.token!r}, {self.where.label!r})"

    @classmethod
    def open(cls, uri: str) -> Token:
        """Raises SettingsError with what is wrong: the library, the token, its PIN, or that it has no root key yet."""
        token = cls(place(uri))
        try:
            token._connect()
        except PKCS11Error as error:
            raise SettingsError(f"TONGBAO_PKCS11: the token does not open ({type(error).__name__})") from None
        if not token._keys:
            raise SettingsError("TONGBAO_PKCS11: no root key on the token; make one with `tongbao vault init-token`")
        return token

    @classmethod
    def begin(cls, uri: str, at: datetime) -> Token:
        """The first root key on a token. Raises FileExistsError where there is one, SettingsError as `open`."""
        token = cls(place(uri))
        try:
            token._connect()
            if token._keys:
                raise FileExistsError
            token._make(at)
        except PKCS11Error as error:
            raise SettingsError(f"TONGBAO_PKCS11: the token makes no key ({type(error).__name__})") from None
        return token

    @property
    def roots(self) -> list[str]:
        """Ids of the root keys, oldest first."""
        return self._asked(lambda: sorted(self._find()))

    def active(self) -> str:
        roots = self.roots
        if not roots:
            raise KEYRING_LACKS_KEY("the token has no root key")
        return roots[-1]

    def wrap(self, key: Key, bound: bytes) -> bytes:
        root_id = self.active()
        # The nonce is not handed in here either, and not left to the module: some give none that they would tell.
        head, nonce = head_of(Suite.AES_256_GCM, _number(root_id)), os.urandom(12)
        secret = key.secret_for_the_keyring()
        return head + nonce + self._asked(lambda: self._encrypt(root_id, nonce, secret, head + bound))

    def unwrap(self, root_id: str, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
        if root_id not in self._keys and root_id not in self.roots:
            raise KEYRING_LACKS_KEY(f"root key {root_id}")
        if named(wrapped) != (Suite.AES_256_GCM, _number(root_id)):
            raise SEAL_BROKEN()
        head, nonce, sealed = parted(wrapped)
        # A module has no word of its own for what was changed: what a fresh session refuses too was.
        secret = self._asked(lambda: self._decrypt(root_id, nonce, sealed, head + bound), refused=True)
        return Key(suite, id, secret)

    def new_root(self, at: datetime) -> str:
        """A further root key, made on the token, which wraps from now on; its id."""
        return self._asked(lambda: self._make(at))

    def _encrypt(self, root_id: str, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
        params = pkcs11.GCMParams(nonce, bound, _TAG_BITS)
        return self._keys[root_id].encrypt(plain, mechanism=Mechanism.AES_GCM, mechanism_param=params)

    def _decrypt(self, root_id: str, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
        params = pkcs11.GCMParams(nonce, bound, _TAG_BITS)
        return self._keys[root_id].decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=params)

    def _make(self, at: datetime) -> str:
        """A session that may write, for this alone."""
        last = max(self._find(), default="0" * 16)
        new = (_number(last) + 1).to_bytes(4) + os.urandom(_ID_BYTES - 4)
        self._connect(rw=True)
        assert self._session is not None
        self._session.generate_key(
            KeyType.AES,
            256,
            label=self.where.label,
            id=new,
            store=True,
            capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.START_DATE: at.date()},
        )
        self._connect()
        return new.hex()

    def _find(self) -> dict[str, Any]:
        assert self._session is not None
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self.where.label}
        found: dict[str, Any] = {}
        for one in list(self._session.get_objects(wanted)):
            name = bytes(one[Attribute.ID])
            if len(name) == _ID_BYTES and isinstance(one, pkcs11.SecretKey):
                found[name.hex()] = one
        self._keys = found
        return found

    def _connect(self, *, rw: bool = False) -> None:
        if self._session is not None:
            with suppress(PKCS11Error):
                self._session.close()
        try:
            library = pkcs11.lib(self.where.library)
        except RuntimeError:
            raise SettingsError(f"TONGBAO_PKCS11: {self.where.library} is no PKCS #11 library") from None
        token = library.get_token(token_label=self.where.token)
        try:
            self._session = token.open(rw=rw, user_pin=_pin(self.where.pin_file))
        except UserAlreadyLoggedIn:
            # A log-in holds for the whole process.
            self._session = token.open(rw=rw)
        self._find()

    def _asked(self, ask: Callable[[], T], *, refused: bool = False) -> T:
        """A session that died (a module that was restarted) is opened again, once."""
        with suppress(PKCS11Error, AssertionError):
            return ask()
        try:
            self._connect()
        except (PKCS11Error, SettingsError) as error:
            raise KEYRING_LACKS_KEY(f"the token does not answer ({type(error).__name__})") from None
        try:
            return ask()
        except PKCS11Error as error:
            raise (
                SEAL_BROKEN() if refused else KEYRING_LACKS_KEY(f"the token refuses ({type(error).__name__})")
            ) from None


def _number(root_id: str) -> int:
    return int(root_id[:8], 16)


def _pin(path: Path) -> str:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsError(f"TONGBAO_PKCS11: others may read {path}; `chmod 600` it")
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"TONGBAO_PKCS11: {path} cannot be read ({error.strerror})") from None

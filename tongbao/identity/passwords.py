"""Passwords of staff, passwords and PINs of customers as Argon2id hashes (RFC 9106; at least what OWASP asks for: 19 MiB, two passes).

Slow by design, about 50 ms of one core: the edge runs these in a thread, a bounded number at a time, outside transactions.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tongbao.identity import refusals as no

_hasher: Final = PasswordHasher(time_cost=3, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)

_SHORTEST, _LONGEST = 12, 256


def check_password(password: str, username: str) -> None:
    """Refuses `password_weak`. Length is what counts (NIST SP 800-63B section 3.1.1)."""
    if not _SHORTEST <= len(password) <= _LONGEST or password.lower() == username.lower():
        raise no.PASSWORD_WEAK(field="password")


def hash_password(password: str, salt: bytes) -> str:
    """The hash to store, of a password or a PIN; `salt` is 16 random bytes from the edge."""
    return _hasher.hash(_normal(password), salt=salt)


def _normal(password: str) -> str:
    """One spelling, whatever keyboard it comes from (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


_NOBODY: Final = "$argon2id$v=19$m=19456,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. Takes as long where nothing is stored, so that time tells nobody who exists."""
    try:
        _hasher.verify(stored or _NOBODY, _normal(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return stored is not None

"""Blind indexes: who has this telephone number is answered without a telephone number in the database."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import ring, store
from tongbao.vault.model import Kind
from tongbao.vault.suites import Key, bound_to

_HOME: Final = "86"
"""Country code of a number that names none."""
_BETWEEN: Final = " \t-‐‑‒–—―()./"


async def find(tx: Tx, kind: Kind, text: str) -> list[UUID]:
    """Whose datum of this kind says this, however it is written; nobody for kinds by which people are not found."""
    index = await ring.index_key(tx)
    return await store.subjects_with(tx, kind, fingerprint_of(index, kind, text))


async def fingerprint(tx: Tx, kind: Kind, texts: Sequence[str]) -> list[bytes]:
    """The blind index of each text, 32 bytes: equal for the same text of the same kind, and telling nothing without the key."""
    index = await ring.index_key(tx)
    return [fingerprint_of(index, kind, text) for text in texts]


def fingerprint_of(index: Key, kind: Kind, text: str) -> bytes:
    return index.fingerprint(bound_to("blind index", kind.value, normal(kind, text)))


def normal(kind: Kind, text: str) -> str:
    """One spelling of a text: NFKC, case folded, single spaces; of a telephone number E.164, of a document no spaces at all."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    match kind:
        case Kind.PHONE:
            return _e164(folded)
        case Kind.ID_NUMBER:
            return folded.translate(dict.fromkeys(map(ord, _BETWEEN)))
        case Kind.SECRET | Kind.MESSAGE:
            return text
        case Kind.NAME:
            return unicodedata.normalize("NFKC", folded)


def _e164(number: str) -> str:
    """ITU-T E.164: a plus sign, the country code, the number. What is no number is left as it is."""
    digits = number.translate(dict.fromkeys(map(ord, _BETWEEN)))
    if digits.startswith("+"):
        return digits
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if digits.startswith(_HOME) and len(digits) > 11:
        return f"+{digits}"
    return f"+{_HOME}{digits}"

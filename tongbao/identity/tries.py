"""Tries at a secret. Each is counted before anything is compared: of many at once, exactly as many are compared as may be.

A row is one secret of somebody, known or not, by SHA-256: it tells neither whose nor which. Whoever guesses waits 5 s after the
fifth wrong one in a row and twice as long each time, up to an hour. A day without a try forgives.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from tongbao.base.db import Tx
from tongbao.identity import factor_store
from tongbao.identity.model import lock_after

FORGIVEN_AFTER: Final = timedelta(days=1)


class Shut(msgspec.Struct, frozen=True):
    """No try is left for so many seconds."""

    retry_after_s: int


def guarding(*parts: str) -> bytes:
    """The row that counts tries at one secret, from what it is and whose."""
    return sha256("\0".join(parts).encode()).digest()


async def take(tx: Tx, guarded: bytes, *, at: datetime) -> int | Shut:
    """Takes one try and says which in a row it is, or that there is none to take.

    The row stays locked until the transaction ends, and the try is spent once it commits, whatever becomes of whoever took it.
    """
    before, shut_until, tried_at = await factor_store.lock_tries(tx, guarded, at)
    if shut_until is not None and shut_until > at:
        return Shut(-((at - shut_until) // timedelta(seconds=1)))
    number = 1 if tried_at + FORGIVEN_AFTER <= at else before + 1
    shut_for = lock_after(number)
    await factor_store.count_try(tx, guarded, number, at + shut_for if shut_for else None, at)
    return number


async def forgive(tx: Tx, guarded: bytes) -> None:
    """The secret was right, or is a new one: the count starts anew."""
    await factor_store.forgive_tries(tx, guarded)

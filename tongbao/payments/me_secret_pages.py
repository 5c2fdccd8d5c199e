"""What a customer types on a page of his to show that it is he: compared outside of any transaction, after a try at it was taken."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from tongbao import identity
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import FactorKind, Guarded

_HASHERS: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


async def check_secret(
    db: Database, clock: Clock, customer_id: UUID, kind: FactorKind, typed: str, lang: Lang
) -> Refusal | None:
    """None where the PIN or password is right; else `factor_wrong` or `factor_locked`. Each wrong one is counted."""

    async def take(tx: Tx) -> Guarded | Refusal:
        return await identity.attempt(tx, customer_id, kind, at=clock.now())

    guarded = await db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(_HASHERS, identity.verify_password, guarded.stored, typed)

    async def settle(tx: Tx) -> Refusal | None:
        return await identity.settle_attempt(tx, guarded, is_right, at=clock.now(), lang=lang)

    return await db.retry(settle)

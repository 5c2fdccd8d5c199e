"""The Python that touches `payments.transfer_habit`, `payments.lookup` and `payments.surname_tries`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.payments.model import Arrives, TransferHabit

Q = sql.load("tongbao.payments", "transfer")


async def count_lookup(tx: Tx, customer_id: UUID, day: date, arrives: Arrives | None, *, most: int) -> bool:
    """False where the day has had `most` of them."""
    wanted = {"customer_id": customer_id, "day": day, "arrives": arrives and arrives.value, "most": most}
    return bool(await tx.rows(Q["count_lookup"], **wanted))


async def habit(tx: Tx, customer_id: UUID) -> TransferHabit | None:
    rows = await tx.rows(Q["habit"], customer_id=customer_id)
    return next(
        (TransferHabit(arrives=Arrives(arrives), day=day, looked_up=count) for arrives, day, count in rows), None
    )


async def keep_lookup(tx: Tx, id: UUID, customer_id: UUID, account_id: UUID, at: datetime) -> bool:
    """False where the id names another look-up."""
    return bool(await tx.rows(Q["keep_lookup"], id=id, customer_id=customer_id, account_id=account_id, at=at))


async def lookup(tx: Tx, id: UUID, customer_id: UUID, *, since: datetime) -> UUID | None:
    rows = await tx.rows(Q["lookup"], id=id, customer_id=customer_id, since=since)
    return rows[0][0] if rows else None


async def count_surname(tx: Tx, customer_id: UUID, day: date, *, most: int) -> bool:
    """False where the day has had `most` of them."""
    return bool(await tx.rows(Q["count_surname"], customer_id=customer_id, day=day, most=most))


async def keep_surname(tx: Tx, id: UUID, customer_id: UUID, said: str | None) -> None:
    await tx.run(Q["keep_surname"], id=id, customer_id=customer_id, said=said)


async def surname(tx: Tx, id: UUID, customer_id: UUID) -> str | None:
    rows = await tx.rows(Q["surname"], id=id, customer_id=customer_id)
    return rows[0][0] if rows else None


async def drop_people(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.run(Q["drop_people"], ids=list(ids))


async def forget_lookups(tx: Tx, until: datetime, most: int) -> int:
    return await tx.run(Q["forget_lookups"], until=until, most=most)

"""Register people and firms, and look them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, people, store
from tongbao.identity.model import FULL_LEVEL, Customer, CustomerKind, Made, NewCustomer, Standing


async def register_customers(
    tx: Tx, new: Sequence[NewCustomer], *, level: int = FULL_LEVEL, by: Principal, at: datetime
) -> list[Made[Customer] | Refusal]:
    """Registers customers; an outcome each, in order: made now, made before under the same id, or refused.

    `level`: how well the bank knows them; whom a clerk registers he has seen. Refuses `id_taken`, `id_reused`.
    """
    verdicts = await claims.claim_people(tx, "customer", [(c.id, c) for c in new], by, at)
    fresh = [c for c, verdict in zip(new, verdicts, strict=True) if verdict is claims.NEW]
    if fresh:
        await store.add_customers(tx, fresh, level, at)
        await people.keep_people(tx, fresh, at=at)
    replays = [c.id for c, verdict in zip(new, verdicts, strict=True) if verdict is claims.REPLAY]
    before = await store.customers(tx, replays) if replays else {}
    return [
        verdict
        if isinstance(verdict, Refusal)
        else Made(before[customer.id], replayed=True)
        if verdict
        else Made(_as_registered(customer, level, at))
        for customer, verdict in zip(new, verdicts, strict=True)
    ]


def _as_registered(new: NewCustomer, level: int, at: datetime) -> Customer:
    return Customer(id=new.id, kind=new.kind, status=Standing.OPEN, created_at=at, level=level)


async def find_customers(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Customers by id; unknown ids are left out."""
    return await store.customers(tx, ids)


async def list_customers(
    tx: Tx,
    *,
    before: UUID | None = None,
    kind: CustomerKind | None = None,
    status: Standing | None = None,
    most: int = 50,
) -> list[Customer]:
    """Customers by id, newest first, from below `before`."""
    return await store.customers_after(tx, before, kind, status, most)

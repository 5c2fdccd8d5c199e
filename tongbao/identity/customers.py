"""Register people and firms, and look them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, store
from tongbao.identity.model import Customer, Made, NewCustomer, Standing
from tongbao.web.body import canonical_hash


async def register_customers(
    tx: Tx, new: Sequence[NewCustomer], *, by: Principal, at: datetime
) -> list[Made[Customer] | Refusal]:
    """Registers customers; an outcome each, in order: made now, made before under the same id, or refused.

    Refuses `id_taken`, `id_reused`.
    """
    verdicts = await claims.claim(tx, "customer", [(c.id, canonical_hash(c)) for c in new], by, at)
    fresh = [c for c, verdict in zip(new, verdicts, strict=True) if verdict is claims.NEW]
    if fresh:
        await store.add_customers(tx, fresh, at)
    replays = [c.id for c, verdict in zip(new, verdicts, strict=True) if verdict is claims.REPLAY]
    before = await store.customers(tx, replays) if replays else {}
    return [
        verdict
        if isinstance(verdict, Refusal)
        else Made(before[customer.id], replayed=True)
        if verdict
        else Made(_as_registered(customer, at))
        for customer, verdict in zip(new, verdicts, strict=True)
    ]


def _as_registered(new: NewCustomer, at: datetime) -> Customer:
    return Customer(id=new.id, kind=new.kind, name=new.name, phone=new.phone, status=Standing.OPEN, created_at=at)


async def find_customers(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Customers by id; unknown ids are left out."""
    return await store.customers(tx, ids)


async def names_of(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Names by customer id, for whoever may show them."""
    return {id_: customer.name for id_, customer in (await store.customers(tx, ids)).items()}

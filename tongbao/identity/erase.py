"""What the bank knows of somebody as a person: corrected where it is wrong, and gone when he has left for long enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao import notices, vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import erase_store, passkey_store, store
from tongbao.identity import refusals as no
from tongbao.identity.model import Standing


async def correct_person(tx: Tx, customer_id: UUID, *, name: str, reason: str, by: Principal, at: datetime) -> None:
    """Writes another name over what was kept. The audit says that, not what. Another telephone number takes a second person
    (`propose_phone`).

    Refuses `customer_unknown`, `customer_closed`.
    """
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    if customer.status is Standing.CLOSED:
        raise no.CUSTOMER_CLOSED()
    await erase_store.correct_name(tx, customer_id, name.strip())
    await vault.keep(tx, [vault.Datum(subject_id=customer_id, kind=vault.Kind.NAME, text=name.strip())], at=at)
    details = {"kinds": [vault.Kind.NAME.value]}
    await audit.record(tx, by, "customer.correct", customer_id, at=at, reason=reason, details=details)


async def drop_means(tx: Tx, ids: Sequence[UUID]) -> None:
    """Whoever has left comes in no more: his factors, sessions and codes are deleted."""
    await erase_store.drop_means(tx, ids)
    await passkey_store.drop_passkeys(tx, ids)


async def erase_people(tx: Tx, ids: Sequence[UUID], *, reason: str, by: Principal, at: datetime) -> None:
    """Destroys the keys of people who have left, and with them all that was sealed; ids, days and amounts stay.

    Refuses `customer_unknown`, and `customer_here` for whoever has not been closed.
    """
    known = await store.lock_customers(tx, ids)
    for id_ in ids:
        if id_ not in known:
            raise no.CUSTOMER_UNKNOWN()
        if known[id_].status is not Standing.CLOSED:
            raise no.CUSTOMER_HERE()
    await erase_store.drop_means(tx, ids)
    await passkey_store.drop_passkeys(tx, ids)
    await erase_store.erase_people(tx, ids)
    await notices.drop_people(tx, ids)
    for id_ in ids:
        await vault.erase(tx, id_, by=by, reason=reason, at=at)
        await audit.record(tx, by, "customer.erase", id_, at=at, reason=reason)

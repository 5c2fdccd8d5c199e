"""The only Python that touches purposes and consents: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.identity.consent_model import Consent

Q = sql.load("tongbao.identity", "consent")


async def consents(tx: Tx, customer_id: UUID) -> list[Consent]:
    return [Consent(*row) for row in await tx.rows(Q["consents"], customer_id=customer_id)]


async def consent_history(tx: Tx, customer_id: UUID, most: int) -> list[Consent]:
    return [Consent(*row) for row in await tx.rows(Q["consent_history"], customer_id=customer_id, most=most)]


async def add_consent(
    tx: Tx, id: UUID, customer_id: UUID, purpose: str, version: int, given: bool, at: datetime
) -> bool:
    return bool(
        await tx.run(
            Q["add_consent"], id=id, customer_id=customer_id, purpose=purpose, version=version, given=given, at=at
        )
    )


async def agreed(tx: Tx, customer_ids: Iterable[UUID], purpose: str) -> set[UUID]:
    rows = await tx.rows(Q["agreed"], ids=list(customer_ids), purpose=purpose)
    return {customer_id for customer_id, given in rows if given}

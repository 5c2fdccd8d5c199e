"""The only Python that asks whom payments concern: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.payments.model import Arrives, Capture, Kind

Q = sql.load("tongbao.payments", "told")


class Concerned(msgspec.Struct, frozen=True):
    """The people on both sides of a payment; None where it is a firm, or nobody of the bank."""

    kind: Kind
    arrives: Arrives
    capture: Capture
    payer_id: UUID | None
    payee_id: UUID | None


async def concerned(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Concerned]:
    rows = await tx.rows(Q["whom_to_tell"], ids=list(ids))
    return {row[0]: Concerned(Kind(row[1]), Arrives(row[2]), Capture(row[3]), row[4], row[5]) for row in rows}

"""The only Python that runs console's statements: it reads what lower slices publish and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.console.model import ClosedPeriod, LineAccount, TransferHead, WaitingPayment

Q = sql.load("tongbao.console")

_T = TypeVar("_T", bound=msgspec.Struct)


def _nouns(kind: type[_T], rows: Iterable[tuple[Any, ...]]) -> list[_T]:
    names = kind.__struct_fields__
    return [kind(**dict(zip(names, row, strict=True))) for row in rows]


async def approval(tx: Tx, id: UUID) -> Approval | None:
    found = _nouns(Approval, await tx.rows(Q["approval"], id=id))
    return msgspec.structs.replace(found[0], state=ApprovalState(found[0].state)) if found else None


async def accounts_of_line(tx: Tx, gl_line: str, currency: str | None, after: int, most: int) -> list[LineAccount]:
    rows = await tx.rows(Q["accounts_of_line"], gl_line=gl_line, currency=currency, after=after, most=most)
    return _nouns(LineAccount, rows)


async def transfer(tx: Tx, id: UUID) -> TransferHead | None:
    return next(iter(_nouns(TransferHead, await tx.rows(Q["transfer"], id=id))), None)


async def closed_periods(tx: Tx, before: date, most: int) -> list[ClosedPeriod]:
    return _nouns(ClosedPeriod, await tx.rows(Q["closed_periods"], before=before, most=most))


async def waiting_payments(
    tx: Tx, waits_for: str | None, due_before: datetime | None, after: tuple[datetime, UUID] | None, most: int
) -> list[WaitingPayment]:
    after_due, after_id = after or (None, None)
    rows = await tx.rows(
        Q["waiting_payments"],
        waits_for=waits_for,
        due_before=due_before,
        after_due=after_due,
        after_id=after_id,
        most=most,
    )
    return _nouns(WaitingPayment, rows)

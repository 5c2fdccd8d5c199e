"""The only Python that touches `payments.card` and `payments.card_holder`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.payments.card_model import CardRow, CardState

Q = sql.load("tongbao.payments", "card")


def _row(row: Sequence[Any]) -> CardRow:
    id_, customer_id, state, tries, asked_at, bound_at, is_default = row
    return CardRow(
        id=id_,
        customer_id=customer_id,
        state=CardState(state),
        tries=tries,
        asked_at=asked_at,
        bound_at=bound_at,
        is_default=is_default,
    )


async def lock_holder(tx: Tx, customer_id: UUID) -> None:
    await tx.run(Q["ensure_holder"], customer_id=customer_id)
    await tx.lock(Rank.IDS, Q["lock_holder"], [customer_id])


async def cards_of(tx: Tx, customer_id: UUID) -> list[CardRow]:
    return [_row(row) for row in await tx.rows(Q["cards_of"], customer_id=customer_id)]


async def card(tx: Tx, id: UUID) -> CardRow | None:
    row = await tx.row(Q["card"], id=id)
    return _row(row) if row else None


async def asked_since(tx: Tx, customer_id: UUID, since: datetime) -> int:
    row = await tx.row(Q["asked_since"], customer_id=customer_id, since=since)
    return row[0] if row else 0


async def add(tx: Tx, id: UUID, customer_id: UUID, at: datetime) -> bool:
    """Whether the id was free."""
    return bool(await tx.run(Q["add_card"], id=id, customer_id=customer_id, at=at))


async def take_try(tx: Tx, id: UUID) -> None:
    await tx.run(Q["take_try"], id=id)


async def bind(tx: Tx, id: UUID, at: datetime) -> bool:
    return bool(await tx.run(Q["bind_card"], id=id, at=at))


async def end(tx: Tx, ids: Iterable[UUID], state: CardState, at: datetime) -> None:
    await tx.run(Q["end_cards"], ids=list(ids), state=state.value, at=at)


async def set_default(tx: Tx, customer_id: UUID, card_id: UUID | None) -> None:
    await tx.run(Q["set_default"], customer_id=customer_id, card_id=card_id)


async def is_in_use(tx: Tx, rail: str, account: str) -> bool:
    row = await tx.row(Q["is_in_use"], rail=rail, account=account)
    return bool(row and row[0])


async def lock_asked_before(tx: Tx, before: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["lock_asked_before"], before=before, most=most)]


async def wrong_card_payments(
    tx: Tx, ids: Sequence[UUID], rail: str, outside: str, most: int
) -> list[tuple[UUID, str, str]]:
    """(payment, what should be, what is) of these payments; `outside`: the line of the channel that cards are booked from."""
    return await tx.rows(Q["wrong_card_payments"], ids=list(ids), rail=rail, outside=outside, most=most)  # type: ignore[return-value]

"""The only Python that touches `clearing.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.clearing.model import (
    Batch,
    Carried,
    DayWatch,
    Kind,
    Movement,
    Position,
    Settlement,
    State,
    Step,
    TakingsDay,
    TakingsLine,
    TakingsMove,
)

Q = sql.load("tongbao.clearing")

_encode = msgspec.json.Encoder().encode


async def movements_of_day(tx: Tx, day: date) -> list[Movement]:
    return [Movement(*row) for row in await tx.rows(Q["movements_of_day"], day=day)]


async def ledger_moves_of_day(tx: Tx, day: date, clearing: str) -> dict[UUID, int]:
    """What the takings accounts of merchants gained or lost, where it is not zero."""
    rows = await tx.rows(Q["ledger_moves_of_day"], day=day, clearing=clearing)
    return {row[0]: row[1] for row in rows}


async def carried_positions(tx: Tx) -> list[Carried]:
    return [Carried(*row) for row in await tx.rows(Q["carried_positions"])]


async def add_batches(
    tx: Tx, batches: Sequence[tuple[UUID, str, int, int]], *, day: date, settle_on: date, at: datetime
) -> set[UUID]:
    """(id, currency, participants, movements), sorted; the ids of those that are new."""
    rows = await tx.lock(
        Rank.IDS,
        Q["add_batches"],
        [b[0] for b in batches],
        currencies=[b[1] for b in batches],
        participants=[b[2] for b in batches],
        movements=[b[3] for b in batches],
        day=day,
        settle_on=settle_on,
        at=at,
    )
    return {row[0] for row in rows}


async def add_positions(tx: Tx, positions: Sequence[Position]) -> None:
    await tx.run(
        Q["add_positions"],
        ids=[p.id for p in positions],
        batches=[p.batch_id for p in positions],
        kinds=[p.kind.value for p in positions],
        participants=[p.participant_id for p in positions],
        takings=[p.takings_ledger_id for p in positions],
        settlements=[p.settlement_ledger_id for p in positions],
        captures=[p.captures_minor for p in positions],
        refunds=[p.refunds_minor for p in positions],
        covered=[p.covered_minor for p in positions],
        fees=[p.fees_minor for p in positions],
        carried=[p.carried_minor for p in positions],
        net=[p.net_minor for p in positions],
    )


async def take_over(tx: Tx, taken: Sequence[tuple[UUID, UUID]]) -> None:
    """(carried position, the position that counts it now), sorted."""
    if taken:
        await tx.lock(Rank.IDS, Q["take_over"], [old for old, _ in taken], new=[new for _, new in taken])


async def batches(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Batch]:
    return {row[0]: Batch(*row) for row in await tx.rows(Q["batches"], ids=list(ids))}


async def batches_of_day(tx: Tx, day: date) -> list[Batch]:
    return [Batch(*row) for row in await tx.rows(Q["batches_of_day"], day=day)]


async def batches_to_settle(tx: Tx, day: date) -> list[Batch]:
    return [Batch(*row) for row in await tx.rows(Q["batches_to_settle"], day=day)]


async def batch_page(
    tx: Tx, *, before: date | None, before_currency: str | None, first: date | None, last: date | None, most: int
) -> list[Batch]:
    rows = await tx.rows(
        Q["batch_page"], before=before, before_currency=before_currency, first=first, last=last, most=most
    )
    return [Batch(*row) for row in rows]


async def lock_positions_in_state(tx: Tx, batch_id: UUID, state: State, most: int) -> list[Position]:
    """The next merchants of a batch, locked; those that somebody else moved on meanwhile are left out.

    None only where none is left: whoever took the same ones may be killed before the ones behind them.
    """
    while rows := await tx.rows(Q["positions_in_state"], batch_id=batch_id, state=state.value, most=most):
        locked = await tx.lock(Rank.IDS, Q["lock_positions"], [row[0] for row in rows])
        if found := [position for row in locked if (position := _position(row)).state is state]:
            return found
    return []


def _position(row: Sequence[Any]) -> Position:
    return Position(
        id=row[0],
        batch_id=row[1],
        kind=Kind(row[2]),
        participant_id=row[3],
        takings_ledger_id=row[4],
        settlement_ledger_id=row[5],
        captures_minor=row[6],
        refunds_minor=row[7],
        covered_minor=row[8],
        fees_minor=row[9],
        carried_minor=row[10],
        net_minor=row[11],
        state=State(row[12]),
        booked_on=row[13],
    )


async def move_positions(tx: Tx, moved: Sequence[tuple[UUID, State, date | None]]) -> None:
    await tx.run(
        Q["move_positions"],
        ids=[m[0] for m in moved],
        states=[m[1].value for m in moved],
        booked=[m[2] for m in moved],
    )


async def mark_cleared(tx: Tx, batch_id: UUID, at: datetime) -> None:
    await tx.run(Q["mark_cleared"], batch_id=batch_id, at=at)


async def mark_settled(tx: Tx, batch_id: UUID, at: datetime) -> None:
    await tx.run(Q["mark_settled"], batch_id=batch_id, at=at)


def _settlement(row: Sequence[Any]) -> Settlement:
    return Settlement(
        id=row[0],
        batch_id=row[1],
        booking_date=row[2],
        currency=row[3],
        settle_on=row[4],
        kind=Kind(row[5]),
        participant_id=row[6],
        captures_minor=row[7],
        refunds_minor=row[8],
        covered_minor=row[9],
        fees_minor=row[10],
        carried_minor=row[11],
        net_minor=row[12],
        state=State(row[13]),
        booked_on=row[14],
    )


async def positions_of_batch(tx: Tx, batch_id: UUID, *, after: UUID | None, most: int) -> list[Settlement]:
    rows = await tx.rows(Q["positions_of_batch"], batch_id=batch_id, after=after, most=most)
    return [_settlement(row) for row in rows]


async def own_positions(tx: Tx, batch_id: UUID) -> list[Settlement]:
    return [_settlement(row) for row in await tx.rows(Q["own_positions"], batch_id=batch_id)]


async def positions_beside(tx: Tx, first: UUID, last: UUID) -> list[Settlement]:
    return [_settlement(row) for row in await tx.rows(Q["positions_beside"], first=first, last=last)]


async def totals_of_batches(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[int, ...]]:
    """Captures, refunds, covered, fees, carried, net."""
    return {row[0]: tuple(row[1:]) for row in await tx.rows(Q["totals_of_batches"], ids=list(ids))}


async def settlements_of(tx: Tx, merchant_id: UUID, *, below: UUID | None, most: int) -> list[Settlement]:
    rows = await tx.rows(Q["settlements_of"], merchant_id=merchant_id, below=below, most=most)
    return [_settlement(row) for row in rows]


async def settlement_with_debts(tx: Tx, merchant_id: UUID, id: UUID) -> list[Settlement]:
    return [_settlement(row) for row in await tx.rows(Q["settlement_with_debts"], merchant_id=merchant_id, id=id)]


async def takings_of(tx: Tx, merchant_id: UUID, first: date, last: date) -> list[TakingsLine]:
    return [
        TakingsLine(
            booking_date=row[0],
            method=row[1],
            currency=row[2],
            captures=row[3],
            captures_minor=row[4],
            refunds=row[5],
            refunds_minor=row[6],
            covered_minor=row[7],
            fees_minor=row[8],
        )
        for row in await tx.rows(Q["takings_of"], merchant_id=merchant_id, first=first, last=last)
    ]


async def netted_days_of(tx: Tx, merchant_id: UUID, first: date, last: date) -> list[TakingsDay]:
    return [
        TakingsDay(
            booking_date=row[0],
            currency=row[1],
            captures_minor=row[2],
            refunds_minor=row[3],
            covered_minor=row[4],
            fees_minor=row[5],
        )
        for row in await tx.rows(Q["netted_days_of"], merchant_id=merchant_id, first=first, last=last)
    ]


async def netted_through(tx: Tx) -> date | None:
    row = await tx.row(Q["netted_through"])
    return row[0] if row else None


async def movements_of(
    tx: Tx, merchant_id: UUID, day: date, *, before: tuple[datetime, UUID, str] | None, most: int
) -> list[TakingsMove]:
    at, id_, kind = before or (None, None, None)
    rows = await tx.rows(
        Q["movements_of"],
        merchant_id=merchant_id,
        first=day,
        last=day,
        before=at,
        before_id=id_,
        before_kind=kind,
        most=most,
    )
    return [TakingsMove(*row) for row in rows]


async def eod_steps(tx: Tx, day: date) -> list[Step]:
    return [Step(*row) for row in await tx.rows(Q["eod_steps"], day=day)]


async def newest_eod_steps(tx: Tx, most: int) -> dict[date, dict[str, Step]]:
    """By day, newest first, and by the step's name."""
    found: dict[date, dict[str, Step]] = {}
    for day, *step in await tx.rows(Q["newest_eod_steps"], most=most):
        found.setdefault(day, {})[step[0]] = Step(*step)
    return found


async def add_eod_step(tx: Tx, day: date, name: str, result: dict[str, Any], at: datetime) -> None:
    await tx.run(Q["add_eod_step"], day=day, step=name, result=_encode(result).decode(), at=at)


async def order_close(tx: Tx, day: date, by: UUID, at: datetime) -> bool:
    """Whether it had not been asked for before."""
    return await tx.run(Q["order_close"], day=day, by=by, at=at) == 1


async def close_order_of(tx: Tx, day: date) -> tuple[UUID, datetime] | None:
    row = await tx.row(Q["close_order_of"], day=day)
    return (row[0], row[1]) if row else None


async def day_watch(tx: Tx) -> DayWatch | None:
    row = await tx.row(Q["day_watch"])
    return DayWatch(*row) if row else None


async def time_next_day(tx: Tx, day: date, at: datetime) -> None:
    await tx.run(Q["time_next_day"], day=day, at=at)


async def time_anew(tx: Tx, at: datetime) -> None:
    await tx.run(Q["time_anew"], at=at)


# what `tongbao prove` asks


async def prove_next_batches(tx: Tx, after: date) -> list[Batch]:
    return [Batch(*row) for row in await tx.rows(Q["prove_next_batches"], after=after)]


async def prove_positions(tx: Tx, batch_id: UUID, after: UUID | None, most: int) -> list[Position]:
    rows = await tx.rows(Q["prove_positions"], batch_id=batch_id, after=after, most=most)
    return [_position(row) for row in rows]


async def prove_effects(tx: Tx, ids: Sequence[UUID], clearing: str, first: date) -> dict[UUID, int]:
    rows = await tx.rows(Q["prove_effects"], ids=list(ids), clearing=clearing, first=first)
    return {row[0]: row[1] for row in rows}


async def prove_clearing_account(tx: Tx, clearing: str) -> list[tuple[str, int, int]]:
    rows = await tx.rows(Q["prove_clearing_account"], clearing=clearing)
    return [(row[0], row[1], row[2]) for row in rows]


async def prove_orders(tx: Tx, most: int) -> list[tuple[UUID, str, str]]:
    return [(row[0], row[1], row[2]) for row in await tx.rows(Q["prove_orders"], most=most)]

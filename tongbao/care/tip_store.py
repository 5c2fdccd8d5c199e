"""What customers were warned of and told, and how they answered the lesson: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.care.tip_model import Counts, Habits
from tongbao.web.advice import Paying

Q = sql.load("tongbao.care", "tip")


async def warn(
    tx: Tx,
    customer_id: UUID,
    paying: Paying,
    *,
    said: list[str],
    large_minor: int,
    looked_at: int,
    new_since: datetime,
    reports: int,
    reported_since: datetime,
    at: datetime,
) -> list[str]:
    rows = await tx.rows(
        Q["warn"],
        customer_id=customer_id,
        payment_id=paying.payment_id,
        payer_account_id=paying.payer_account_id,
        payee_id=paying.payee_id,
        amount_minor=paying.amount_minor,
        said=said,
        large_minor=large_minor,
        looked_at=looked_at,
        new_since=new_since,
        reports=reports,
        reported_since=reported_since,
        at=at,
    )
    return [row[0] for row in rows]


async def tips(tx: Tx, customer_id: UUID, codes: Sequence[str], at: datetime) -> list[str]:
    rows = await tx.rows(Q["tips"], customer_id=customer_id, codes=list(codes), at=at)
    return [row[0] for row in rows]


async def add_report(tx: Tx, request_id: UUID, payee_id: UUID, customer_id: UUID, at: datetime) -> None:
    await tx.run(Q["add_report"], request_id=request_id, payee_id=payee_id, customer_id=customer_id, at=at)


async def dismiss_warning(tx: Tx, customer_id: UUID, payee_id: UUID, code: str, at: datetime) -> None:
    await tx.run(Q["dismiss_warning"], customer_id=customer_id, payee_id=payee_id, code=code, at=at)


async def dismiss_tip(tx: Tx, customer_id: UUID, code: str, at: datetime) -> None:
    await tx.run(Q["dismiss_tip"], customer_id=customer_id, code=code, at=at)


async def open_tip(tx: Tx, customer_id: UUID, code: str, at: datetime) -> None:
    await tx.run(Q["open_tip"], customer_id=customer_id, code=code, at=at)


async def warning_counts(tx: Tx, since: datetime, until: datetime) -> list[Counts]:
    return [Counts(*row) for row in await tx.rows(Q["warning_counts"], since=since, until=until)]


async def tip_counts(tx: Tx) -> list[Counts]:
    return [Counts(*row) for row in await tx.rows(Q["tip_counts"])]


async def claim_month(tx: Tx, code: str, at: datetime, most: int) -> list[tuple[UUID, Lang]]:
    """Whom nobody has told this yet, and in which language they read."""
    return [(row[0], row[1]) for row in await tx.rows(Q["claim_month"], code=code, at=at, most=most)]


async def unclaim(tx: Tx, code: str, ids: Sequence[UUID], at: datetime) -> None:
    if ids:
        await tx.run(Q["unclaim"], code=code, ids=list(ids), at=at)


async def answer_case(tx: Tx, customer_id: UUID, case_no: int, choice: int, at: datetime, *, is_right: bool) -> None:
    await tx.run(Q["answer_case"], customer_id=customer_id, case_no=case_no, choice=choice, is_right=is_right, at=at)


async def answers(tx: Tx, ids: Sequence[UUID]) -> list[tuple[UUID, int, int, bool]]:
    return [(row[0], row[1], row[2], row[3]) for row in await tx.rows(Q["answers"], ids=list(ids))]


async def lesson_counts(tx: Tx) -> list[tuple[int, int, int]]:
    return [(row[0], row[1], row[2]) for row in await tx.rows(Q["lesson_counts"])]


async def habits(tx: Tx, customer_id: UUID, *, zone: str, large_minor: int, since: datetime) -> Habits:
    row = await tx.row(Q["habits"], customer_id=customer_id, zone=zone, large_minor=large_minor, since=since)
    assert row is not None
    return Habits(*row)


async def known_of(tx: Tx, customer_id: UUID, most: int) -> list[tuple[Any, ...]]:
    return await tx.rows(Q["known_of"], customer_id=customer_id, most=most)


async def forget_warnings(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_warnings"], before=before, most=most)


async def forget_tips(tx: Tx, most: int) -> int:
    return await tx.run(Q["forget_tips"], most=most)


async def forget_lessons(tx: Tx, most: int) -> int:
    return await tx.run(Q["forget_lessons"], most=most)

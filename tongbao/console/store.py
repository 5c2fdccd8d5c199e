"""The only Python that runs console's statements: it reads what lower slices publish, and counts attacks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.console.attacks import AttackHour, AttackSource, Line
from tongbao.console.model import (
    ClosedPeriod,
    Decline,
    HeldPayment,
    LatePayments,
    LedgerPlace,
    LineAccount,
    Newest,
    Second,
    TransferHead,
    WaitingPayment,
)

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


async def reversal_of(tx: Tx, id: UUID) -> TransferHead | None:
    return next(iter(_nouns(TransferHead, await tx.rows(Q["reversal_of"], id=id))), None)


async def ledger_places(tx: Tx, ids: Iterable[int]) -> dict[int, LedgerPlace]:
    return {row[0]: LedgerPlace(*row) for row in await tx.rows(Q["ledger_places"], ids=list(ids))}


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


async def held_payments(
    tx: Tx,
    *,
    whose: str,
    me: UUID,
    after: tuple[int, datetime, UUID] | None,
    most: int,
    riskiest: bool = False,
    id: UUID | None = None,
) -> list[HeldPayment]:
    """`whose`: `all`, `mine` or `nobody`. `after`: risk, end and id of the last that was seen. `riskiest`: they come first."""
    after_risk, after_due, after_id = after or (None, None, None)
    rows = await tx.rows(
        Q["held_payments"],
        whose=whose,
        me=me,
        id=id,
        riskiest=riskiest,
        after_risk=after_risk if riskiest else -1,
        after_due=after_due,
        after_id=after_id,
        most=most,
    )
    return _nouns(HeldPayment, rows)


# the vitals


async def held_queue(tx: Tx, at: datetime) -> tuple[int, datetime | None, int]:
    """How many payments are held, counted to 10,000, since when the oldest is, and how many are past half of their time."""
    ((many, oldest_at, late),) = await tx.rows(Q["held_queue"], at=at)
    return many, oldest_at, late


async def late_payments(tx: Tx, before: datetime) -> list[LatePayments]:
    """Payments that should have ended before a moment, by what they wait for."""
    rows = await tx.rows(Q["late_payments"], before=before)
    return [LatePayments(waits_for=waits_for, many=many, oldest_due_at=oldest) for waits_for, many, oldest in rows]


async def newest_payment(tx: Tx) -> datetime | None:
    row = await tx.row(Q["newest_payment"])
    return row[0] if row else None


async def day_reach(tx: Tx) -> tuple[date, date | None, date | None, datetime | None] | None:
    """The open day, the last settled, the first whose end was begun, when the end of an unsettled one began."""
    row = await tx.row(Q["day_reach"])
    return (row[0], row[1], row[2], row[3]) if row else None


async def calendar_years(tx: Tx, since: date) -> set[int]:
    return {year for (year,) in await tx.rows(Q["calendar_years"], since=since)}


async def missing_partitions(tx: Tx, months: list[str]) -> list[tuple[str, str]]:
    """Name and month of each partition that is missing for `months`, such as `2026_11`."""
    return [(name, month) for name, month in await tx.rows(Q["missing_partitions"], months=months)]


async def applied_migrations(tx: Tx) -> set[str]:
    return {version for (version,) in await tx.rows(Q["applied_migrations"])}


async def job_queue(tx: Tx, alive_since: datetime) -> tuple[int, datetime | None, datetime | None]:
    """Living workers, the last sign of life, since when the oldest job that could be started is due (or will be)."""
    row = await tx.row(Q["job_queue"], alive_since=alive_since)
    assert row is not None
    return row[0], row[1], row[2]


async def failing_jobs(tx: Tx, since: datetime) -> list[str]:
    return [name for (name,) in await tx.rows(Q["failing_jobs"], since=since)]


# the board


async def payments_by_second(tx: Tx, since: datetime, until: datetime, currency: str) -> list[Second]:
    return [Second(*row) for row in await tx.rows(Q["board_seconds"], since=since, until=until, currency=currency)]


async def day_so_far(tx: Tx, day: date, until: datetime, currency: str) -> tuple[int, int]:
    row = await tx.row(Q["board_day"], day=day, until=until, currency=currency)
    assert row is not None
    return row[0], row[1]


async def newest_payments(tx: Tx, since: datetime, most: int) -> tuple[Newest, ...]:
    return tuple(Newest(*row) for row in await tx.rows(Q["board_newest"], since=since, most=most))


async def newest_declines(tx: Tx, since: datetime, most: int) -> tuple[Decline, ...]:
    return tuple(Decline(*row) for row in await tx.rows(Q["board_declines"], since=since, most=most))


# the ends of days


async def ends_of_days(tx: Tx, after: date) -> dict[date, dict[str, tuple[datetime, dict[str, Any]]]]:
    """Of each day after `after` whose end was begun, newest first: when each step was done and what came of it."""
    found: dict[date, dict[str, tuple[datetime, dict[str, Any]]]] = {}
    for day, step, done_at, result in await tx.rows(Q["ends_of_days"], after=after):
        found.setdefault(day, {})[step] = (done_at, result)
    return found


# attacks


async def count_attacks(tx: Tx, lines: dict[Line, int]) -> None:
    await tx.run(
        Q["count_attacks"],
        minutes=[minute for minute, _, _ in lines],
        kinds=[kind for _, kind, _ in lines],
        sources=[source for _, _, source in lines],
        visits=list(lines.values()),
    )


async def attack_hours(tx: Tx, since: datetime) -> list[AttackHour]:
    return _nouns(AttackHour, await tx.rows(Q["attack_hours"], since=since))


async def attack_sources(tx: Tx, since: datetime, most: int) -> list[AttackSource]:
    return _nouns(AttackSource, await tx.rows(Q["attack_sources"], since=since, most=most))


async def forget_attacks(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_attacks"], before=before, most=most)

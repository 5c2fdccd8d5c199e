"""The only Python that touches what the wall counts: one small function a named statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.rule_model import Action
from tongbao.risk.wall_model import District, Judgement, Known, Odd, RuleMet

Q = sql.load("tongbao.risk", "wall")


async def roll_pace(tx: Tx, since: int, until: int) -> None:
    await tx.run(Q["roll_pace"], since=since, until=until)
    await tx.run(Q["roll_districts"], since=since, until=until)


async def forget_pace(tx: Tx, *, minutes_before: datetime, hours_before: datetime) -> None:
    await tx.run(Q["forget_pace"], minutes_before=minutes_before, hours_before=hours_before)
    await tx.run(Q["forget_districts"], hours_before=hours_before)


async def minutes(tx: Tx, since: datetime, until: datetime, currency: str) -> dict[datetime, dict[Action, int]]:
    found: defaultdict[datetime, dict[Action, int]] = defaultdict(dict)
    for at, action, payments in await tx.rows(Q["wall_minutes"], since=since, until=until, currency=currency):
        found[at][Action(action)] = payments
    return dict(found)


async def spans(
    tx: Tx, widths: Sequence[tuple[int, datetime]], until: datetime, currency: str
) -> list[dict[Action, Judgement]]:
    """Of each span, told by the width of its rows in seconds and by its beginning."""
    found: list[dict[Action, Judgement]] = [{} for _ in widths]
    rows = await tx.rows(
        Q["wall_spans"],
        widths=[width for width, _ in widths],
        sinces=[since for _, since in widths],
        until=until,
        currency=currency,
    )
    for place, action, *figures in rows:
        found[place - 1][Action(action)] = Judgement(*figures)
    return found


async def grid(
    tx: Tx, since: datetime, until: datetime, zone: str, currency: str
) -> dict[tuple[int, int], tuple[int, int]]:
    rows = await tx.rows(Q["wall_grid"], since=since, until=until, zone=zone, currency=currency)
    return {(day, hour): (payments, odd) for day, hour, payments, odd in rows}


async def districts(tx: Tx, since: datetime, until: datetime, most: int) -> list[District]:
    return [District(*row) for row in await tx.rows(Q["wall_districts"], since=since, until=until, most=most)]


async def odd(tx: Tx, since: datetime, until: datetime, most: int) -> list[Odd]:
    rows = await tx.rows(Q["wall_odd"], since=since, until=until, most=most)
    return [Odd(row[0], row[1], row[2], row[3], Action(row[4]), row[5], row[6]) for row in rows]


async def rules(tx: Tx, most: int) -> list[RuleMet]:
    return [RuleMet(*row) for row in await tx.rows(Q["wall_rules"], most=most)]


async def behind(tx: Tx) -> datetime | None:
    row = await tx.row(Q["wall_behind"])
    return row[0] if row else None


async def labelled(tx: Tx, since: datetime, until: datetime, currency: str, most: int) -> Known:
    (row,) = await tx.rows(Q["wall_labelled"], since=since, until=until, currency=currency, most=most)
    return Known(*row)

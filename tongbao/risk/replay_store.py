"""The only Python that touches decisions in order to make them again: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.replay_model import Past
from tongbao.risk.rule_model import Action
from tongbao.risk.ruleset import Hit, Judged, Under

Q = sql.load("tongbao.risk", "replay")


async def past(tx: Tx, ids: Sequence[UUID]) -> list[Past]:
    return [past_of(row) for row in await tx.rows(Q["past_decisions"], ids=list(ids))]


def past_of(row: Sequence[Any]) -> Past:
    hits = msgspec.convert(row[16] or [], tuple[Hit, ...])
    return Past(
        id=row[0],
        at=row[1],
        payer=row[2],
        payee=row[3],
        device=row[4],
        amount_minor=row[5],
        currency=row[6],
        is_night=row[7],
        catalogue=row[8],
        features=row[9],
        own=row[10],
        under=None if row[11] is None else Under(row[11], row[12], tuple(row[13])),
        said=Judged(hits, Action(row[14]), row[15]),
    )


async def about_how_many(tx: Tx) -> int:
    return (await tx.rows(Q["about_how_many"]))[0][0]


async def some(tx: Tx, percent: int, seed: int, most: int) -> list[UUID]:
    return [i for (i,) in await tx.rows(Q["some_decisions"], percent=percent, seed=seed, most=most)]

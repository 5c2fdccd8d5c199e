"""The only Python that touches trials, and the past that they look at: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.replay_store import past_of
from tongbao.risk.trial_model import Result, Then, Trial, Tried

Q = sql.load("tongbao.risk", "trial")
_PAST: Final = 17
"""Columns of a page of history that are a decision's own."""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _trial(row: Sequence[Any]) -> Trial:
    values = dict(zip(Trial.__struct_fields__, row, strict=True))
    result = values["result"]
    values["what"] = msgspec.convert(values["what"], Tried)
    values["result"] = None if result is None else msgspec.convert(result, Result)
    return Trial(**values)


async def ask(tx: Tx, id_: UUID, by: UUID, what: Tried, at: datetime) -> bool:
    """Whether it is new."""
    return await tx.row(Q["ask_trial"], id=id_, by=by, what=_json(what), at=at) is not None


async def trial(tx: Tx, id_: UUID) -> Trial | None:
    row = await tx.row(Q["trial"], id=id_)
    return _trial(row) if row else None


async def open_trial(tx: Tx, by: UUID) -> UUID | None:
    row = await tx.row(Q["open_trial"], by=by)
    return row[0] if row else None


async def trials(tx: Tx, most: int) -> list[Trial]:
    return [_trial(row) for row in await tx.rows(Q["trials"], most=most)]


async def forget(tx: Tx, before: datetime) -> None:
    await tx.run(Q["forget_trials"], before=before)


async def claim(tx: Tx, at: datetime, silent: datetime) -> Trial | None:
    row = await tx.row(Q["claim_trial"], at=at, silent=silent)
    return _trial(row) if row else None


async def tell(tx: Tx, trial: Trial, total: int, looked: int, at: datetime) -> bool:
    """Whether it is still this worker's."""
    return (
        await tx.row(Q["tell_trial"], id=trial.id, tries=trial.tries, total=total, looked=looked, at=at)
    ) is not None


async def leave(tx: Tx, trial: Trial) -> None:
    await tx.run(Q["leave_trial"], id=trial.id, tries=trial.tries)


async def end(
    tx: Tx,
    id_: UUID,
    at: datetime,
    *,
    trouble: str | None = None,
    result: Result | None = None,
    looked: int | None = None,
) -> bool:
    """Whether it was open."""
    told = None if result is None else _json(result)
    return await tx.row(Q["end_trial"], id=id_, at=at, trouble=trouble, result=told, looked=looked) is not None


async def how_many(tx: Tx, what: Tried, most: int) -> int:
    return (await tx.rows(Q["how_many_between"], first_day=what.first_day, last_day=what.last_day, most=most))[0][0]


async def page(tx: Tx, what: Tried, after: UUID, most: int) -> list[Then]:
    rows = await tx.rows(Q["history_page"], first_day=what.first_day, last_day=what.last_day, after=after, most=most)
    return [Then(past_of(row[:_PAST]), *row[_PAST:]) for row in rows]

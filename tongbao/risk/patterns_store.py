"""The only Python that touches searches for patterns, and the past that they look at: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.patterns_model import Patterns, Search, Sought
from tongbao.risk.replay_store import past_of
from tongbao.risk.trial_model import Then

Q = sql.load("tongbao.risk", "patterns")
_PAST: Final = 17
"""Columns of a page of history that are a decision's own."""


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _search(row: Sequence[Any]) -> Search:
    values = dict(zip(Search.__struct_fields__, row, strict=True))
    result = values["result"]
    values["what"] = msgspec.convert(values["what"], Sought)
    values["result"] = None if result is None else msgspec.convert(result, Patterns)
    return Search(**values)


async def ask(tx: Tx, id_: UUID, by: UUID, what: Sought, at: datetime) -> bool:
    """Whether it is new."""
    return await tx.row(Q["ask_search"], id=id_, by=by, what=_json(what), at=at) is not None


async def search(tx: Tx, id_: UUID) -> Search | None:
    row = await tx.row(Q["search"], id=id_)
    return _search(row) if row else None


async def searches(tx: Tx, most: int) -> list[Search]:
    return [_search(row) for row in await tx.rows(Q["searches"], most=most)]


async def forget(tx: Tx, before: datetime) -> None:
    await tx.run(Q["forget_searches"], before=before)


async def claim(tx: Tx, at: datetime, silent: datetime) -> Search | None:
    row = await tx.row(Q["claim_search"], at=at, silent=silent)
    return _search(row) if row else None


async def tell(tx: Tx, search: Search, total: int, looked: int, found: int, at: datetime) -> bool:
    """Whether it is still this worker's."""
    told = {"total": total, "looked": looked, "found": found, "at": at}
    return await tx.row(Q["tell_search"], id=search.id, tries=search.tries, **told) is not None


async def leave(tx: Tx, search: Search) -> None:
    await tx.run(Q["leave_search"], id=search.id, tries=search.tries)


async def end(tx: Tx, id_: UUID, at: datetime, *, trouble: str | None = None, result: Patterns | None = None) -> None:
    """Nothing where it has ended already."""
    told = None if result is None else _json(result)
    found = None if result is None else len(result.patterns)
    await tx.row(Q["end_search"], id=id_, at=at, trouble=trouble, result=told, found=found)


async def is_any_labelled(tx: Tx) -> bool:
    return (await tx.rows(Q["is_any_labelled"]))[0][0]


async def how_many(tx: Tx, what: Sought, most: int) -> int:
    rows = await tx.rows(Q["payments_between"], first_day=what.first_day, last_day=what.last_day, most=most)
    return rows[0][0]


async def page(tx: Tx, what: Sought, after: UUID, every: int, most: int) -> list[Then]:
    days = {"first_day": what.first_day, "last_day": what.last_day}
    rows = await tx.rows(Q["search_page"], after=after, every=every, most=most, **days)
    return [Then(past_of(row[:_PAST]), *row[_PAST:]) for row in rows]

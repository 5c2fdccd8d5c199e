"""How the app is used since a day: use, tasks, paths, refusals. Counts alone; nobody can be told from them."""

from __future__ import annotations

from datetime import date
from typing import Final

from tongbao.base.db import Tx
from tongbao.insight import store
from tongbao.insight.model import Lost, Path, Reached, Refused, Use

MOST: Final = 1_000


async def use(tx: Tx, *, since: date) -> Use:
    return await store.use(tx, since)


async def reached(tx: Tx, *, since: date, home: str | None = None) -> list[Reached]:
    """By task and step; steps that nobody reached are left out."""
    return await store.reached(tx, since, home)


async def lost(tx: Tx, task: str, *, since: date, most: int = MOST) -> list[Lost]:
    """Where whoever did not come to the end of a task went after the last step that he reached."""
    return await store.lost(tx, task, since, most)


async def paths(tx: Tx, *, since: date, place: str | None = None, most: int = MOST) -> list[Path]:
    """Most used first; only those that come to `place` or leave it, where it is named."""
    return await store.paths(tx, since, place, most)


async def refused(tx: Tx, *, since: date, most: int = MOST) -> list[Refused]:
    return await store.refused(tx, since, most)

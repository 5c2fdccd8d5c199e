"""The only Python that touches `insight.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.insight.model import Counted, Lost, Path, Reached, Refused, Step, Use

Q = sql.load("tongbao.insight")

_STEP: Final = ("id", "visit", "at", "method", "place", "code", "home")


async def add_steps(tx: Tx, steps: Sequence[Step]) -> None:
    await tx.run(
        Q["add_steps"],
        ids=[one.id for one in steps],
        visits=[one.visit for one in steps],
        ats=[one.at for one in steps],
        methods=[one.method for one in steps],
        places=[one.place for one in steps],
        codes=[one.code for one in steps],
        homes=[one.home for one in steps],
    )


async def take_over_visits(tx: Tx, quiet_since: datetime, begun_before: datetime, most: int) -> list[Step]:
    """In no order."""
    rows = await tx.rows(Q["take_over_visits"], quiet_since=quiet_since, begun_before=begun_before, most=most)
    return [Step(**dict(zip(_STEP, row, strict=True))) for row in rows]


async def add_counts(tx: Tx, counted: Counted) -> None:
    """In the order of their keys, so that two who add at once do not wait for each other in a circle."""
    if counted.tasks:
        days, tasks, steps, homes, within, visits = _columns(counted.tasks)
        await tx.run(Q["count_tasks"], days=days, tasks=tasks, steps=steps, homes=homes, within=within, visits=visits)
    if counted.losses:
        days, tasks, steps, theres, visits = _columns(counted.losses)
        await tx.run(Q["count_losses"], days=days, tasks=tasks, steps=steps, theres=theres, visits=visits)
    if counted.paths:
        days, heres, theres, times = _columns(counted.paths)
        await tx.run(Q["count_paths"], days=days, heres=heres, theres=theres, times=times)
    if counted.refused:
        days, places, methods, codes, visits = _columns(counted.refused)
        await tx.run(Q["count_refused"], days=days, places=places, methods=methods, codes=codes, visits=visits)


def _columns(counts: Any) -> list[list[Any]]:
    rows = [(*key, count) for key, count in sorted(counts.items())]
    return [list(column) for column in zip(*rows, strict=True)]


async def reached(tx: Tx, since: date, home: str | None) -> list[Reached]:
    return [Reached(*row) for row in await tx.rows(Q["reached"], since=since, home=home)]


async def lost(tx: Tx, task: str, since: date, most: int) -> list[Lost]:
    return [Lost(*row) for row in await tx.rows(Q["lost"], task=task, since=since, most=most)]


async def paths(tx: Tx, since: date, place: str | None, most: int) -> list[Path]:
    if place is None:
        return [Path(*row) for row in await tx.rows(Q["paths"], since=since, most=most)]
    return [Path(*row) for row in await tx.rows(Q["paths_at"], since=since, place=place, most=most)]


async def refused(tx: Tx, since: date, most: int) -> list[Refused]:
    return [Refused(*row) for row in await tx.rows(Q["refused"], since=since, most=most)]


async def use(tx: Tx, since: date) -> Use:
    row = await tx.row(Q["use"], since=since)
    assert row is not None
    return Use(*row)


async def forget(tx: Tx, before: date) -> None:
    for name in ("forget_tasks", "forget_losses", "forget_paths", "forget_refused"):
        await tx.run(Q[name], before=before)

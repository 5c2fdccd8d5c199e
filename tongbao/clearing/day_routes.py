"""JSON routes of the close of a day: ask for it, and see how far it has come."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter

from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.clearing import refusals as no
from tongbao.clearing.close_today import close_today, day_progress
from tongbao.clearing.model import DayProgress, Phase
from tongbao.web import paging
from tongbao.web.body import Body
from tongbao.web.site import By, Config, Db, Now, problems, require


class CloseOrder(Body, frozen=True):
    """`business_date`: the open day, so that the same order sent again closes nothing else."""

    business_date: Annotated[date, msgspec.Meta(examples=["2026-01-05"])]


class StepDone(msgspec.Struct, kw_only=True):
    step: str
    done_at: datetime
    result: dict[str, Any]


class DayProgressView(msgspec.Struct, kw_only=True):
    """`phase`: `to_come`, `open`, `asked` (to be closed), `ending`, `ended`. `to_do`: steps still to be done, in order.

    `closes_at`: when its time is up, where days are timed as in the demo.
    """

    business_date: date
    phase: Phase
    done: list[StepDone]
    to_do: list[str]
    asked_by: UUID | None
    asked_at: datetime | None
    closes_at: datetime | None


def _view(progress: DayProgress) -> DayProgressView:
    return DayProgressView(
        business_date=progress.day,
        phase=progress.phase,
        done=[StepDone(step=s.name, done_at=s.done_at, result=s.result) for s in progress.steps],
        to_do=list(progress.to_do),
        asked_by=progress.asked_by,
        asked_at=progress.asked_at,
        closes_at=progress.closes_at,
    )


@post(
    "/v1/business-day/close",
    status_code=202,
    guards=[require("day:write")],
    tags=["day"],
    summary="Close the open business day now; a worker does it, usually within seconds",
    operation_id="close_business_day",
    response_description="How far it has come. Closed once, however often it is asked for.",
    responses=problems(days.NOT_FOUNDED, days.DAY_NOT_OPEN, no.DAY_NOT_OVER, write=True),
)
async def close_business_day(
    data: JSONBody[CloseOrder], principal: By, db: Db, clock: Now, settings: Config
) -> DayProgressView:
    day = paging.day(data.business_date, "business_date") or data.business_date

    async def close(tx: Tx) -> DayProgress:
        return await close_today(tx, day, by=principal, at=clock.now(), settings=settings)

    return _view(await db.retry(close))


@get(
    "/v1/business-day/close",
    guards=[require("day:read")],
    tags=["day"],
    summary="How far the end of a business day has come",
    operation_id="get_close_of_day",
    response_description="Its steps, done and to do.",
    responses=problems(days.NOT_FOUNDED),
)
async def get_close_of_day(
    db: Db,
    settings: Config,
    day: Annotated[date | None, QueryParameter(name="date", description="The open day unless told.")] = None,
) -> DayProgressView:
    asked = paging.day(day, "date")
    async with db.read() as tx:
        asked = asked or (await days.current(tx)).open_date
        return _view(await day_progress(tx, asked, settings=settings))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (close_business_day, get_close_of_day)

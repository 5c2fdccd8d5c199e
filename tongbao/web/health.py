"""What machines ask: is the process alive, should it get traffic; and which day the bank books on."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Final

import msgspec
import psycopg
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from psycopg_pool import PoolTimeout

from tongbao.base import days, migrate
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.web.site import Config, Db, open_to_all, problems, require

_WITHIN_S: Final = 2


class _Process(msgspec.Struct):
    """What a process knows of itself. `migrated`: databases that were seen complete; a migration is never taken back."""

    draining: bool = False
    migrated: set[str] = msgspec.field(default_factory=set)
    waiting: set[asyncio.Future[None]] = msgspec.field(default_factory=set)
    """Who wants to hear of the end."""


_PROCESS: Final = _Process()


def drain(on: bool = True) -> None:
    """From here on this process says that it wants no new traffic; it goes on answering what comes."""
    _PROCESS.draining = on
    for told in tuple(_PROCESS.waiting) if on else ():
        told.get_loop().call_soon_threadsafe(_tell, told)


def draining() -> bool:
    """Whether this process is about to end. What lasts long, such as a stream of events, ends itself at once."""
    return _PROCESS.draining


async def until_draining() -> None:
    """Returns when this process is about to end, at once where it is already; cancelled as any other wait."""
    if _PROCESS.draining:
        return
    told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    _PROCESS.waiting.add(told)
    try:
        await told
    finally:
        _PROCESS.waiting.discard(told)


def _tell(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


class Alive(msgspec.Struct, kw_only=True):
    status: str


class Readiness(msgspec.Struct, kw_only=True):
    """`checks` in the order in which they are made: `ok`, or a sentence that says what is wrong."""

    status: str
    checks: dict[str, str]


class BusinessDayView(msgspec.Struct, kw_only=True):
    """`business_date`: the day that postings are booked on. Days up to `closed_through` are closed."""

    business_date: date
    closed_through: date
    is_business_day: bool
    next_business_day: date
    timezone: str


@get(
    "/healthz",
    guards=[open_to_all],
    tags=["operations"],
    summary="Is the process alive",
    operation_id="is_alive",
    response_description="It answers.",
    responses=problems(known=False),
    security=[{}],
)
async def healthz() -> Alive:
    return Alive(status="ok")


async def _checked(db: Database) -> dict[str, str]:
    """The sentence of each check that needs the database; stops at the first that fails."""
    checks: dict[str, str] = {"database": f"does not answer within {_WITHIN_S} s"}
    try:
        async with asyncio.timeout(_WITHIN_S), db.read() as tx:
            checks["migrations"] = await _migrations(db.url)
            checks["database"] = "ok"
            if checks["migrations"] == "ok":
                await days.current(tx)
                checks["business_day"] = "ok"
    except Refusal as refusal:
        checks["business_day"] = refusal.kind.en
    except (psycopg.Error, PoolTimeout, TimeoutError, OSError):
        checks.pop("migrations", None)
    return checks


async def _migrations(url: str) -> str:
    """Migrations that this version does not know are the next version's, which is being rolled out: no trouble."""
    if url not in _PROCESS.migrated:
        missing = set(migrate.present()) - set(await asyncio.to_thread(migrate.applied, url))
        if missing:
            return f"run `tongbao migrate`; missing: {', '.join(sorted(missing))}"
        _PROCESS.migrated.add(url)
    return "ok"


async def readiness(db: Database) -> Readiness:
    """What a load balancer wants to know."""
    checks = await _checked(db)
    checks["draining"] = "the process is about to end" if _PROCESS.draining else "ok"
    return Readiness(status="ok" if set(checks.values()) == {"ok"} else "not_ready", checks=checks)


@get(
    "/readyz",
    guards=[open_to_all],
    tags=["operations"],
    summary="Should the process get traffic",
    operation_id="is_ready",
    response_description="Database, schema and business day are there, and the process is not about to end.",
    responses={
        **problems(known=False),
        503: ResponseSpec(Readiness, description="Not now; `checks` says why.", generate_examples=False),
    },
    security=[{}],
)
async def readyz(db: Db) -> Readiness:
    found = await readiness(db)
    return Response(found, status_code=200 if found.status == "ok" else 503)  # pyright: ignore[reportReturnType]


@get(
    "/v1/business-day",
    guards=[require("day:read")],
    tags=["day"],
    summary="The day that the bank books on",
    operation_id="get_business_day",
    response_description="The open business day.",
    responses=problems(days.NOT_FOUNDED),
)
async def business_day(db: Db, settings: Config) -> BusinessDayView:
    async with db.read() as tx:
        now = await days.current(tx)
        is_business_day = (await days.calendar(tx, now.open_date, now.open_date))[now.open_date]
        following = await days.next_business_day(tx, now.open_date)
    return BusinessDayView(
        business_date=now.open_date,
        closed_through=now.closed_through,
        is_business_day=is_business_day,
        next_business_day=following,
        timezone=settings.timezone,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (healthz, readyz, business_day)

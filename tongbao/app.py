"""Puts the bank together: names every slice's routes, consumers and jobs. No logic."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from tongbao import console, merchants, payments
from tongbao.base import jobs, log, metrics, tracing
from tongbao.base import settings as base_settings
from tongbao.base.clock import Clock
from tongbao.base.db import BULK, Database
from tongbao.base.dispatcher import Consumer, Dispatcher
from tongbao.base.settings import Settings
from tongbao.clearing import api as clearing_api
from tongbao.clearing import jobs as clearing_jobs
from tongbao.console import api as console_api
from tongbao.console import jobs as console_jobs
from tongbao.identity import api as identity_api
from tongbao.merchants import api as merchants_api
from tongbao.merchants import jobs as merchants_jobs
from tongbao.payments import api as payments_api
from tongbao.payments import jobs as payments_jobs
from tongbao.web import health
from tongbao.web.door import Door, Visit
from tongbao.web.site import site

ROUTES = (
    *health.ROUTES,
    *identity_api.ROUTES,
    *merchants_api.ROUTES,
    *payments_api.ROUTES,
    *clearing_api.ROUTES,
    *console_api.ROUTES,
)
RAW_ROUTES = {("POST", "/v1/payments"): payments_api.pay_route}
"""Routes that go past the framework, because a measurement says so (docs/adr/0003)."""

CONSUMERS: Sequence[Consumer] = (*merchants_jobs.CONSUMERS,)
JOBS: Sequence[jobs.Job] = (*payments_jobs.JOBS, *merchants_jobs.JOBS, *clearing_jobs.JOBS, *console_jobs.JOBS)

_RARE_COLLECTION = (50_000, 20, 50)

logger = log.get(__name__)


class Bank(msgspec.Struct, frozen=True):
    """What a process of the bank holds open: settings, clock, the pool for money and the pool for everything else."""

    settings: Settings
    clock: Clock
    db: Database
    bulk: Database


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Bank]:
    """Opens the pools and closes them again."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(Database(settings.database_url, size=settings.pool_size))
        bulk = await stack.enter_async_context(
            Database(settings.database_url, size=4, limits=BULK, name="tongbao bulk")
        )
        yield Bank(settings, clock or settings.make_clock(), db, bulk)


def observe(visit: Visit) -> None:
    """Counts a visit."""
    metrics.REQUESTS.labels(visit.path, visit.method, str(visit.status)).inc()
    metrics.REQUEST_SECONDS.labels(visit.path).observe(visit.duration_s)
    if visit.code:
        metrics.REFUSALS.labels(visit.code).inc()


def failed(error: BaseException, request_id: str) -> None:
    logger.error("request_failed", request_id=request_id, exc_info=error)


def http(bank: Bank, at_end: Sequence[Callable[[], Awaitable[None]]] = ()) -> Any:
    """The bank as an ASGI application: the door around Litestar and the raw routes. `at_end` runs when all is answered."""
    door = Door(
        identity_api.authenticator(bank.db, bank.clock),
        observe=observe,
        failed=failed,
        largest=bank.settings.body_largest,
    )
    intake = payments.Intake(bank.db, bank.clock, bank.settings)
    raw = {place: make(door, intake) for place, make in RAW_ROUTES.items()}
    framework = site(
        ROUTES,
        door=door,
        provide={
            "db": bank.db,
            "bulk": bank.bulk,
            "clock": bank.clock,
            "settings": bank.settings,
            "intake": intake,
            "approval_kinds": console.APPROVAL_KINDS,
            **identity_api.provided(merchants.subject_known),
        },
        on_shutdown=[intake.drain, *at_end],
    )

    async def route(scope: Any, receive: Any, send: Any) -> None:
        handler = raw.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (handler or framework)(scope, receive, send)

    return door.wrap(route)


def create() -> Any:
    """For an ASGI server: settings from the environment, pools opened with the server's start and closed with its end."""
    settings = base_settings.load()
    log.configure(settings.log_level, settings.log_format)
    tracing.configure(settings, "tongbao api")
    stack = AsyncExitStack()
    inner: Any = None

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal inner
        if inner is None:
            inner = http(await stack.enter_async_context(opened(settings)), [stack.aclose])
            # All of this lives as long as the process: looking at it again for garbage cost a tenth of each payment.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_RARE_COLLECTION)
        await inner(scope, receive, send)

    return application


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """The worker: hands events to consumers, sends webhooks, runs jobs, until `stop`."""
    async with opened(settings) as bank:
        context = jobs.JobContext(bank.bulk, bank.clock, settings)
        await asyncio.gather(
            Dispatcher(bank.bulk, CONSUMERS, bank.clock).run(stop),
            merchants_jobs.send_webhooks(bank.bulk, bank.clock, settings, stop),
            jobs.worker(settings.database_url, JOBS, context, stop),
        )


__all__ = ["CONSUMERS", "JOBS", "ROUTES", "Bank", "create", "http", "opened", "work"]

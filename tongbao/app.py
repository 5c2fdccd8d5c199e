"""Puts the bank together: names every slice's routes, consumers and jobs. No logic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from tongbao import care, console, insight, merchants, payments, vault
from tongbao.base import garbage, jobs, log, metrics, tracing
from tongbao.base import settings as base_settings
from tongbao.base.clock import Clock
from tongbao.base.db import BULK, Database
from tongbao.base.dispatcher import Consumer, Dispatcher
from tongbao.base.settings import Settings
from tongbao.care import desk_pages as help_desk_pages
from tongbao.care import help_pages, lesson_pages, tip_pages
from tongbao.care import jobs as care_jobs
from tongbao.clearing import api as clearing_api
from tongbao.clearing import jobs as clearing_jobs
from tongbao.console import api as console_api
from tongbao.console import jobs as console_jobs
from tongbao.govern import desk_pages, privacy_pages
from tongbao.govern import jobs as govern_jobs
from tongbao.identity import api as identity_api
from tongbao.identity import (
    customer_login_pages,
    device_pages,
    draw_pages,
    factor_pages,
    key_pages,
    login_pages,
    look_pages,
    notice_pages,
    passkey_pages,
    phone_change_pages,
    phone_change_staff_pages,
    reading_pages,
    recovery_pages,
    registration_pages,
    registration_watch_pages,
    restriction_pages,
    rhythm_pages,
    signing_pages,
    staff_me_pages,
    staff_own_pages,
    staff_people_pages,
    verification_pages,
)
from tongbao.identity import jobs as identity_jobs
from tongbao.insight import jobs as insight_jobs
from tongbao.insight import journey_pages
from tongbao.merchants import api as merchants_api
from tongbao.merchants import jobs as merchants_jobs
from tongbao.notices import jobs as notices_jobs
from tongbao.payments import api as payments_api
from tongbao.payments import jobs as payments_jobs
from tongbao.risk import (
    assessment_pages,
    feature_pages,
    kri_pages,
    list_pages,
    models_pages,
    patterns_pages,
    rule_pages,
    stance_pages,
    trial_pages,
    wall_pages,
    what_if_pages,
)
from tongbao.risk import jobs as risk_jobs
from tongbao.vault import jobs as vault_jobs
from tongbao.web import app_routes, by_name, health, look_routes
from tongbao.web.door import HSTS, SECURITY_HEADERS, Door, Visit
from tongbao.web.pages import Pages
from tongbao.web.rates import Limits
from tongbao.web.renewal import Renewal
from tongbao.web.site import site

ROUTES = (
    *health.ROUTES,
    *identity_api.ROUTES,
    *merchants_api.ROUTES,
    *payments_api.ROUTES,
    *clearing_api.ROUTES,
    *console_api.ROUTES,
)
PAGES = (
    *look_routes.ROUTES,
    *app_routes.ROUTES,
    *login_pages.ROUTES,
    *key_pages.ROUTES,
    *signing_pages.ROUTES,
    *verification_pages.ROUTES,
    *staff_me_pages.ROUTES,
    *staff_people_pages.ROUTES,
    *staff_own_pages.ROUTES,
    *draw_pages.ROUTES,
    *reading_pages.ROUTES,
    *registration_pages.ROUTES,
    *customer_login_pages.ROUTES,
    *device_pages.ROUTES,
    *rhythm_pages.ROUTES,
    *look_pages.ROUTES,
    *notice_pages.ROUTES,
    *recovery_pages.ROUTES,
    *phone_change_pages.ROUTES,
    *phone_change_staff_pages.ROUTES,
    *registration_watch_pages.ROUTES,
    *restriction_pages.ROUTES,
    *factor_pages.ROUTES,
    *passkey_pages.ROUTES,
    *payments_api.PAGES,
    *clearing_api.PAGES,
    *privacy_pages.ROUTES,
    *help_pages.ROUTES,
    *help_desk_pages.ROUTES,
    *tip_pages.ROUTES,
    *lesson_pages.ROUTES,
    *desk_pages.ROUTES,
    *journey_pages.ROUTES,
    *wall_pages.ROUTES,
    *kri_pages.ROUTES,
    *stance_pages.ROUTES,
    *feature_pages.ROUTES,
    *assessment_pages.ROUTES,
    *what_if_pages.ROUTES,
    *rule_pages.ROUTES,
    *trial_pages.ROUTES,
    *patterns_pages.ROUTES,
    *models_pages.ROUTES,
    *list_pages.ROUTES,
    *console_api.PAGES,
)
RAW_ROUTES = {("POST", "/v1/payments"): payments_api.pay_route}
"""Routes that go past the framework, because a measurement says so (docs/adr/0003)."""

CONSUMERS: Sequence[Consumer] = (*merchants_jobs.CONSUMERS, *payments_jobs.CONSUMERS)
JOBS: Sequence[jobs.Job] = (
    *payments_jobs.JOBS,
    *merchants_jobs.JOBS,
    *clearing_jobs.JOBS,
    *console_jobs.JOBS,
    *vault_jobs.JOBS,
    *notices_jobs.JOBS,
    *identity_jobs.JOBS,
    *govern_jobs.JOBS,
    *care_jobs.JOBS,
    *insight_jobs.JOBS,
    *risk_jobs.JOBS,
)

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
        bank = Bank(settings, clock or settings.make_clock(), db, bulk)
        if settings.keyring:
            await bulk.retry(lambda tx: vault.begin(tx, bank.clock.now()))
        yield bank


def observe(visit: Visit) -> None:
    """Counts a visit."""
    metrics.REQUESTS.labels(visit.path, visit.method, str(visit.status)).inc()
    metrics.REQUEST_SECONDS.labels(visit.path).observe(visit.duration_s)
    if visit.code:
        metrics.REFUSALS.labels(visit.code).inc()


def _each(*listeners: Callable[[Visit], None]) -> Callable[[Visit], None]:
    def heard(visit: Visit) -> None:
        for listener in listeners:
            listener(visit)

    return heard


def failed(error: BaseException, request_id: str) -> None:
    logger.error("request_failed", request_id=request_id, exc_info=error)


def http(bank: Bank, at_end: Sequence[Callable[[], Awaitable[None]]] = ()) -> Any:
    """The bank as an ASGI application: the door around Litestar and the raw routes. `at_end` runs when all is answered."""
    attacks = console.Attacks(bank.bulk, bank.clock)
    journeys = insight.Journeys(bank.bulk, bank.clock, bank.settings)
    door = Door(
        identity_api.authenticator(bank.db, bank.clock),
        observe=_each(observe, attacks.hear, journeys.hear),
        failed=failed,
        largest=bank.settings.body_largest,
        security_headers=(*SECURITY_HEADERS, HSTS) if bank.settings.tls_certificate else SECURITY_HEADERS,
    )
    door.renewal = Renewal(identity_api.renewer(bank.db, bank.clock), production=bank.settings.env == "production")
    wire = identity_api.Wire(bank.db, bank.clock, door)
    door.check = wire.check
    door.limits = Limits.of(bank.settings)
    intake = payments.Intake(bank.db, bank.clock, bank.settings)
    raw = {place: make(door, intake) for place, make in RAW_ROUTES.items()}
    strip = console.strip if bank.settings.env == "demo" else None
    framework = site(
        (*ROUTES, *PAGES),
        door=door,
        shown=Pages(bank.settings, bank.clock, console.NAVIGATION, strip, care.advise),
        provide={
            "db": bank.db,
            "bulk": bank.bulk,
            "clock": bank.clock,
            "settings": bank.settings,
            "intake": intake,
            "inboxes": notice_pages.Inboxes(bank.bulk),
            "elsewhere": {"learning": care.learned, "help": care.helped},
            "approval_kinds": console.approval_kinds(bank.settings.zone),
            **identity_api.provided(merchants.subject_known),
            **console_api.provided(bank.bulk, bank.clock, bank.settings),
            **wall_pages.provided(bank.bulk, bank.clock, bank.settings),
        },
        on_shutdown=[intake.drain, attacks.close, journeys.close, *at_end],
    )

    shown = by_name.wrap(framework, bank.settings)

    async def route(scope: Any, receive: Any, send: Any) -> None:
        handler = raw.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (handler or shown)(scope, receive, send)

    return door.wrap(wire.wrap(route))


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
            garbage.rarely()
        await inner(scope, receive, send)

    return application


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """The worker: hands events to consumers, sends webhooks and messages, asks rails and the identity provider, runs jobs, until `stop`."""
    async with opened(settings) as bank:
        context = jobs.JobContext(bank.bulk, bank.clock, settings)
        await asyncio.gather(
            Dispatcher(bank.bulk, CONSUMERS, bank.clock).run(stop),
            merchants_jobs.send_webhooks(bank.bulk, bank.clock, settings, stop),
            payments_jobs.call_rails(bank.bulk, bank.clock, settings, stop),
            risk_jobs.keep_rolling(bank.bulk, bank.clock, stop),
            risk_jobs.keep_trying(bank.bulk, bank.clock, stop),
            risk_jobs.keep_looking(bank.bulk, bank.clock, stop),
            risk_jobs.watch_models(bank.bulk, bank.clock, stop),
            notices_jobs.send_messages(bank.bulk, bank.clock, settings, stop, open_=vault.open_sealed),
            identity_jobs.verify_identities(bank.bulk, bank.clock, settings, stop),
            jobs.worker(settings.database_url, JOBS, context, stop),
            clearing_jobs.watch_days(context, stop),
            console_jobs.prove_when_asked(context, stop),
        )


__all__ = ["CONSUMERS", "JOBS", "ROUTES", "Bank", "create", "http", "opened", "work"]

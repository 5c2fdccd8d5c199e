"""What staff see of registrations: how many come to the end, in how many steps and seconds. Figures alone, nobody by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.identity import registration as registering
from tongbao.identity.model import RegistrationDay
from tongbao.web import export, i18n, pages, tables
from tongbao.web.export import FileForm
from tongbao.web.listing import Listing
from tongbao.web.pages import PageRequest
from tongbao.web.site import Config, Db, Now, visitor
from tongbao.web.tables import Column

Files = Annotated[FileForm | None, QueryParameter(name="format")]

DAYS: Final = (
    Column("day", "Day", "日期", tables.DATE),
    Column("begun", "Begun", "发起", tables.COUNT),
    Column("confirmed", "Code entered", "已验证手机", tables.COUNT),
    Column("completed", "Account opened", "已开户", tables.COUNT),
    Column("middle_s", "Seconds, median", "用时中位数（秒）", tables.COUNT),
    Column("slow_s", "Seconds, 90 of 100 within", "90% 用时不超过（秒）", tables.COUNT),
    Column("forms", "Forms sent, median", "提交次数中位数", tables.COUNT),
)
SPREAD: Final = (
    Column("within", "Time to the open account", "开户用时"),
    Column("completed", "Registrations", "开户人次", tables.COUNT),
)
STEPS: Final = (
    Column("step", "Step", "步骤"),
    Column("taken", "Taken by", "完成人次", tables.COUNT),
    Column("middle_s", "Seconds, median", "用时中位数（秒）", tables.COUNT),
)
BOUNDS_S: Final = (30, 60, 90, 120, 180, 300)
STEP_MESSAGES: Final = ("Telephone number", "Code", "Name, identity number and password")
_SPAN: Final = timedelta(days=30)
_FILES: Final = ("csv", "xlsx", "pdf")


@get("/staff/registrations", guards=[visitor("staff", "customers:read")], include_in_schema=False)
async def registrations(request: PageRequest, db: Db, clock: Now, settings: Config, form: Files = None) -> Any:
    """The last thirty days: how many began, where they stopped, how long it took those who came to the end."""
    lang, since = pages.language(request), clock.now() - _SPAN
    async with db.read() as tx:
        found = await registering.registration_days(tx, since=since, zone=settings.timezone)
        if form is not None:
            title = i18n.say("Registrations", lang)
            return await export.export(
                DAYS,
                _each(found),
                name="registrations",
                form=form,
                title=title,
                settings=settings,
                at=clock.now(),
                lang=lang,
            )
        spread = await registering.registration_spread(tx, BOUNDS_S, since=since)
        steps = await registering.registration_steps(tx, since=since)
    named = [i18n.say(message, lang) for message in STEP_MESSAGES]
    taken = (steps.begun, steps.confirmed, steps.completed)
    took = (steps.phone_ms, steps.code_ms, steps.rest_ms)
    rows = [(name, count, _seconds(ms)) for name, count, ms in zip(named, taken, took, strict=True)]
    return pages.show(
        request,
        "identity/registrations.html",
        steps=steps,
        ways=Listing(columns=STEPS, rows=rows),
        spread=Listing(columns=SPREAD, rows=list(zip(_buckets(lang), spread, strict=True)), chart="bar"),
        table=Listing(
            columns=DAYS,
            rows=[_row(day) for day in found],
            files=_FILES,
            empty=i18n.say("Nobody has begun to register in the last thirty days.", lang),
        ),
    )


def _buckets(lang: Any) -> list[str]:
    """What stands before each bar: up to half a minute, ..., more than five."""
    within = [i18n.say("%(from)s to %(to)s s", lang, **{"from": a, "to": b}) for a, b in pairwise(BOUNDS_S)]
    return [
        i18n.say("under %(n)s s", lang, n=BOUNDS_S[0]),
        *within,
        i18n.say("%(n)s s or more", lang, n=BOUNDS_S[-1]),
    ]


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else (ms + 500) // 1000


def _row(day: RegistrationDay) -> tuple[Any, ...]:
    return (
        day.day,
        day.begun,
        day.confirmed,
        day.completed,
        _seconds(day.middle_ms),
        _seconds(day.slow_ms),
        day.forms,
    )


async def _each(found: list[RegistrationDay]) -> AsyncIterator[tuple[Any, ...]]:
    for day in found:
        yield _row(day)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (registrations,)

"""Tips as customers meet them, and what became of tips and warnings as staff see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.care import lessons, tips
from tongbao.care.help import MAY_READ
from tongbao.care.monthly import PREFIX
from tongbao.care.tip_model import Counts
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Form
from tongbao.web.listing import Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, visitor
from tongbao.web.tables import Column

_DAYS: Final = 30

WARNINGS: Final = (
    Column("what", "Warning", "风险提示", long=True),
    Column("shown", "Shown", "展示次数", tables.COUNT),
    Column("went_on", "Paid all the same", "仍然付款", tables.COUNT),
    Column("turned_back", "Turned back", "放弃付款", tables.COUNT),
    Column("dismissed", "Not again for this payee", "不再提示该收款人", tables.COUNT),
)
TIPS: Final = (
    Column("what", "Tip", "安全贴士", long=True),
    Column("shown", "Shown to", "展示人数", tables.COUNT),
    Column("opened", "Opened by", "查看人数", tables.COUNT),
    Column("dismissed", "Dismissed by", "关闭人数", tables.COUNT),
)
MONTHS: Final = (
    Column("month", "Month", "月份"),
    Column("told", "Told", "送达人数", tables.COUNT),
    Column("opened", "Opened by", "查看人数", tables.COUNT),
    Column("rate", "Read rate", "阅读率"),
)
CASES: Final = (
    Column("what", "Case", "案例", long=True),
    Column("answered", "Answered by", "答题人数", tables.COUNT),
    Column("right", "Rightly", "答对人数", tables.COUNT),
)


class Dismiss(Form, frozen=True):
    """`about`: the payee about whom he wants this no more; `back`: where he was."""

    tip: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
    about: UUID | None = None
    back: Annotated[str, msgspec.Meta(max_length=2000)] = ""


@post("/me/tips", guards=[visitor("me", "me:read")], include_in_schema=False)
async def dismiss(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """Sent twice it is dismissed once."""
    filled = await forms.read(request, Dismiss)
    wanted = filled.value
    if wanted is None:
        return forms.again(request, "care/tip_stale.html", filled)

    async def work(tx: Tx) -> None:
        await tips.dismiss(tx, principal, wanted.tip, wanted.about, at=clock.now())

    await db.retry(work)
    back = pages.local(wanted.back, "/me")
    return pages.go(back if back == "/me" or back.startswith(("/me/", "/me?")) else "/me")


@get("/me/tips/{code:str}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def more(request: PageRequest, code: FromPath[str], principal: By, db: Db, clock: Now) -> Page:
    """Leads to where more is said, and counts that somebody wanted to know."""
    known = code.replace("-", "_")
    await db.retry(lambda tx: tips.open_tip(tx, principal, known, at=clock.now()))
    return pages.go(tips.LEADS_TO.get(known, "/me/guide"))


@get("/staff/tips", guards=[visitor("staff", MAY_READ)], include_in_schema=False)
async def counts(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    at, lang = clock.now(), pages.language(request)
    async with db.read() as tx:
        warned = await tips.warning_counts(tx, principal, since=at - timedelta(days=_DAYS), at=at)
        told = await tips.tip_counts(tx, principal)
        months = await tips.month_counts(tx, principal)
        taught = await lessons.counts(tx, principal)
    return pages.show(
        request,
        "care/desk_tips.html",
        days=_DAYS,
        shown=sum(one.shown for one in warned),
        went_on=sum(one.followed for one in warned),
        turned_back=sum(one.turned_back for one in warned),
        warnings=Listing(columns=WARNINGS, rows=[_warning(one, lang) for one in warned]),
        tips=Listing(columns=TIPS, rows=[_tip(one, lang) for one in told]),
        months=Listing(columns=MONTHS, rows=[_month(one) for one in months]),
        cases=Listing(columns=CASES, rows=[_case(one, lang) for one in taught]),
    )


def _warning(one: Counts, lang: Lang) -> tuple[Any, ...]:
    said = i18n.say(tips.WARNING_MESSAGES[one.code], lang)
    return (said, one.shown, one.followed, one.turned_back, one.dismissed)


def _tip(one: Counts, lang: Lang) -> tuple[Any, ...]:
    return (i18n.say(tips.TIP_MESSAGES[one.code], lang), one.shown, one.followed, one.dismissed)


def _month(one: Counts) -> tuple[Any, ...]:
    month = one.code.removeprefix(PREFIX).replace("_", "-")
    return (month, one.shown, one.followed, f"{one.followed * 100 // one.shown} %" if one.shown else "–")


def _case(one: tuple[int, int, int], lang: Lang) -> tuple[Any, ...]:
    number, answered, rightly = one
    return (i18n.say(lessons.CASE_MESSAGES[number - 1].story, lang), answered, rightly)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (dismiss, more, counts)

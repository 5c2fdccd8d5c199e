"""The business day: which one is open, how the last ones ended, closing it, and the calendar that says when money settles."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from babel.dates import format_date, get_day_names
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao import clearing, identity
from tongbao.base import calendar, days
from tongbao.base.calendar import CalendarDay
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.clearing import DayProgress, Phase
from tongbao.console import store
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Db, Now, visitor
from tongbao.web.tables import Column

_DAYS_SHOWN: Final = 10
_STEP_MESSAGES: Final = {
    "expire": "What nobody confirmed or captured in time ends",
    "close": "The next day opens; the last transaction of this one ends",
    "trial_balance": "The trial balance is taken",
    "clear": "What merchants took is cleared",
    "settle": "Merchants are paid",
}
_END_MESSAGES: Final = {"settled": "day ended", "pending": "under way"}


def _end_word(state: str, lang: Lang) -> str:
    return i18n.say(_END_MESSAGES[state], lang)


ENDS: Final = (
    Column("day", "Business day", "营业日", tables.DATE),
    Column("state", "State", "状态", words=_end_word),
    Column("at", "Ended", "日终完成时间", tables.MOMENT),
    Column("expired", "Payments ended", "到期处理笔数", tables.COUNT),
    Column("movements", "Movements cleared", "清算笔数", tables.COUNT),
    Column("cleared", "Merchants cleared", "清算商户数", tables.COUNT),
    Column("settled", "Merchants paid", "结算商户数", tables.COUNT),
)


class StepLine(msgspec.Struct, frozen=True):
    """A step of the end of a day; `at` when it was done."""

    title: str
    at: datetime | None


class DayNow(msgspec.Struct, frozen=True):
    """The open day, and the one that is being closed, where one is."""

    open_date: date
    closed_through: date
    today: date
    progress: DayProgress
    is_closing: bool
    asked_by: str | None
    steps: tuple[StepLine, ...]
    may_close: bool


class Cell(msgspec.Struct, frozen=True):
    """A day of the calendar: its number, a sign where it is not what its weekday says or no business day, and in words."""

    number: int
    sign: str
    word: str
    is_open: bool


class Month(msgspec.Struct, frozen=True):
    """`weeks` hold a cell or None for each weekday from Monday; `names` say what its unusual days are."""

    title: str
    weeks: tuple[tuple[Cell | None, ...], ...]
    names: tuple[str, ...]


Year = Annotated[int | None, QueryParameter(ge=1970, le=2200)]


@get("/staff/day", guards=[visitor("staff", "day:read")], include_in_schema=False)
async def day_page(request: PageRequest, db: Db, clock: Now, settings: Config, year: Year = None) -> Page:
    return await _show(request, db, settings, clock.now(), year, forms.blank())


async def _show(
    request: PageRequest,
    db: Database,
    settings: Settings,
    at: datetime,
    year: int | None,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        now = await _now(tx, settings, at, lang)
        year = year or now.open_date.year
        ends = await store.ends_of_days(tx, now.open_date - timedelta(_DAYS_SHOWN + 1))
        known = await calendar.between(tx, date(year, 1, 1), date(year, 12, 31))
    return pages.show(
        request,
        "console/day.html",
        status=status,
        now_=now,
        form=form,
        ends=Listing(columns=ENDS, rows=[_end_row(day, done) for day, done in ends.items()]),
        year=year,
        months=_months(year, {day.day: day for day in known}, now.open_date, lang),
        weekdays=_weekdays(lang),
        is_known=bool(known),
    )


@get("/staff/day/now", guards=[visitor("staff", "day:read")], include_in_schema=False)
async def day_now(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    """The part of the page that follows a close."""
    if request.headers.get("hx-request") != "true":
        return pages.go("/staff/day")
    async with db.read() as tx:
        now = await _now(tx, settings, clock.now(), pages.language(request))
    return pages.show(request, "console/day_now.html", now_=now, form=forms.blank())


async def _now(tx: Tx, settings: Settings, at: datetime, lang: Lang) -> DayNow:
    day = await days.current(tx)
    progress = await clearing.day_progress(tx, day.closed_through, settings=settings)
    if progress.phase is not Phase.ENDING:
        progress = await clearing.day_progress(tx, day.open_date, settings=settings)
    people = await identity.find_staff(tx, [progress.asked_by]) if progress.asked_by else {}
    today = days.local_day(at, settings.zone)
    done = [StepLine(i18n.say(_STEP_MESSAGES[step.name], lang), step.done_at) for step in progress.steps]
    to_do = [StepLine(i18n.say(_STEP_MESSAGES[name], lang), None) for name in progress.to_do]
    return DayNow(
        open_date=day.open_date,
        closed_through=day.closed_through,
        today=today,
        progress=progress,
        is_closing=progress.phase in (Phase.ASKED, Phase.ENDING),
        asked_by=next((person.name for person in people.values()), None),
        steps=(*done, *to_do),
        may_close=day.open_date <= today or settings.day_every_s > 0,
    )


def _end_row(day: date, done: dict[str, tuple[datetime, dict[str, Any]]]) -> tuple[Any, ...]:
    def result(step: str, name: str) -> Any:
        return done[step][1].get(name) if step in done else None

    has_ended = "settle" in done
    return (
        Linked(day, f"/staff/books?date={day}") if "trial_balance" in done else day,
        Marked("settled" if has_ended else "pending"),
        done["settle"][0] if has_ended else None,
        result("expire", "payments"),
        result("clear", "movements"),
        result("clear", "merchants"),
        result("settle", "merchants"),
    )


class Close(Form, frozen=True):
    """The day that the page showed as open, so that pressing twice closes one."""

    business_date: date


@post("/staff/day/close", guards=[visitor("staff", "day:write")], include_in_schema=False)
async def close(request: PageRequest, db: Db, clock: Now, settings: Config, principal: By) -> Page:
    """Asks for the close of the open day; the worker does it and the page follows."""
    filled = await forms.read(request, Close)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, settings, clock.now(), None, filled, status=422)

    async def ask(tx: Tx) -> DayProgress:
        return await clearing.close_today(tx, wanted.business_date, by=principal, at=clock.now(), settings=settings)

    try:
        progress = await db.retry(ask)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request), field="the form")  # on top: its day cannot be typed
        return await _show(request, db, settings, clock.now(), None, again, status=refusal.kind.status)
    if progress.phase is Phase.ENDED:
        return pages.go("/staff/day", said="That day was closed before. Another one is open now.")
    return pages.go("/staff/day", said="The day is being closed. This page follows it.")


# the calendar


def _weekdays(lang: Lang) -> list[tuple[str, str]]:
    """Of each weekday from Monday the short name that heads a column, and the long one."""
    short, wide = (get_day_names(width, locale=_LOCALES[lang]) for width in ("short", "wide"))
    return [(short[n], wide[n]) for n in range(7)]


_LOCALES: Final[dict[Lang, str]] = {"en": "en", "zh": "zh_Hans_CN"}


def _months(
    year: int, known: dict[date, CalendarDay], today: date, lang: Lang
) -> tuple[tuple[bool, list[Month]], tuple[bool, list[Month]]]:
    """Months to come and then, of the present year alone, those that are over."""
    first = today.month if year == today.year else 1
    months = [_month(date(year, number, 1), known, lang) for number in range(1, 13)]
    return (False, months[first - 1 :]), (True, months[: first - 1])


def _month(first: date, known: dict[date, CalendarDay], lang: Lang) -> Month:
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    dates = [first + timedelta(n) for n in range((following - first).days)]
    cells: list[Cell | None] = [None] * first.weekday()
    cells += [_cell(day, known.get(day), lang) for day in dates]
    cells += [None] * (-len(cells) % 7)
    title = format_date(first, "y年M月" if lang == "zh" else "LLLL y", locale=_LOCALES[lang])
    weeks = tuple(tuple(cells[n : n + 7]) for n in range(0, len(cells), 7))
    return Month(title, weeks, tuple(_names([known[day] for day in dates if day in known])))


def _cell(day: date, known: CalendarDay | None, lang: Lang) -> Cell:
    is_weekday = day.weekday() < 5
    if known is None:
        word = i18n.say("business day", lang) if is_weekday else i18n.say("weekend", lang)
        return Cell(day.day, "" if is_weekday else "–", word, is_weekday)
    if known.is_business_day:
        return Cell(day.day, i18n.say("work", lang), i18n.say("business day", lang), True)
    return Cell(day.day, i18n.say("off", lang), i18n.say("holiday", lang), False)


def _names(known: list[CalendarDay]) -> list[str]:
    """Days that follow each other under one name as one span, such as `1-7 国庆节`."""
    spans: list[tuple[date, date, CalendarDay]] = []
    for day in known:
        if spans and spans[-1][1] + timedelta(1) == day.day and _said(spans[-1][2]) == _said(day):
            spans[-1] = (spans[-1][0], day.day, day)
        else:
            spans.append((day.day, day.day, day))
    return [f"{first.day}{'' if first == last else f'–{last.day}'} {day.name}".strip() for first, last, day in spans]


def _said(day: CalendarDay) -> tuple[bool, str]:
    return day.is_business_day, day.name


class DayForm(Form, frozen=True):
    """`expected`: what the calendar said of the day when the page was shown."""

    day: date
    what: Literal["business", "holiday", "weekday"]
    reason: Reason
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    expected: Annotated[str, msgspec.Meta(max_length=300)] = ""

    def wanted(self) -> str:
        return (
            "" if self.what == "weekday" else _seen(CalendarDay(self.day, self.what == "business", self.name, "staff"))
        )


def _seen(day: CalendarDay | None) -> str:
    return "" if day is None else f"{'business' if day.is_business_day else 'holiday'} {day.source} {day.name}"


async def _known(tx: Tx, day: date) -> CalendarDay | None:
    return next(iter(await calendar.between(tx, day, day)), None)


@get("/staff/day/calendar", guards=[visitor("staff", "day:write")], include_in_schema=False)
async def change_page(request: PageRequest, db: Db, day: FromQuery[date | None] = None) -> Page:
    if day is None:
        return pages.go("/staff/day")
    return await _change(request, db, paging.day(day, "day") or day, None)


async def _change(
    request: PageRequest, db: Database, day: date, form: Filled[Any] | None, *, status: int = 200
) -> Page:
    async with db.read() as tx:
        known = await _known(tx, day)
    cell = _cell(day, known, pages.language(request))
    what = "weekday" if known is None else "business" if known.is_business_day else "holiday"
    return pages.show(
        request,
        "console/day_change.html",
        status=status,
        day=day,
        known=known,
        cell=cell,
        expected=_seen(known),
        form=form or forms.blank(what=what, name=known.name if known else ""),
    )


@post("/staff/day/calendar", guards=[visitor("staff", "day:write")], include_in_schema=False)
async def change(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """Makes a day a business day or a holiday, or leaves it to its weekday again."""
    filled = await forms.read(request, DayForm)
    wanted = filled.value
    if wanted is None:
        day = _typed(filled.given.get("day", ""))
        return await _change(request, db, day, filled, status=422)
    day = paging.day(wanted.day, "day") or wanted.day

    async def edit(tx: Tx) -> bool:
        now = _seen(await _known(tx, day))
        if now == wanted.wanted():
            return True
        if now != wanted.expected:
            return False
        await calendar.edit(
            tx,
            principal,
            day,
            is_business_day={"business": True, "holiday": False, "weekday": None}[wanted.what],
            name=wanted.name,
            reason=wanted.reason,
            at=clock.now(),
        )
        return True

    if not await db.retry(edit):
        said = i18n.say(
            "Somebody has changed this day meanwhile. Look at it, then decide again.", pages.language(request)
        )
        return await _change(request, db, day, Filled(None, filled.given, {"": said}), status=409)
    return pages.go(f"/staff/day?year={day.year}", said="The calendar is changed.")


def _typed(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise INVALID_FIELD("a date such as 2026-11-22", field="day") from None


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (day_page, day_now, close, change_page, change)

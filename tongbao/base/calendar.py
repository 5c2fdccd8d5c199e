"""Holidays and make-up workdays: seeded from libraries, edited by staff, whose word is never seeded over.

China moves working days: a holiday on a Thursday makes the Friday free and the Sunday a workday. `chinesecalendar`
knows these from the State Council's yearly notice, but only for years whose notice is out; later years come from
`holidays`, which knows the festivals alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import chinese_calendar
import holidays
import msgspec

from tongbao.base import audit, sql
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import RefusalKind

Q = sql.load("tongbao.base")

CALENDAR_NEEDS_A_REASON = RefusalKind(
    "calendar_needs_a_reason", 422, "Say why this day is changed.", "请说明调整该日期的原因。", retryable=False
)

STAFF = "staff"


class CalendarDay(msgspec.Struct, frozen=True, order=True):
    """A day that is spoken of; `source` is a library or `staff`."""

    day: date
    is_business_day: bool
    name: str
    source: str


def known(year: int, country: str = "CN") -> list[CalendarDay]:
    """What the libraries know of `year`: holidays, and for China the weekends worked to make up for them.

    Empty for a country that they do not know.
    """
    if country == "CN":
        from_notice = _from_notice(year)
        if from_notice:
            return from_notice
    if country not in holidays.list_supported_countries():
        return []
    # Named in Chinese where the library can; it answers in the country's own language.
    language = "zh_CN" if country == "CN" else None
    found = holidays.country_holidays(country, years=year, language=language)
    return sorted(CalendarDay(day, False, name, "holidays") for day, name in found.items() if day.year == year)


def _from_notice(year: int) -> list[CalendarDay]:
    names = {festival.value: str(vars(festival)["chinese"]) for festival in chinese_calendar.Holiday}
    free = chinese_calendar.constants.holidays
    worked = chinese_calendar.constants.workdays
    if year not in {day.year for day in free}:
        return []
    source = "chinesecalendar"
    return sorted(
        [CalendarDay(day, False, names[str(name)], source) for day, name in free.items() if day.year == year]
        + [
            CalendarDay(day, True, names[str(name)] + "调休", source)
            for day, name in worked.items()
            if day.year == year and day.weekday() >= 5
        ]
    )


async def seed(tx: Tx, years: Iterable[int], country: str = "CN") -> int:
    """Writes what the libraries know and the table does not; how many days. May be run again each year."""
    added = 0
    for year in sorted(set(years)):
        days = known(year, country)
        if days:
            added += await _write(tx, "seed_calendar_days", days, days[0].source)
    return added


async def seed_unknown(tx: Tx, first: date, last: date, country: str = "CN") -> int:
    """Seeds each year from that of `first` to that of `last` of which the table says nothing at all; how many days."""
    spoken = {year for (year,) in await tx.rows(Q["calendar_years"], first=first.year, last=last.year)}
    return await seed(tx, set(range(first.year, last.year + 1)) - spoken, country)


async def between(tx: Tx, first: date, last: date) -> list[CalendarDay]:
    """The days from `first` to `last` that the table speaks of."""
    return [CalendarDay(*row) for row in await tx.rows(Q["calendar_between"], first=first, last=last)]


async def edit(
    tx: Tx, principal: Principal, day: date, *, is_business_day: bool | None, name: str, reason: str, at: datetime
) -> None:
    """Makes `day` a business day or a holiday; None goes back to "weekdays are business days". Audited.

    Refuses `calendar_needs_a_reason`.
    """
    if not reason.strip():
        raise CALENDAR_NEEDS_A_REASON(field="reason")
    if is_business_day is None:
        await tx.run(Q["clear_calendar_day"], day=day)
    else:
        await _write(tx, "set_calendar_days", [CalendarDay(day, is_business_day, name, STAFF)], STAFF)
    details = {"is_business_day": is_business_day, "name": name}
    await audit.record(tx, principal, "calendar.edit", day.isoformat(), at=at, reason=reason, details=details)


async def _write(tx: Tx, statement: str, days: list[CalendarDay], source: str) -> int:
    return await tx.run(
        Q[statement],
        days=[d.day for d in days],
        business=[d.is_business_day for d in days],
        names=[d.name for d in days],
        source=source,
    )

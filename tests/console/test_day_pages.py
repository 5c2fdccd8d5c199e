"""The business day in a browser: closing it and following that, what the last ones did, and the calendar of a year."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.console.house import HOSTILE, House
from tests.merchants.market import MONDAY
from tongbao import clearing
from tongbao.base import calendar, days
from tongbao.identity import Role

HTMX = {"hx-request": "true"}
CHANGE = "/staff/day/calendar"


async def open_day(house: House) -> date:
    async with house.db.read() as tx:
        return (await days.current(tx)).open_date


async def worker_looks(house: House) -> None:
    await clearing.close_when_due(house.db, house.clock, house.settings)


async def known(house: House, day: date) -> calendar.CalendarDay | None:
    async with house.db.read() as tx:
        return next(iter(await calendar.between(tx, day, day)), None)


# closing


async def test_an_accountant_closes_the_day_and_the_page_follows(house: House) -> None:
    ann, shop = await house.person(5000), await house.shop()
    await house.sell(shop, ann, 900)
    by = house.staff(Role.ACCOUNTANT)
    page = await house.look("/staff/day", by)
    assert "Open business day 23 Nov 2026" in page.text
    assert page.hidden() == {"business_date": "2026-11-23"}
    done = await house.send_form("/staff/day/close", page.hidden(), by)
    assert (done.to, done.said) == ("/staff/day", "The day is being closed. This page follows it.")
    waiting = await house.look("/staff/day", by)
    assert "23 Nov 2026 is being closed" in waiting.text
    assert 'hx-get="/staff/day/now"' in waiting.html
    assert waiting.text.count("still to come") == 5
    assert "Close 23 Nov 2026 now" not in waiting.text
    await worker_looks(house)
    assert await open_day(house) == MONDAY + timedelta(1)
    part = await house.look("/staff/day/now", by, headers=HTMX)
    assert "Open business day 24 Nov 2026" in part.html.replace('</div><div class="value">', " ")
    assert "hx-get" not in part.html, "nothing is left to follow"
    assert "<html" not in part.html
    after = await house.look("/staff/day", by)
    assert "/staff/books?date=2026-11-23" in after.links()
    assert "day ended" in after.text
    assert [subject for subject, _ in await house.audited("day.close")] == ["2026-11-23"]


async def test_pressed_twice_and_by_two_it_is_closed_once(house: House) -> None:
    first, second = house.staff(Role.ACCOUNTANT), house.staff(Role.ACCOUNTANT)
    form = (await house.look("/staff/day", first)).hidden()
    for by in (first, first, second):
        assert (await house.send_form("/staff/day/close", form, by)).status == 303
    await worker_looks(house)
    late = await house.send_form("/staff/day/close", form, second)  # a page that lay open
    assert (late.status, late.said) == (303, "That day was closed before. Another one is open now.")
    await worker_looks(house)
    assert await open_day(house) == MONDAY + timedelta(1)
    assert len(await house.audited("day.close")) == 1


async def test_a_day_ahead_of_the_calendar_waits_for_it(house: House) -> None:
    by = house.staff(Role.ACCOUNTANT)
    await house.send_form("/staff/day/close", (await house.look("/staff/day", by)).hidden(), by)
    await worker_looks(house)
    page = await house.look("/staff/day", by)
    assert "The open day lies ahead of the calendar." in page.text
    assert "Close 24 Nov 2026 now" not in page.text
    told = await house.send_form("/staff/day/close", {"business_date": "2026-11-24"}, by)
    assert told.status == 409
    assert await open_day(house) == MONDAY + timedelta(1)
    house.later(days=1)
    assert "Close 24 Nov 2026 now" in (await house.look("/staff/day", by)).text


@pytest.mark.parametrize(("day", "status"), [("", 422), ("yesterday", 422), ("2027-01-01", 409), ("0001-01-01", 303)])
async def test_another_day_than_the_open_one_closes_nothing(house: House, day: str, status: int) -> None:
    by = house.staff(Role.ACCOUNTANT)
    assert (await house.send_form("/staff/day/close", {"business_date": day}, by)).status == status
    await worker_looks(house)
    assert await open_day(house) == MONDAY
    assert await house.audited("day.close") == []


async def test_who_only_looks_cannot_close(house: House) -> None:
    auditor = house.staff(Role.AUDITOR)
    page = await house.look("/staff/day", auditor)
    assert page.status == 200
    assert 'method="post"' not in page.html.partition("<main")[2]
    assert (await house.send_form("/staff/day/close", {"business_date": "2026-11-23"}, auditor)).status == 403
    assert (await house.look(f"{CHANGE}?day=2026-11-23", auditor)).status == 403
    assert (await house.look("/staff/day", house.staff(Role.ADMIN))).status == 403
    assert (await house.look("/staff/day", None)).to == "/staff/login?next=%2Fstaff%2Fday"


async def test_the_part_by_itself_leads_to_the_page(house: House) -> None:
    assert (await house.look("/staff/day/now", house.staff(Role.AUDITOR))).to == "/staff/day"


# the calendar


async def test_a_year_with_its_holidays_in_signs_and_words(house: House) -> None:
    async with house.db.tx() as tx:
        await calendar.seed(tx, [2026])
    by = house.staff(Role.AUDITOR)
    page = await house.look("/staff/day", by, lang="zh")
    assert "2026年10月" in page.text
    assert "1–7 国庆节" in page.text
    assert "10 国庆节调休" in page.text
    assert page.html.count('class="month"') == 12
    assert page.html.count(">休</span>") == 33
    assert page.html.count(">班</span>") == 6
    english = await house.look("/staff/day?year=2026", by)
    assert english.html.count(">off</span>") == 33
    assert "October 2026" in english.text
    assert len(page.html) < 150_000


async def test_a_year_of_which_nothing_is_known_says_so(house: House) -> None:
    page = await house.look("/staff/day?year=2031", house.staff(Role.AUDITOR))
    assert "No holidays are known for this year." in page.text
    assert (await house.look("/staff/day?year=99999", house.staff(Role.AUDITOR))).status == 422
    assert (await house.look("/staff/day?year=soon", house.staff(Role.AUDITOR))).status == 422


async def test_a_day_is_made_a_holiday_and_given_back(house: House) -> None:
    by = house.staff(Role.ACCOUNTANT)
    page = await house.look(f"{CHANGE}?day=2026-12-24", by)
    assert "business day as its weekday says" in page.text
    form = {**page.hidden(), "what": "holiday", "name": "台风假", "reason": "the mayor says so"}
    done = await house.send_form(CHANGE, form, by)
    assert (done.to, done.said) == ("/staff/day?year=2026", "The calendar is changed.")
    assert await known(house, date(2026, 12, 24)) == calendar.CalendarDay(date(2026, 12, 24), False, "台风假", "staff")
    assert (await house.send_form(CHANGE, form, by)).status == 303, "the same form again changes nothing"
    assert "24 台风假" in (await house.look("/staff/day", by)).text
    page = await house.look(f"{CHANGE}?day=2026-12-24", by)
    assert "holiday 台风假" in page.text
    await house.send_form(CHANGE, {**page.hidden(), "what": "weekday", "reason": "it passed by"}, by)
    assert await known(house, date(2026, 12, 24)) is None
    assert await house.audited("calendar.edit") == [("2026-12-24", "the mayor says so"), ("2026-12-24", "it passed by")]


async def test_whoever_was_overtaken_looks_again(house: House) -> None:
    early, late = house.staff(Role.ACCOUNTANT), house.staff(Role.ACCOUNTANT)
    seen = (await house.look(f"{CHANGE}?day=2026-12-24", late)).hidden()
    await house.send_form(CHANGE, {**seen, "what": "holiday", "name": "台风假", "reason": "first one"}, early)
    told = await house.send_form(CHANGE, {**seen, "what": "business", "name": "", "reason": "second one"}, late)
    assert told.status == 409
    assert "Somebody has changed this day meanwhile." in told.text
    assert "holiday 台风假" in told.text
    form = {**told.hidden(), "what": "business", "name": "补班", "reason": "I mean it"}
    assert (await house.send_form(CHANGE, form, late)).status == 303
    now = await known(house, date(2026, 12, 24))
    assert now is not None
    assert now.is_business_day


async def test_hostile_names_are_text_and_nothing_else(house: House) -> None:
    by = house.staff(Role.ACCOUNTANT)
    form: dict[str, str] = {}
    for place, name in enumerate(HOSTILE[:5]):
        path = f"{CHANGE}?day=2026-12-0{place + 1}"
        form = {**(await house.look(path, by)).hidden(), "what": "holiday", "name": name, "reason": name}
        assert (await house.send_form(CHANGE, form, by)).status == 303
        assert "<script>alert" not in (await house.look(path, by)).html
    assert "<script>alert" not in (await house.look("/staff/day", by)).html
    told = await house.send_form(CHANGE, {**form, "day": "2026-12-09", "name": HOSTILE[5], "expected": ""}, by)
    assert (told.status, "This is too long." in told.text) == (422, True)


@pytest.mark.parametrize("wrong", [{"what": "party"}, {"reason": ""}, {"what": ""}])
async def test_what_is_wrong_is_said_and_nothing_is_changed(house: House, wrong: dict[str, str]) -> None:
    by = house.staff(Role.ACCOUNTANT)
    page = await house.look(f"{CHANGE}?day=2026-12-24", by)
    told = await house.send_form(CHANGE, {**page.hidden(), "what": "holiday", "reason": "so", **wrong, "name": "x"}, by)
    assert told.status == 422
    assert 'aria-invalid="true"' in told.html
    assert await known(house, date(2026, 12, 24)) is None


async def test_a_day_that_is_none(house: House) -> None:
    by = house.staff(Role.ACCOUNTANT)
    assert (await house.look(CHANGE, by)).to == "/staff/day"
    assert (await house.look(f"{CHANGE}?day=soon", by)).status == 422
    form = {"day": "soon", "what": "holiday", "reason": "no such day"}
    assert (await house.send_form(CHANGE, form, by)).status == 422

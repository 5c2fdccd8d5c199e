"""What customers do in the app becomes counts and nothing else; staff see where tasks are hard."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.console.house import HOSTILE, House
from tests.insight.conftest import Watch, customer, press_pay
from tongbao import insight
from tongbao.base import days
from tongbao.base.principal import Look
from tongbao.identity import Role
from tongbao.insight import intake


async def counts(house: House, table: str, columns: str) -> list[tuple[Any, ...]]:
    return await house.run_sql(f"SELECT {columns} FROM insight.{table} ORDER BY {columns}")  # type: ignore[return-value]


async def test_a_payment_in_the_app_is_a_funnel_that_staff_see(house: House, watch: Watch) -> None:
    payer, payee = await customer(house, 100_000), await customer(house)
    paid = await press_pay(payer, payee, "12.80")
    assert paid.status == 303, paid.text
    await payer.look(paid.to)
    await payer.look(paid.to.removesuffix("/authorise"))
    await payee.look("/me/pay")
    await payee.look("/me/help")
    await watch.over()
    reached = await house.run_sql(
        "SELECT task, step, sum(visits)::int FROM insight.task_day GROUP BY task, step ORDER BY task, step"
    )
    assert [one for one in reached if one[0] == "pay"] == [("pay", 1, 2), ("pay", 2, 1), ("pay", 3, 1)]
    assert ("ask_for_help", 1, 1) in reached
    lost = await counts(house, "loss_day", "task, step, there")
    assert {("ask_for_help", 1, ""), ("pay", 1, "/me/help")} <= set(lost)
    page = await house.look("/staff/journeys", house.staff(Role.OPERATOR))
    assert page.status == 200
    assert "Pay somebody 2 1 50" in page.text
    assert "1. Pay 2 100%" in page.text
    assert "3. A payment and its result 1 50%" in page.text
    assert "1. Pay Help 1" in page.text, "where they went instead"
    chinese = await house.look("/staff/journeys?task=ask_for_help", house.staff(Role.OPERATOR), lang="zh")
    assert "向本行求助 1 0 0" in chinese.text
    assert "1. 帮助 离开应用 1" in chinese.text


async def test_paths_lead_from_page_to_page(house: House, watch: Watch) -> None:
    one = await customer(house)
    for place in ("/me", "/me/payments", "/me", "/me/payments", "/me/bill"):
        await one.look(place)
    await watch.over()
    page = await house.look("/staff/journeys/paths", house.staff(Role.OPERATOR))
    assert "Home Records 2 100" in page.text
    assert "Came in Home 1 100" in page.text
    assert "Monthly bill Left 1 100" in page.text
    of_records = await house.look("/staff/journeys/paths?place=/me/payments&days=7", house.staff(Role.OPERATOR))
    assert "Records Monthly bill 1 50" in of_records.text
    assert "Came in" not in of_records.text


async def test_what_was_refused_stands_with_what_it_said(house: House, watch: Watch) -> None:
    one = await customer(house)
    for _ in range(2):
        unknown = await one.send(f"/me/help/{house.id()}/close", id=house.id())
        assert unknown.status == 404, unknown.text
    await one.look(f"/me/payments/{house.id()}")
    await one.look("/me/pay?to=nobody&amount=12.80")
    await watch.over()
    assert await counts(house, "refused_day", "place, method, code, visits") == [
        ("/me/help/{id}/close", "POST", "help_unknown", 1),
        ("/me/pay", "GET", "http_422", 1),
        ("/me/payments/{id}", "GET", "payment_unknown", 1),
    ]
    page = await house.look("/staff/journeys/refusals", house.staff(Role.OPERATOR))
    assert "A request for help Sent There is no such request for help. 1" in page.text
    assert "Pay Seen A field was filled in wrongly. 1" in page.text
    assert "A payment and its result Seen There is no such payment. 1" in page.text


async def test_nothing_is_kept_by_which_a_customer_is_known(house: House, watch: Watch) -> None:
    one = await customer(house)
    await one.look(f"/me/payments?q={HOSTILE[0]}")
    await one.look(f"/me/payments/{house.id()}/receipt")
    await watch.written()
    kept = str(await house.run_sql("SELECT s::text FROM insight.step s"))
    for secret in (one.id, one.himself.session_id, one.account.id, one.account.number, "script", "q="):
        assert str(secret) not in kept
    visits = await house.run_sql("SELECT DISTINCT octet_length(visit) FROM insight.step")
    assert visits == [(16,)]


async def test_steps_are_gone_when_the_visit_is_over_and_counted_once(house: House, watch: Watch) -> None:
    one = await customer(house)
    await one.look("/me")
    await watch.written()
    await watch.run("count_visits")
    assert len(await watch.steps()) == 1, "the visit is under way"
    assert "Under way 1" in (await house.look("/staff/journeys", house.staff(Role.OPERATOR))).text
    await watch.over()
    assert await watch.steps() == []
    await asyncio.gather(watch.run("count_visits"), watch.run("count_visits"))
    assert await counts(house, "path_day", "here, there, times") == [("", "/me", 1), ("/me", "", 1)]
    await one.look("/me/bill")
    await watch.over()
    assert ("", "/me/bill", 1) in await counts(house, "path_day", "here, there, times"), "he came back: another visit"


async def test_two_who_count_at_once_count_a_visit_once(house: House, watch: Watch) -> None:
    for _ in range(20):
        one = await customer(house)
        await one.look("/me")
        await one.look("/me/bill")
    await watch.written()
    house.clock.tick(timedelta(seconds=watch.settings.visit_ends_s + 1))
    await asyncio.gather(*(watch.run("count_visits") for _ in range(4)))
    assert ("/me", "/me/bill", 20) in await counts(house, "path_day", "here, there, times")


async def test_a_visit_without_end_is_counted_all_the_same(house: House, watch: Watch) -> None:
    one = await customer(house)
    for _ in range(10):
        await one.look("/me")
        house.clock.tick(timedelta(minutes=29))
    await watch.written()
    await watch.run("count_visits")
    assert await watch.steps() == []
    assert await counts(house, "path_day", "here, there, times") == [("", "/me", 1), ("/me", "", 1)]


async def test_only_customers_in_a_browser_are_heard(house: House, watch: Watch) -> None:
    one = await customer(house)
    await house.look("/staff/board", house.staff(Role.OPERATOR))
    await house.look("/me/login", None)
    await one.look("/me/live")
    await one.look("/me/nowhere/at/all")
    one.himself = replace(one.himself, session_id=None)
    house.keys[f"customer-{one.id}"] = one.himself
    house.door.forget()
    await one.look("/me")
    await watch.written()
    assert await watch.steps() == []


async def test_large_type_is_looked_at_by_itself(house: House, watch: Watch) -> None:
    grandmother = await customer(house)
    grandmother.himself = replace(grandmother.himself, look=Look(home="large", theme=None, type="large", language=None))
    house.keys[f"customer-{grandmother.id}"] = grandmother.himself
    await grandmother.look("/me/help")
    await (await customer(house)).look("/me/transfer")
    await watch.over()
    page = await house.look("/staff/journeys?home=large", house.staff(Role.OPERATOR))
    assert "Ask for help 1 0 0" in page.text
    assert "Transfer to a telephone number" not in page.text


async def test_nothing_waits_for_counts_that_cannot_be_written(
    house: House, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await customer(house)
    monkeypatch.setattr(intake, "MOST", 3)
    for _ in range(5):
        assert (await one.look("/me")).status == 200
    await watch.written()
    assert len(await watch.steps()) == 3, "what comes on top is lost, and nobody waits"

    async def broken(*_: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr(intake.store, "add_steps", broken)
    assert (await one.look("/me")).status == 200
    await watch.written()
    assert len(await watch.steps()) == 3


@pytest.mark.parametrize("page", ["", "/paths", "/refusals"])
async def test_each_look_is_a_file_too(house: House, watch: Watch, page: str) -> None:
    one = await customer(house)
    for place in ("/me", "/me/pay", f"/me/payments/{house.id()}"):
        await one.look(place)
    await watch.over()
    staff = house.staff(Role.OPERATOR)
    for form, begins in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        answer = await house.client.get(
            f"/staff/journeys{page}?format={form}", headers={"cookie": f"tongbao_session={staff}"}
        )
        assert (answer.status_code, answer.content[: len(begins)]) == (200, begins)
    assert (await house.look(f"/staff/journeys{page}?format=exe", staff)).status == 422
    assert (await house.look(f"/staff/journeys{page}?days=-1", staff)).status == 422
    assert (await house.look(f"/staff/journeys{page}", house.staff(Role.ADMIN))).status in (200, 403)


async def test_an_empty_bank_says_when_it_will_count(house: House, watch: Watch) -> None:
    page = await house.look("/staff/journeys", house.staff(Role.OPERATOR))
    assert "A visit is counted when nothing has happened in it for 30 minutes." in page.text
    for hostile in HOSTILE:
        for path in (f"/staff/journeys?task={hostile}", f"/staff/journeys/paths?place={hostile}"):
            answer = await house.client.get(path, headers={"cookie": f"tongbao_session={house.staff(Role.OPERATOR)}"})
            assert answer.status_code in (200, 422)
            assert hostile not in answer.text or hostile.isalpha()


async def test_counts_go_after_four_hundred_days(house: House, watch: Watch) -> None:
    one = await customer(house)
    for place in ("/me", "/me/help", f"/me/payments/{house.id()}"):
        await one.look(place)
    await watch.over()
    since = days.local_day(house.clock.now(), house.settings.zone)
    await watch.run("forget_counts")
    async with house.db.read() as tx:
        assert (await insight.use(tx, since=since)).visits == 1
    house.clock.tick(timedelta(days=402))
    await watch.run("forget_counts")
    for table in ("task_day", "loss_day", "path_day", "refused_day"):
        assert await house.run_sql(f"SELECT count(*) FROM insight.{table}") == [(0,)]

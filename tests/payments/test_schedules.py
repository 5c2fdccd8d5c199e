"""Payments for later and standing orders: each date once, whoever is killed, whatever fails."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.payments.town import Reply, Town
from tongbao import identity
from tongbao.base.jobs import JobContext
from tongbao.payments import schedules
from tongbao.payments.jobs import JOBS
from tongbao.payments.model import Schedule

(RUN,) = [job for job in JOBS if "schedule" in job.name]


async def plan(town: Town, payer: identity.Account, payee: Any, **more: Any) -> Reply:
    body = {**town.order_body(payer, payee, 100), "every": "month", "starts_on": str(town.today)}
    return await town.post("/v1/schedules", body | more)


async def run(town: Town) -> None:
    await RUN.run(JobContext(town.db, town.clock, town.settings))


async def runs(town: Town, made: Reply) -> list[tuple[str, str, str | None]]:
    found = (await town.get(f"/v1/schedules/{made['id']}/runs"))["items"]
    return [(one["due_on"], one["tried_on"], one["code"]) for one in found[::-1]]


def schedule(every: str, starts_on: date, ends_on: date | None = None) -> Schedule:
    nobody, at = UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
    return Schedule(
        nobody, nobody, b"", nobody, nobody, None, 1, "CNY", None, every, starts_on, ends_on, starts_on, starts_on, 0,
        "active", 0, at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("every", "starts_on", "after", "expected"),
    [
        ("once", date(2026, 1, 31), date(2026, 1, 30), date(2026, 1, 31)),
        ("once", date(2026, 1, 31), date(2026, 1, 31), None),
        ("day", date(2026, 1, 31), date(2026, 1, 31), date(2026, 2, 1)),
        ("week", date(2026, 1, 31), date(2026, 2, 7), date(2026, 2, 14)),
        ("week", date(2026, 1, 31), date(2026, 2, 6), date(2026, 2, 7)),
        ("month", date(2026, 1, 31), date(2026, 1, 31), date(2026, 2, 28)),
        ("month", date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)),
        ("month", date(2027, 12, 31), date(2028, 1, 31), date(2028, 2, 29)),
        ("month", date(2026, 12, 30), date(2027, 2, 28), date(2027, 3, 30)),
        ("month", date(2026, 1, 15), date(2026, 3, 14), date(2026, 3, 15)),
        ("month", date(2026, 12, 5), date(2026, 12, 5), date(2027, 1, 5)),
    ],
)
def test_dates(every: str, starts_on: date, after: date, expected: date | None) -> None:
    assert schedules.date_after(schedule(every, starts_on), after) == expected


def test_the_31st_of_every_month_for_four_years() -> None:
    anchor = schedule("month", date(2027, 12, 31), date(2031, 12, 31))
    day, seen = date(2027, 12, 30), []
    while (following := schedules.date_after(anchor, day)) is not None:
        seen.append(following)
        day = following
    assert len(seen) == 49
    assert all((one + timedelta(1)).day == 1 for one in seen), "always the last day"


async def test_a_standing_order_pays_each_date_once(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    made = await plan(town, payer, payee, every="day", ends_on=str(town.today + timedelta(2)), reference="零花钱")
    assert (made.status, made["next_on"], made["state"]) == (201, "2026-11-23", "active")
    for _ in range(5):
        await run(town)
        await run(town)
        town.later(days=1)
    assert await town.money(payee) == (300, 0)
    assert (await town.get(f"/v1/schedules/{made['id']}"))["state"] == "ended"
    assert await runs(town, made) == [(f"2026-11-{d}", f"2026-11-{d}", None) for d in (23, 24, 25)]
    first = (await town.get(f"/v1/payments?account_id={payee.id}"))["items"][-1]
    assert (first["reference"], first["kind"]) == ("零花钱", "transfer")


async def test_a_day_that_was_missed_is_made_up_for(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    await plan(town, payer, shop, every="day")
    town.later(days=2)
    for _ in range(3):
        await run(town)
    assert await town.balance(shop.takings_account_id) == 300


async def test_no_money_is_tried_three_days_more_and_then_told(town: Town) -> None:
    payer, payee = await town.person(0), await town.person()
    made = await plan(town, payer, payee)
    for _ in range(5):
        await run(town)
        town.later(days=1)
    assert await runs(town, made) == [("2026-11-23", f"2026-11-{d}", "insufficient_funds") for d in (23, 24, 25, 26)]
    now = await town.get(f"/v1/schedules/{made['id']}")
    assert (now["state"], now["next_on"], now["failures"]) == ("active", "2026-12-23", 0)
    told = await town.run_sql(
        "SELECT aggregate, payload->>'code', payload->>'due_on' FROM base.outbox WHERE topic = 'schedule.failed'"
    )
    assert told == [(UUID(made["id"]), "insufficient_funds", "2026-11-23")]


async def test_money_that_comes_late_is_in_time(town: Town) -> None:
    payer, payee = await town.person(0), await town.person()
    made = await plan(town, payer, payee)
    await run(town)
    town.later(days=1)
    await town.post("/v1/topups", {"account_id": str(payer.id), "amount": 100, "currency": "CNY"})
    await run(town)
    assert await town.money(payee) == (100, 0)
    assert (await town.get(f"/v1/schedules/{made['id']}"))["next_on"] == "2026-12-23"


async def test_killed_after_the_payment_and_before_the_note(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, payee = await town.person(10_000), await town.person()
    made = await plan(town, payer, payee)

    async def dies(*_: Any) -> None:
        raise ConnectionError("killed")

    monkeypatch.setattr(schedules.store, "set_schedules", dies)
    with pytest.raises(ConnectionError):
        await run(town)
    monkeypatch.undo()
    assert await town.money(payee) == (100, 0)
    await run(town)
    assert await town.money(payee) == (100, 0)
    assert (await town.get(f"/v1/schedules/{made['id']}"))["next_on"] == "2026-12-23"


async def test_killed_before_the_note_and_run_again_the_next_day(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The try goes on as the one that it was: a payment's id is that of the day for which it was to be tried."""
    payer, payee = await town.person(10_000), await town.person()
    made = await plan(town, payer, payee)

    async def dies(*_: Any) -> None:
        raise ConnectionError("killed")

    monkeypatch.setattr(schedules.store, "set_schedules", dies)
    with pytest.raises(ConnectionError):
        await run(town)
    monkeypatch.undo()
    town.later(days=1)
    await run(town)
    assert await town.money(payee) == (100, 0)
    assert (await town.get(f"/v1/schedules/{made['id']}"))["next_on"] == "2026-12-23"


async def test_pause_resume_cancel(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    made = await plan(town, payer, payee, every="day")
    path = f"/v1/schedules/{made['id']}"
    assert (await town.send("POST", f"{path}/pause"))["state"] == "paused"
    await run(town)
    town.later(days=3)
    await run(town)
    assert await town.money(payee) == (0, 0)
    resumed = await town.send("POST", f"{path}/resume")
    assert (resumed["state"], resumed["next_on"]) == ("active", "2026-11-26")
    await run(town)
    assert await town.money(payee) == (100, 0)
    assert (await town.send("DELETE", path))["state"] == "cancelled"
    town.later(days=1)
    await run(town)
    assert await town.money(payee) == (100, 0)


async def test_the_same_schedule_again(town: Town) -> None:
    payer, payee, key = await town.person(10_000), await town.person(), town.id()
    body = {**town.order_body(payer, payee, 100), "every": "once", "starts_on": str(town.today)}
    first = await town.post("/v1/schedules", body, key=key)
    await run(town)
    town.later(days=2)
    again = await town.post("/v1/schedules", body, key=key)
    assert (again.status, again.raw, again.replayed) == (201, first.raw, True)
    assert (await town.post("/v1/schedules", body | {"amount": 1}, key=key)).code == "id_reused"
    assert (await town.post("/v1/schedules", body, key=key, by=town.principal())).code == "id_taken"
    listed = await town.get(f"/v1/schedules?account_id={payer.id}")
    assert [(one["id"], one["state"]) for one in listed["items"]] == [(str(key), "ended")]


async def test_the_payer_is_not_asked_again(town: Town) -> None:
    """A bound above which payers must confirm does not stop what was agreed beforehand."""
    payer, payee = await town.person(10_000), await town.person()
    town.settings = replace(town.settings, confirm_above_minor=50)
    await plan(town, payer, payee)
    await run(town)
    assert await town.money(payee) == (100, 0)

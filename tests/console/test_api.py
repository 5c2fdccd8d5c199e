"""What staff do and see over several slices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.console.conftest import DAY, Office, code
from tongbao import ledger
from tongbao.base import audit, days, outbox
from tongbao.base.db import Tx
from tongbao.base.dispatcher import TRIES, Consumer, dispatch_once
from tongbao.base.outbox import Event
from tongbao.base.principal import SYSTEM

REASON = "rounding of yesterday"


async def a_journal(office: Office, amount: int = 500) -> dict[str, Any]:
    debit, credit = await office.own_account("5030"), await office.own_account("1010")
    line = {"debit": debit, "credit": credit, "amount": amount, "currency": "CNY"}
    return {"lines": [line], "reason": REASON}


async def balances(office: Office) -> dict[str, int]:
    found = (await office.ask("auditor", "GET", "/v1/trial-balance")).json()
    assert set(found["totals"].values()) <= {0}
    return {line["gl_line"]: line["balance"] for line in found["lines"]}


async def test_a_journal_needs_a_second_person(office: Office) -> None:
    key, order = uuid4(), await a_journal(office)
    proposed = await office.ask("mei", "POST", "/v1/journals", order, key=key)
    assert proposed.status_code == 201, proposed.text
    assert (proposed.json()["id"], proposed.json()["state"]) == (str(key), "proposed")
    assert (await balances(office))["5030"] == 0
    path = f"/v1/approvals/{key}"
    yes = {"reason": "looked at the slip"}
    assert code(await office.ask("mei", "POST", f"{path}/approve", yes)) == (403, "second_person_needed")
    assert code(await office.ask("operator", "POST", f"{path}/approve", yes)) == (403, "permission_missing")
    waiting = (await office.ask("auditor", "GET", "/v1/approvals", state="proposed")).json()["items"]
    assert [item["id"] for item in waiting] == [str(key)]
    approved = await office.ask("lin", "POST", f"{path}/approve", yes)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved"), approved.text
    assert await balances(office) == {"5030": -500, "1010": 500}
    assert (await office.ask("lin", "POST", f"{path}/approve", yes)).json() == approved.json(), "once"
    assert await balances(office) == {"5030": -500, "1010": 500}
    assert code(await office.ask("lin", "POST", f"{path}/reject", yes)) == (409, "approval_already_decided")
    assert (await office.ask("auditor", "GET", path)).json()["decision_reason"] == "looked at the slip"

    again = await office.ask("mei", "POST", "/v1/journals", order, key=key)
    assert (again.status_code, again.json()) == (201, proposed.json()), "as the first time"
    assert again.headers["idempotency-replayed"] == "true"
    other = await a_journal(office, 501)
    assert code(await office.ask("mei", "POST", "/v1/journals", other, key=key)) == (409, "approval_id_taken")
    assert code(await office.ask("lin", "POST", "/v1/journals", order, key=key)) == (409, "approval_id_taken")


async def test_many_approve_at_once_and_it_is_posted_once(office: Office) -> None:
    key = uuid4()
    await office.ask("mei", "POST", "/v1/journals", await a_journal(office), key=key)
    yes = {"reason": "looked at the slip"}
    answers = await asyncio.gather(*(office.ask("lin", "POST", f"/v1/approvals/{key}/approve", yes) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert await balances(office) == {"5030": -500, "1010": 500}


async def test_a_rejected_journal_is_never_posted_and_an_old_one_expires(office: Office) -> None:
    order = await a_journal(office)
    first, second = uuid4(), uuid4()
    for key in (first, second):
        await office.ask("mei", "POST", "/v1/journals", order, key=key)
    no = await office.ask("lin", "POST", f"/v1/approvals/{first}/reject", {"reason": "wrong line"})
    assert no.json()["state"] == "rejected"
    office.clock.tick(timedelta(days=4))
    late = await office.ask("lin", "POST", f"/v1/approvals/{second}/approve", {"reason": "now then"})
    assert code(late) == (409, "approval_expired")
    assert code(await office.ask("auditor", "GET", f"/v1/approvals/{uuid4()}")) == (404, "approval_unknown")
    assert set((await balances(office)).values()) == {0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"debit": 999_999}, (422, "account_unknown")),
        ({"currency": "JPY"}, (422, "currency_mismatch")),
        ({"amount": 0}, (422, "amount_zero")),
        ({"amount": -5}, (422, "amount_negative")),
        ({"amount": 1.5}, (422, "amount_fractional")),
        ({"amount": "5"}, (422, "amount_not_a_number")),
        ({"currency": "ZZZ"}, (422, "currency_unknown")),
        ({"memo": "x"}, (422, "unknown_field")),
    ],
)
async def test_journals_that_cannot_be(office: Office, change: dict[str, Any], expected: Any) -> None:
    order = await a_journal(office)
    order["lines"][0].update(change)
    assert code(await office.ask("mei", "POST", "/v1/journals", order)) == expected
    same = {**order, "lines": [{"debit": 1, "credit": 1, "amount": 5, "currency": "CNY"}]}
    assert code(await office.ask("mei", "POST", "/v1/journals", same)) == (422, "accounts_must_be_different")


async def test_a_period_is_closed_by_two_people_and_its_replay_outlives_it(office: Office) -> None:
    last = DAY.isoformat()
    order = {"last_day": last, "reason": "end of month"}
    assert code(await office.ask("mei", "POST", "/v1/periods", order)) == (409, "period_not_over")
    await days.close(office.db, DAY)
    async with office.db.tx() as tx:
        await ledger.close_day(tx, DAY, office.at)
    key, journal_key = uuid4(), uuid4()
    old = {**await a_journal(office), "value_date": last}
    assert (await office.ask("mei", "POST", "/v1/journals", old, key=journal_key)).status_code == 201
    proposed = await office.ask("mei", "POST", "/v1/periods", order, key=key)
    done = await office.ask("lin", "POST", f"/v1/approvals/{key}/approve", {"reason": "all is in"})
    assert done.status_code == 200, done.text
    closed = (await office.ask("auditor", "GET", "/v1/periods")).json()["items"]
    assert [(period["last_day"], period["closed_by"]) for period in closed] == [(last, str(office.people["lin"].id))]
    again = await office.ask("mei", "POST", "/v1/periods", order, key=key)
    assert again.json() == proposed.json()
    assert code(await office.ask("mei", "POST", "/v1/periods", order)) == (409, "period_closed")
    assert (await office.ask("mei", "POST", "/v1/journals", old, key=journal_key)).status_code == 201, "a replay"
    assert code(await office.ask("mei", "POST", "/v1/journals", old)) == (409, "period_closed")
    late = await office.ask("lin", "POST", f"/v1/approvals/{journal_key}/approve", {"reason": "too late"})
    assert code(late) == (409, "period_closed")
    assert (await office.ask("auditor", "GET", f"/v1/approvals/{journal_key}")).json()["state"] == "proposed"


async def test_the_books_from_the_trial_balance_down_to_a_posting(office: Office) -> None:
    key = uuid4()
    await office.ask("mei", "POST", "/v1/journals", await a_journal(office), key=key)
    await office.ask("lin", "POST", f"/v1/approvals/{key}/approve", {"reason": "yes, it is so"})
    accounts = (await office.ask("auditor", "GET", "/v1/gl-lines/5030/accounts")).json()["items"]
    assert [(a["balance"], a["state"], a["floor"], a["number"]) for a in accounts] == [(-500, "open", None, None)]
    entries = (await office.ask("auditor", "GET", f"/v1/ledger-accounts/{accounts[0]['id']}/entries")).json()["items"]
    assert [(e["amount"], e["balance_after"], e["transfer_id"]) for e in entries] == [(-500, -500, str(key))]
    transfer = (await office.ask("auditor", "GET", f"/v1/transfers/{key}")).json()
    assert [(p["amount"], p["debit_balance_after"], p["credit_balance_after"]) for p in transfer["postings"]] == [
        (500, -500, 500)
    ]
    assert (await office.ask("auditor", "GET", "/v1/gl-lines/0000/accounts")).json()["items"] == []
    assert code(await office.ask("auditor", "GET", "/v1/ledger-accounts/0/entries")) == (404, "ledger_account_unknown")
    huge = await office.ask("auditor", "GET", f"/v1/ledger-accounts/{2**70}/entries")
    assert code(huge) == (404, "ledger_account_unknown")
    assert code(await office.ask("auditor", "GET", f"/v1/transfers/{uuid4()}")) == (404, "transfer_unknown")
    for path in ("trial-balance", "gl-lines/5030/accounts", "periods", f"transfers/{key}", "aged-items"):
        assert code(await office.ask("operator", "GET", f"/v1/{path}")) == (403, "permission_missing")


async def test_the_trial_balance_of_a_closed_day(office: Office) -> None:
    none = await office.ask("auditor", "GET", "/v1/trial-balance", date=DAY.isoformat())
    assert code(none) == (404, "no_close_yet")
    key = uuid4()
    await office.ask("mei", "POST", "/v1/journals", await a_journal(office), key=key)
    await office.ask("lin", "POST", f"/v1/approvals/{key}/approve", {"reason": "yes, it is so"})
    await days.close(office.db, DAY)
    async with office.db.tx() as tx:
        await ledger.close_day(tx, DAY, office.at)
    found = (await office.ask("auditor", "GET", "/v1/trial-balance", date="2026-12-31")).json()
    assert (found["business_date"], found["totals"]) == (DAY.isoformat(), {"CNY": 0})
    lines = {line["gl_line"]: (line["debits"], line["credits"], line["balance"]) for line in found["lines"]}
    assert lines == {"5030": (500, 0, -500), "1010": (0, 500, 500)}
    exported = await office.ask("auditor", "GET", "/v1/trial-balance", date=DAY.isoformat(), format="csv")
    head, *rows = exported.text.removeprefix("\ufeff").splitlines()
    assert head.split(",")[0] == "gl_line"
    assert [row.split(",")[0] for row in rows] == ["1010", "5030"]
    assert code(await office.ask("auditor", "GET", "/v1/trial-balance", format="doc")) == (422, "invalid_field")


async def _park(office: Office, many: int = 3) -> list[UUID]:
    """Events of one aggregate that a consumer does not take: the first is parked, the others wait behind it."""
    events = [
        Event(
            event_id=office.id(),
            topic="payment.completed",
            aggregate=UUID(int=7),
            sequence=n + 1,
            at=office.at,
            booking_date=DAY,
            payload={"n": n},
        )
        for n in range(many)
    ]
    async with office.db.tx() as tx:
        await outbox.append(tx, events)

    async def refuse(tx: Tx, events: Sequence[Event]) -> None:
        raise RuntimeError("the receiver is away, its password=hunter22222 too")

    for _ in range(TRIES + 1):
        await _dispatch(office, Consumer(name="webhooks", handle=refuse))
        office.clock.tick(timedelta(minutes=10))
    return [event.event_id for event in events]


async def _dispatch(office: Office, consumer: Consumer) -> None:
    """Until something was done, or for a second: a transaction anywhere in the server may hold events back."""
    for _ in range(50):
        if await dispatch_once(office.db, consumer, office.clock):
            return
        await asyncio.sleep(0.02)


async def test_parked_events_are_seen_and_sent_again(office: Office) -> None:
    events = await _park(office)
    parked = (await office.ask("operator", "GET", "/v1/parked-events")).json()["items"]
    assert [(item["event_id"], item["state"], item["attempts"]) for item in parked] == [
        (str(events[0]), "parked", TRIES)
    ]
    assert "hunter22222" not in parked[0]["error"]
    everything = (await office.ask("operator", "GET", "/v1/parked-events", parked_only="false", limit=2)).json()
    assert [item["event_id"] for item in everything["items"]] == [str(e) for e in events[:2]]
    rest = await office.ask(
        "operator", "GET", "/v1/parked-events", parked_only="false", cursor=everything["next_cursor"]
    )
    assert [item["event_id"] for item in rest.json()["items"]] == [str(events[2])]
    shown = (await office.ask("operator", "GET", f"/v1/parked-events/{events[0]}")).json()["items"]
    assert shown[0]["payload"] == {"n": 0}
    lag = (await office.ask("operator", "GET", "/v1/outbox-lag")).json()["items"]
    assert [(line["consumer"], line["parked"]) for line in lag] == [("webhooks", 1)]

    path = "/v1/parked-events/resend"
    order = {"reason": "the receiver is back"}
    assert code(await office.ask("operator", "POST", path, order)) == (422, "resend_needs_a_choice")
    stranger = {**order, "event_ids": [str(uuid4())]}
    assert code(await office.ask("operator", "POST", path, stranger)) == (404, "event_not_held")
    assert code(await office.ask("auditor", "POST", path, {**order, "everything": True}))[0] == 403
    sent = await office.ask("operator", "POST", path, {**order, "event_ids": [str(events[0])]})
    assert (sent.status_code, sent.json()) == (200, {"sent": 1})

    taken: list[int] = []

    async def take(tx: Tx, events: Sequence[Event]) -> None:
        taken.extend(event.payload["n"] for event in events)

    for _ in range(len(events)):
        await _dispatch(office, Consumer(name="webhooks", handle=take))
    assert taken == [0, 1, 2], "in order"
    assert code(await office.ask("operator", "GET", f"/v1/parked-events/{events[0]}")) == (404, "event_not_held")
    trail = (await office.ask("auditor", "GET", "/v1/audit", subject="all")).json()["items"]
    assert [(entry["action"], entry["reason"]) for entry in trail] == [("events.resend", "the receiver is back")]


async def test_the_audit_trail_is_paged(office: Office) -> None:
    async with office.db.tx() as tx:
        for n in range(5):
            await audit.record(tx, SYSTEM, "account.freeze", f"a-{n}", at=office.at)
    first = (await office.ask("auditor", "GET", "/v1/audit", limit=3)).json()
    rest = (await office.ask("auditor", "GET", "/v1/audit", cursor=first["next_cursor"])).json()
    assert [entry["subject"] for entry in first["items"] + rest["items"]] == ["a-4", "a-3", "a-2", "a-1", "a-0"]
    assert rest["next_cursor"] is None
    assert code(await office.ask("operator", "GET", "/v1/audit")) == (403, "permission_missing")


async def test_staff_edit_the_calendar(office: Office) -> None:
    path = f"/v1/calendar/{DAY}"
    holiday = {"is_business_day": False, "name": "系统升级", "reason": "the hall is closed"}
    edited = await office.ask("mei", "PUT", path, holiday)
    assert edited.json()["items"] == [
        {"day": DAY.isoformat(), "is_business_day": False, "name": "系统升级", "source": "staff"}
    ]
    today = (await office.ask("mei", "GET", "/v1/business-day")).json()
    assert (today["business_date"], today["is_business_day"]) == (DAY.isoformat(), False)
    assert len((await office.ask("operator", "GET", "/v1/calendar")).json()["items"]) == 1
    gone = await office.ask("mei", "PUT", path, {"is_business_day": None, "name": "", "reason": "a mistake"})
    assert gone.json()["items"] == []
    assert code(await office.ask("mei", "PUT", path, {**holiday, "reason": "   "})) == (422, "calendar_needs_a_reason")
    assert code(await office.ask("mei", "PUT", "/v1/calendar/0001-01-01", holiday)) == (422, "invalid_field")
    assert code(await office.ask("operator", "PUT", path, holiday)) == (403, "permission_missing")
    span: dict[str, Any] = {"from": "2000-01-01", "to": "2026-01-01"}
    assert code(await office.ask("mei", "GET", "/v1/calendar", **span)) == (422, "invalid_field")


async def test_settings_are_shown_without_secrets(office: Office) -> None:
    shown = (await office.ask("auditor", "GET", "/v1/settings")).json()["items"]
    by_name = {setting["name"]: setting for setting in shown}
    assert by_name["TONGBAO_PORT"] == {"name": "TONGBAO_PORT", "value": 8080, "usual": 8080, "is_usual": True}
    assert by_name["TONGBAO_DATABASE_URL"]["is_usual"] is False
    assert code(await office.ask("operator", "GET", "/v1/settings")) == (403, "permission_missing")


async def test_nothing_waits_in_a_quiet_bank(office: Office) -> None:
    queries: list[dict[str, Any]] = [{}, {"overdue_only": "true"}, {"waits_for": "capture"}]
    for query in queries:
        assert (await office.ask("operator", "GET", "/v1/waiting-payments", **query)).json()["items"] == []
    assert (await office.ask("auditor", "GET", "/v1/aged-items")).json() == {"items": [], "next_cursor": None}
    assert date.fromisoformat((await office.ask("mei", "GET", "/v1/business-day")).json()["business_date"]) == DAY

"""Money that another bank must send first: over HTTP to a real other bank that declines, loses, repeats, is late and dies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from tests.merchants.market import SETTINGS
from tests.payments.town import NINE, Reply, Town, opened
from tests.sandbox.other_bank import OtherBank, running
from tongbao import identity, ledger, payments
from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.jobs import JobContext, run_now
from tongbao.base.prove import Finding, prove
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.payments import rail_calls, rails
from tongbao.payments.asking import take_answers
from tongbao.payments.jobs import JOBS, Caller
from tongbao.payments.model import RailCall, RailParcel, RailSaid, RailVerb
from tongbao.payments.rail_answered import answer_operation
from tongbao.payments.rail_calls import FAILURES, LEASE, SAFE, Turn, pause, rest, turn

ENDED = ("completed", "declined")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    with running(tmp_path_factory.mktemp("other"), "--late-s", "4") as bank:
        yield bank


class Rail:
    """A town and the other bank; `ask` lets every worker ask what is due and take the answers."""

    def __init__(self, town: Town, other: OtherBank, callers: list[Caller]) -> None:
        self.town = town
        self.other = other
        self.callers = callers
        self.sent_before = other.sent()

    async def ask(self) -> None:
        """Until nothing is due and nothing is under way."""
        await asyncio.gather(*(self._ask(caller) for caller in self.callers))

    async def _ask(self, caller: Caller) -> None:
        while await caller.turn() or caller.waiting:
            pass

    async def until_ended(self, *ids: str) -> list[str]:
        """The states that payments end in, however long that takes by the bank's clock."""
        for _ in range(60):
            await self.ask()
            states = [await self.state(id_) for id_ in ids]
            if set(states) <= set(ENDED):
                return states
            self.town.later(seconds=30)
        raise AssertionError(f"{states} after half an hour")

    async def state(self, id_: str) -> str:
        return (await self.town.get(f"/v1/payments/{id_}"))["state"]

    async def said(self, id_: str) -> list[tuple[str, str]]:
        """What the rail was asked about a payment, and what it said."""
        rows = await self.town.run_sql(
            "SELECT verb, said FROM payments.rail_call WHERE payment_id = %(id)s ORDER BY id", id=id_
        )
        return [(verb, said) for verb, said in rows]

    async def both_sides_agree(self) -> None:
        """What the other bank says that it sent is what came in here; every invariant holds."""
        assert -await self.town.own("1040") == self.other.sent() - self.sent_before
        await self.town.books_balance()
        assert await proved(self.town) == []

    async def health(self) -> payments.RailHealth:
        async with self.town.db.read() as tx:
            (health,) = await payments.rail_health(tx, ["sandbox"], self.town.at)
        return health


async def proved(town: Town) -> list[Finding]:
    return [finding for one in await prove(town.db, payments.CHECKS, town.clock) for finding in one.findings]


@pytest.fixture
async def rail(fresh_database: str, other: OtherBank) -> AsyncIterator[Rail]:
    settings = replace(SETTINGS, rails=f"sandbox={other.url}")
    async with opened(fresh_database, settings) as town, rails.connected(settings.rail_urls, within_s=1) as ways:
        # The other bank remembers every id for ever, also those of the test before.
        town.chance = Random(uuid4().int)
        callers = [Caller(town.db, town.clock, town.settings, ways) for _ in range(2)]
        yield Rail(town, other, callers)


async def test_money_comes_when_the_other_bank_has_sent_it(rail: Rail) -> None:
    town, key = rail.town, rail.town.id()
    payee = await town.person()
    first = await town.top_up_over(payee, 5000, key=key)
    assert (first.status, first["state"], first["captured"], first["due_at"]) == (
        201,
        "created",
        0,
        "2026-11-23T01:10:00Z",
    )
    assert await town.balance(payee.id) == 0, "nothing moves before"
    assert [p["payment_id"] for p in await waiting(town, "rail")] == [str(key)]
    await rail.ask()
    after = await town.payment(key)
    assert (after["state"], after["captured"], after["due_at"], after["code"]) == ("completed", 5000, None, None)
    assert await town.balance(payee.id) == 5000
    assert await waiting(town) == []
    again = await town.top_up_over(payee, 5000, key=key)
    assert (again.status, again.replayed, again.raw) == (201, True, first.raw), "as the first time"
    assert (await town.top_up_over(payee, 5001, key=key)).code == "id_reused"
    assert (await town.top_up_over(payee, 5000, key=key, outside_account="another-1")).code == "id_reused"
    await rail.ask()
    assert await rail.said(str(key)) == [("pull", "accepted")]
    await rail.both_sides_agree()


async def waiting(town: Town, waits_for: str | None = None) -> list[dict[str, Any]]:
    rows = await town.run_sql(
        "SELECT payment_id, waits_for, due_at FROM payments.open_payment WHERE %(w)s::text IS NULL OR waits_for = %(w)s",
        w=waits_for,
    )
    return [{"payment_id": str(id_), "waits_for": w, "due_at": due_at} for id_, w, due_at in rows]


async def test_without_a_rail_it_is_credited_at_once(rail: Rail) -> None:
    payee = await rail.town.person()
    body = {"account_id": str(payee.id), "amount": 700, "currency": "CNY"}
    assert (await rail.town.post("/v1/topups", body))["state"] == "completed"
    assert (await rail.town.post("/v1/topups", body | {"outside_account": "abcd"})).code == "invalid_field"
    assert (await rail.town.post("/v1/topups", body | {"rail": "sandbox"})).code == "missing_field"
    for wrong in ("abc", "a b c d", "x" * 35, "6222'; --"):
        assert (await rail.town.top_up_over(payee, 1, outside_account=wrong)).code == "invalid_field"
    assert (await rail.town.top_up_over(payee, 1, rail="elsewhere")).code == "rail_unknown"
    unknown = {"account_id": str(uuid4()), "amount": 1, "currency": "CNY"}
    over = {"rail": "sandbox", "outside_account": "6222020200112233445"}
    assert (await rail.town.post("/v1/topups", unknown | over)).code == "payee_unknown"
    assert rail.other.sent() == rail.sent_before


TRIGGERS = {
    "accepted": (2000, "completed", None, [("pull", "accepted")]),
    "no funds": (2001, "declined", "declined_by_rail", [("pull", "declined")]),
    "no account": (2002, "declined", "declined_by_rail", [("pull", "declined")]),
    "late": (2011, "completed", None, [("pull", "silent"), ("ask", "accepted")]),
    "answer lost": (2012, "completed", None, [("pull", "silent"), ("ask", "accepted")]),
    "request lost": (2013, "completed", None, None),
    "always lost": (2014, "declined", "rail_never_received", None),
    "500, not done": (2015, "completed", None, None),
    "500, done": (2016, "completed", None, [("pull", "silent"), ("ask", "accepted")]),
    "garbled": (2017, "completed", None, [("pull", "silent"), ("ask", "accepted")]),
    "another amount": (2018, "completed", None, [("pull", "silent"), ("ask", "accepted")]),
}


@pytest.mark.parametrize("name", TRIGGERS)
async def test_whatever_the_other_bank_does(rail: Rail, name: str) -> None:
    amount, ends, code, said = TRIGGERS[name]
    town, payee = rail.town, await rail.town.person()
    id_ = (await town.top_up_over(payee, amount))["id"]
    await rail.ask()
    if said is None or len(said) > 1:
        assert await rail.state(id_) == "unknown"
        assert [p["waits_for"] for p in await waiting(town)] == ["rail_answer"]
        assert await town.balance(payee.id) == 0, "nothing is guessed"
        assert await proved(town) == []
    assert await rail.until_ended(id_) == [ends]
    assert (await town.payment(UUID(id_)))["code"] == code
    assert await town.balance(payee.id) == (amount if ends == "completed" else 0)
    if said is not None:
        assert await rail.said(id_) == said
    await rail.both_sides_agree()


async def test_a_request_that_was_lost_is_sent_again_only_after_a_safe_time(rail: Rail) -> None:
    id_ = (await rail.town.top_up_over(await rail.town.person(), 2013))["id"]
    await rail.ask()
    rail.town.later(seconds=10)
    await rail.ask()
    assert await rail.said(id_) == [("pull", "silent"), ("ask", "never_seen")]
    rail.town.later(seconds=40)
    await rail.ask()
    assert len(await rail.said(id_)) == 2
    for _ in range(2):
        rail.town.later(seconds=20)
        await rail.ask()
    assert await rail.said(id_) == [
        ("pull", "silent"),
        ("ask", "never_seen"),
        ("ask", "never_seen"),
        ("pull", "accepted"),
    ]
    assert await rail.state(id_) == "completed"
    await rail.both_sides_agree()


async def test_many_at_once_by_two_workers_each_once(rail: Rail) -> None:
    town = rail.town
    people = [await town.person() for _ in range(4)]
    amounts = [
        3000 + 100 * n + digits for n, digits in enumerate((0, 0, 1, 12, 0, 13, 2, 0, 16, 0, 17, 0, 18, 0, 0, 12))
    ]
    ids = [(await town.top_up_over(people[n % 4], amount))["id"] for n, amount in enumerate(amounts)]
    states = await rail.until_ended(*ids)
    declined = [amount for amount, state in zip(amounts, states, strict=True) if state == "declined"]
    assert [amount % 100 for amount in declined] == [1, 2]
    assert sum([await town.balance(person.id) for person in people]) == sum(amounts) - sum(declined)
    moved = await town.run_sql("SELECT count(*), count(DISTINCT id) FROM ledger.transfer WHERE kind = 'topup'")
    assert moved == [(14, 14)]
    await rail.both_sides_agree()


async def test_the_same_answers_again_and_in_another_order_change_nothing(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    id_ = UUID((await town.top_up_over(payee, 4000))["id"])
    await rail.ask()
    for verb in ("rail_accepted", "rail_silent", "rail_never_received", "rail_accepted", "rail_declined"):
        operation = payments.Operation(id=town.id(), payment_id=id_, principal_id=town.bank.id, request_hash=b"")
        await town.intake.ask_many(verb, [operation, operation])
    assert (await town.payment(id_))["state"] == "completed"
    assert await town.balance(payee.id) == 4000
    await rail.both_sides_agree()


async def test_money_that_comes_after_the_end_goes_to_suspense(rail: Rail) -> None:
    """The rail had said that it never saw the request; and yet it sends."""
    town, payee = rail.town, await rail.town.person()
    asked = (await town.top_up_over(payee, 4100))["id"]
    assert (await town.ask("rail_never_received", UUID(asked))).refusal is None
    assert rail.other.debit(asked, 4100).json()["status"] == "accepted"
    for _ in range(2):
        await town.ask("rail_silent", UUID(asked))
    first = await accepted_again(town, asked)
    assert first.refusal is None
    assert (await accepted_again(town, asked)).replayed
    assert (await rail.state(asked), await town.balance(payee.id), await town.own("2090")) == ("declined", 0, 4100)
    said = [step["en"] for step in (await town.get(f"/v1/payments/{asked}/timeline"))["steps"]]
    assert "The money has come in and cannot be credited: it waits on suspense." in said
    assert "CNY 41.00 into suspense, which then held CNY 41.00." in said
    await rail.both_sides_agree()


async def accepted_again(town: Town, id_: str) -> payments.Outcome:
    """The answer as a worker takes it, under its one id."""
    (outcome,) = await town.intake.ask_many("rail_accepted", [answer_operation("rail_accepted", UUID(id_), None)])
    return outcome


async def test_money_for_an_account_that_was_closed_goes_to_suspense(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    asked = (await town.top_up_over(payee, 4200))["id"]
    async with town.db.tx() as tx:
        await ledger.set_state(tx, payee.ledger_id, ledger.State.CLOSED, town.at)
    await rail.ask()
    after = await town.payment(UUID(asked))
    assert (after["state"], after["code"], after["captured"]) == ("declined", "account_closed", 0)
    assert await town.own("2090") == 4200
    await rail.both_sides_agree()


async def test_a_frozen_account_still_receives(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    asked = (await town.top_up_over(payee, 4300))["id"]
    async with town.db.tx() as tx:
        await ledger.set_state(tx, payee.ledger_id, ledger.State.FROZEN, town.at)
    assert await rail.until_ended(asked) == ["completed"]
    await rail.both_sides_agree()


async def test_a_dead_bank_is_left_alone_and_refused_at_the_door(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    assert (await rail.health()).state == "unused"
    well = (await town.top_up_over(payee, 5000))["id"]
    await rail.ask()
    assert (await rail.health()).state == "up"
    rail.other.kill()
    try:
        ids = [(await town.top_up_over(payee, 5100 + 100 * n))["id"] for n in range(6)]
        await rail.ask()
        assert {await rail.state(id_) for id_ in ids} == {"created"}, "it surely never heard of them"
        sick = await rail.health()
        assert (sick.state, sick.waiting, sick.five_minutes.unanswered) == ("down", 6, 6)
        assert sick.down_until is not None
        refused = await town.top_up_over(payee, 100)
        assert (refused.status, refused.code) == (503, "rail_down")
        asked = sum([len(await rail.said(id_)) for id_ in ids])
        await rail.ask()
        town.later(seconds=3)
        await rail.ask()
        assert sum([len(await rail.said(id_)) for id_ in ids]) == asked, "nobody is asked meanwhile"
        town.later(seconds=60)
        await rail.ask()
        assert sum([len(await rail.said(id_)) for id_ in ids]) == asked + 1, "one finds out whether it is back"
        assert (await town.top_up_over(payee, 100)).code == "rail_down"
        assert await proved(town) == []
    finally:
        rail.other.start()
    town.later(seconds=61)
    await rail.ask()
    assert {await rail.state(id_) for id_ in ids} == {"completed"}, "and the others are hurried"
    back = await rail.health()
    assert (back.state, back.waiting, back.failing, back.down_until) == ("slow", 0, 0, None)
    assert (await town.top_up_over(payee, 100)).status == 201
    assert await rail.state(well) == "completed"
    await rail.until_ended(*ids)
    await rail.ask()
    await rail.both_sides_agree()


async def test_a_bank_that_answers_503_to_everybody(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    rail.other.fault("down")
    try:
        ids = [(await town.top_up_over(payee, 100))["id"] for _ in range(FAILURES)]
        await rail.ask()
        assert {await rail.state(id_) for id_ in ids} == {"unknown"}, "it may have done it"
        assert (await rail.health()).state == "down"
        assert (await town.top_up_over(payee, 100)).code == "rail_down"
    finally:
        rail.other.fault("none")
    assert set(await rail.until_ended(*ids)) == {"completed"}
    await rail.both_sides_agree()


async def test_answers_that_are_lost_for_everybody_are_found_out_once(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    rail.other.fault("lose")
    try:
        ids = [(await town.top_up_over(payee, 1000))["id"] for _ in range(3)]
        await rail.ask()
        assert {await rail.state(id_) for id_ in ids} == {"unknown"}
        assert rail.other.sent() == rail.sent_before + 3000, "it did it all the same"
    finally:
        rail.other.fault("none")
    assert set(await rail.until_ended(*ids)) == {"completed"}
    assert await town.balance(payee.id) == 3000
    await rail.both_sides_agree()


async def test_what_surely_never_left_is_declined_at_its_time(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    rail.other.kill()
    try:
        id_ = (await town.top_up_over(payee, 100))["id"]
        assert await rail.until_ended(id_) == ["declined"]
    finally:
        rail.other.start()
    assert set(await rail.said(id_)) == {("pull", "not_sent")}, "nobody needed to be asked"
    assert (await town.payment(UUID(id_)))["code"] == "rail_never_received"
    assert town.at - NINE >= timedelta(seconds=town.settings.stuck_after_s)
    await rail.both_sides_agree()


async def test_what_may_have_left_waits_for_the_rail_however_long_that_takes(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    id_ = (await town.top_up_over(payee, 1012))["id"]
    await rail.ask()
    rail.other.kill()
    try:
        for _ in range(12):
            town.later(minutes=10)
            await rail.ask()
            await town.intake.end_due()
        assert await rail.state(id_) == "unknown", "silence is never a no"
        (stuck,) = await waiting(town)
        assert stuck["due_at"] < town.at
    finally:
        rail.other.start()
    assert await rail.until_ended(id_) == ["completed"]
    await rail.both_sides_agree()


async def test_a_worker_that_dies_while_it_asks(rail: Rail) -> None:
    """It had leased the payment and may have sent the request; nobody knows."""
    town, payee = rail.town, await rail.town.person()
    id_ = (await town.top_up_over(payee, 1100))["id"]
    async with town.db.tx() as tx:
        (parcel,) = await rail_calls.take_due(tx, {"sandbox": 10}, town.id(), town.at)
    assert (str(parcel.payment_id), parcel.verb, parcel.sent_at) == (id_, RailVerb.PULL, None)
    assert rail.other.debit(id_, 1100).json()["status"] == "accepted"
    await rail.ask()
    assert await rail.said(id_) == []
    town.later(seconds=60)
    await rail.ask()
    assert await rail.said(id_) == [("pull", "accepted")], "the same request again, done once"
    assert await rail.state(id_) == "completed"
    await rail.both_sides_agree()


async def test_a_worker_that_dies_before_it_takes_the_answer(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    id_ = (await town.top_up_over(payee, 1200))["id"]
    async with town.db.tx() as tx:
        (parcel,) = await rail_calls.take_due(tx, {"sandbox": 10}, town.id(), town.at)
    call = RailCall(verb=RailVerb.PULL, at=town.at, duration_ms=5, said=RailSaid.ACCEPTED)
    async with town.db.tx() as tx:
        await rail_calls.record(tx, [(parcel, call)])
    assert await rail.state(id_) == "created"
    assert await rail.until_ended(id_) == ["completed"]
    assert await rail.said(id_) == [("pull", "accepted"), ("pull", "accepted")]
    assert await town.balance(payee.id) == 1200
    await rail.both_sides_agree()


async def test_a_lease_that_was_lost_schedules_nothing(rail: Rail) -> None:
    town = rail.town
    id_ = (await town.top_up_over(await town.person(), 1300))["id"]
    async with town.db.tx() as tx:
        (late,) = await rail_calls.take_due(tx, {"sandbox": 10}, town.id(), town.at)
    town.later(seconds=60)
    async with town.db.tx() as tx:
        await rail_calls.take_due(tx, {"sandbox": 10}, town.id(), town.at)
    async with town.db.tx() as tx:
        await rail_calls.record(
            tx, [(late, RailCall(verb=RailVerb.PULL, at=town.at, duration_ms=5, said=RailSaid.NOT_SENT))]
        )
    rows = await town.run_sql("SELECT lease IS NOT NULL, tries, next_at FROM payments.rail_payment")
    assert rows == [(True, 0, town.at + LEASE)]
    assert await rail.until_ended(id_) == ["completed"]


async def test_ask_again_by_hand(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    operator = str(town.principal_of_staff().id)
    id_ = (await town.top_up_over(payee, 1412))["id"]
    path = f"/v1/payments/{id_}/ask-again"
    early = await town.post(path, {}, by=operator)
    assert (early.status, early["said"], early["payment"]["state"]) == (200, "never_seen", "created")
    assert early["actions"] == ["ask-again", "resolve"]
    await rail.ask()
    rail.other.kill()
    try:
        gone = await town.post(path, {}, by=operator)
        assert (gone.status, gone["said"], gone["payment"]["state"]) == (200, "not_sent", "unknown")
    finally:
        rail.other.start()
    known = await town.post(path, {}, by=operator)
    assert (known["said"], known["payment"]["state"], known["payment"]["captured"]) == ("accepted", "completed", 1412)
    assert known["actions"] == []
    assert (await town.post(path, {}, by=operator)).code == "not_waiting_for_rail"
    assert await town.balance(payee.id) == 1412
    seen = await town.run_sql("SELECT details->>'said' FROM base.audit WHERE action = 'payment.ask_again' ORDER BY id")
    assert seen == [("never_seen",), ("not_sent",), ("accepted",)]
    steps = (await town.get(f"/v1/payments/{id_}/timeline"))["steps"]
    by_hand = [step for step in steps if step["what"] == "rail" and "by hand" in step["en"]]
    assert [step["details"]["principal_id"] for step in by_hand] == [operator] * 3
    await rail.both_sides_agree()


async def test_who_may_ask_again_and_about_what(rail: Rail) -> None:
    town = rail.town
    id_ = (await town.top_up_over(await town.person(), 1400))["id"]
    auditor = str(town.principal_of_staff(Role.AUDITOR).id)
    shop = town.principal(identity.KeyKind.MERCHANT, (await town.shop()).id)
    for path in ("ask-again", "resolve"):
        body = {"outcome": "declined", "reason": "by telephone"} if path == "resolve" else {}
        for by in (auditor, shop):
            assert (await town.post(f"/v1/payments/{id_}/{path}", body, by=by)).code == "permission_missing"
    assert (await town.post(f"/v1/payments/{uuid4()}/ask-again", {})).code == "payment_unknown"
    assert (await town.post(f"/v1/payments/{id_}/ask-again", {}))["said"] == "never_seen"
    await town.run_sql("UPDATE payments.rail_payment SET rail = 'elsewhere'")
    assert (await town.post(f"/v1/payments/{id_}/ask-again", {})).code == "rail_unknown"


async def decide(town: Town, proposal: str, person: Any, state: ApprovalState = ApprovalState.APPROVED) -> Approval:
    async with town.db.tx() as tx:
        return await approvals.decide(
            tx,
            person,
            payments.kinds(town.settings.zone),
            id=UUID(proposal),
            state=state,
            at=town.at,
            reason="looked at it too",
        )


async def propose(town: Town, id_: str, outcome: str, by: str, **more: Any) -> Reply:
    body = {"outcome": outcome, "reason": "their night desk says so"}
    return await town.post(f"/v1/payments/{id_}/resolve", body, by=by, **more)


@pytest.mark.parametrize(("outcome", "amount"), [("completed", 1512), ("declined", 1514)])
async def test_two_people_decide_what_the_rail_does_not_say(rail: Rail, outcome: str, amount: int) -> None:
    town, payee, key = rail.town, await rail.town.person(), rail.town.id()
    first, second = town.principal_of_staff(), town.principal_of_staff()
    id_ = (await town.top_up_over(payee, amount))["id"]
    await rail.ask()
    proposed = await propose(town, id_, outcome, str(first.id), key=key)
    assert (proposed.status, proposed["id"], proposed["state"], proposed["outcome"]) == (
        201,
        str(key),
        "proposed",
        outcome,
    )
    assert await rail.state(id_) == "unknown"
    with pytest.raises(Refusal, match="second_person_needed"):
        await decide(town, str(key), first)
    await decide(town, str(key), second)
    await decide(town, str(key), second)
    after = await town.payment(UUID(id_))
    assert (after["state"], after["code"]) == (outcome, None if outcome == "completed" else "resolved_as_declined")
    assert await town.balance(payee.id) == (amount if outcome == "completed" else 0)
    town.later(seconds=1)
    again = await propose(town, id_, outcome, str(first.id), key=key)
    assert (again.status, again.replayed, again.body) == (201, True, proposed.body), "as the first time"
    assert (await propose(town, id_, outcome, str(first.id))).code == "not_waiting_for_rail"
    steps = (await town.get(f"/v1/payments/{id_}/timeline"))["steps"]
    resolved = next(step for step in steps if step["details"].get("kind") == "resolve")
    what = "the money has come in" if outcome == "completed" else "no money was sent"
    assert resolved["en"] == f"Decided by two people: {what}."
    assert (resolved["details"]["reason"], resolved["details"]["principal_id"]) == (
        "their night desk says so",
        str(second.id),
    )
    assert await rail.until_ended(id_) == [outcome]
    await rail.both_sides_agree()


async def test_a_key_proposes_nothing_and_a_rejected_proposal_does_nothing(rail: Rail) -> None:
    town, key = rail.town, rail.town.id()
    first, second = town.principal_of_staff(), town.principal_of_staff()
    id_ = (await town.top_up_over(await town.person(), 1612))["id"]
    assert (await propose(town, id_, "completed", "bank")).code == "permission_missing"
    assert (await propose(town, str(uuid4()), "completed", str(first.id))).code == "payment_unknown"
    body = {"outcome": "perhaps", "reason": "who knows"}
    assert (await town.post(f"/v1/payments/{id_}/resolve", body, by=str(first.id))).code == "invalid_field"
    await propose(town, id_, "completed", str(first.id), key=key)
    assert (await propose(town, id_, "declined", str(first.id), key=key)).code == "approval_id_taken"
    await decide(town, str(key), second, ApprovalState.REJECTED)
    assert await rail.state(id_) == "created"


async def test_the_rail_answers_while_a_proposal_waits(rail: Rail) -> None:
    town, payee, key = rail.town, await rail.town.person(), rail.town.id()
    first, second = town.principal_of_staff(), town.principal_of_staff()
    id_ = (await town.top_up_over(payee, 1712))["id"]
    await rail.ask()
    await propose(town, id_, "declined", str(first.id), key=key)
    assert await rail.until_ended(id_) == ["completed"]
    with pytest.raises(Refusal, match="not_waiting_for_rail"):
        await decide(town, str(key), second)
    assert await town.balance(payee.id) == 1712
    await rail.both_sides_agree()


async def test_people_and_the_rail_contradict_each_other(rail: Rail) -> None:
    """Two people credited it; the rail then says no. The books say so to whoever asks, and nobody guesses."""
    town, payee, key = rail.town, await rail.town.person(), rail.town.id()
    first, second = town.principal_of_staff(), town.principal_of_staff()
    id_ = (await town.top_up_over(payee, 1801))["id"]
    async with town.db.tx() as tx:
        (parcel,) = await rail_calls.take_due(tx, {"sandbox": 10}, town.id(), town.at)
    await propose(town, id_, "completed", str(first.id), key=key)
    await decide(town, str(key), second)
    no = RailCall(verb=RailVerb.PULL, at=town.at, duration_ms=5, said=RailSaid.DECLINED, reason="insufficient_funds")
    await take_answers(town.db, town.intake, [(parcel, no)])
    assert await rail.state(id_) == "completed"
    steps = (await town.get(f"/v1/payments/{id_}/timeline"))["steps"]
    assert [step["details"]["code"] for step in steps if step["details"].get("kind") == "rail_declined"] == [
        "rail_contradicts"
    ]
    assert await proved(town) == []


async def test_the_story_of_a_silence_in_both_languages(rail: Rail) -> None:
    town = rail.town
    id_ = (await town.top_up_over(await town.person(), 1912))["id"]
    await rail.ask()
    town.later(seconds=30)
    await rail.ask()
    steps = (await town.get(f"/v1/payments/{id_}/timeline"))["steps"]
    assert [step["what"] for step in steps if step["what"] != "check"] == [
        "instruction", "decision", "rail", "event", "operation", "event", "rail", "entry", "entry", "operation", "event",
    ]  # fmt: skip
    said = [step["en"] for step in steps if step["what"] in ("instruction", "decision", "rail", "operation")]
    assert said == [
        "Received: top-up of CNY 19.12, when another bank has sent it.",
        "Decided: the other bank is asked for the money.",
        "The other bank was asked for the money: no answer that can be used.",
        "No answer in time: the outcome is being found out.",
        "The other bank was asked what became of it: it has sent it.",
        "The money has come in.",
    ]
    assert steps[0]["details"]["rail"] == "sandbox"
    assert steps[0]["details"]["outside_account"] == "6222020200112233445"
    for step in steps:
        plain = re.sub(r"payment\.[a-z]+", "", step["zh"])
        assert not re.search(r"[A-Za-z]{2,}", plain), f"a Latin sentence: {step['zh']}"
        assert "None" not in step["en"]
    events = await town.run_sql("SELECT payload::text FROM base.outbox WHERE aggregate = %(id)s", id=id_)
    assert len(events) == 3
    assert not [1 for (payload,) in events if "6222020200112233445" in payload], "no personal data leaves on the outbox"


async def test_what_waits_for_a_rail_keeps_nobody_else_from_ending(rail: Rail) -> None:
    town = rail.town
    for _ in range(5):
        await town.top_up_over(await town.person(), 100)
    held = await town.pay_by_http(await town.person(1000), await town.person(), 1, capture="manual", hold_s=60)
    town.later(days=1)
    assert await town.intake.end_due() == 1
    assert await rail.state(held["id"]) == "expired"
    assert len(await waiting(town, "rail")) == 5


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        ("P8", "UPDATE payments.rail_payment SET next = NULL, next_at = NULL WHERE payment_id = %(waits)s"),
        ("P8", "UPDATE payments.rail_payment SET next = 'ask', next_at = now() WHERE payment_id = %(ended)s"),
        ("P8", "UPDATE payments.rail_payment SET rail = 'elsewhere' WHERE payment_id = %(waits)s"),
        ("P7", "DELETE FROM payments.open_payment WHERE payment_id = %(waits)s"),
        ("P7", "DELETE FROM payments.open_payment WHERE payment_id = %(unknown)s"),
        ("P5", "UPDATE payments.payment SET rail = NULL WHERE id = %(waits)s"),
        ("P1", "UPDATE payments.payment SET captured_minor = 1 WHERE id = %(ended)s"),
    ],
)
async def test_each_corruption_is_found(rail: Rail, invariant: str, statement: str) -> None:
    town, payee = rail.town, await rail.town.person()
    ids = {name: (await town.top_up_over(payee, amount))["id"] for name, amount in (("ended", 100), ("unknown", 112))}
    await rail.ask()
    ids["waits"] = (await town.top_up_over(payee, 200))["id"]
    assert [await rail.state(ids[name]) for name in ("ended", "unknown", "waits")] == [
        "completed",
        "unknown",
        "created",
    ]
    assert await proved(town) == []
    await town.run_sql(statement, **{k: v for k, v in ids.items() if f"%({k})s" in statement})
    assert invariant in {finding.invariant for finding in await proved(town)}


async def test_how_rails_and_methods_do(rail: Rail) -> None:
    town, payee = rail.town, await rail.town.person()
    for amount in (100, 101, 200, 112, 102):
        await town.top_up_over(payee, amount)
    await rail.ask()
    shown = (await town.get("/v1/rails"))["items"]
    assert [item["name"] for item in shown] == ["sandbox"]
    (health,) = shown
    assert health["five_minutes"] == health["hour"] == {"asked": 5, "accepted": 2, "declined": 2, "unanswered": 1}
    assert (health["state"], health["waiting"]) == ("slow", 1)
    assert 0 <= health["p50_ms"] <= health["p95_ms"]
    assert health["oldest_waiting_at"] == health["last_answer_at"] == "2026-11-23T01:00:00Z"
    town.later(minutes=6)
    await rail.ask()
    later = await rail.health()
    assert (later.five_minutes.asked, later.five_minutes.accepted, later.hour.asked, later.waiting) == (1, 1, 6, 0)
    town.later(hours=2)
    unused = await rail.health()
    assert (unused.state, unused.p95_ms, unused.last_answer_at) == ("unused", None, town.at - timedelta(hours=2))

    await town.pay_by_http(payee, await town.person(), 10, method="qr")
    await town.pay_by_http(payee, await town.person(), 10, method="qr", confirm="explicit")
    await town.pay_by_http(payee, await town.person(), 10_000, method="qr")
    methods = {item["method"]: item for item in (await town.get("/v1/methods"))["items"]}
    assert set(methods) == {"account", "qr", "card", "api"}
    qr = methods["qr"]
    assert (qr["payments"], qr["went_through"], qr["declined"]) == (3, 1, 1)
    assert methods["card"]["payments"] == 0
    shop = town.principal(identity.KeyKind.MERCHANT, (await town.shop()).id)
    for path in ("/v1/rails", "/v1/methods"):
        assert (await town.get(path, by=shop)).code == "permission_missing"


async def test_a_rail_that_the_settings_forgot_is_still_shown(rail: Rail) -> None:
    town = rail.town
    await town.top_up_over(await town.person(), 100)
    async with town.db.read() as tx:
        shown = await payments.rail_health(tx, ["new"], town.at)
    assert [(health.name, health.state, health.waiting) for health in shown] == [
        ("new", "unused", 0),
        ("sandbox", "unused", 1),
    ]


async def test_old_calls_are_forgotten_and_the_story_stays(rail: Rail) -> None:
    town = rail.town
    id_ = (await town.top_up_over(await town.person(), 100))["id"]
    await rail.ask()
    (forget,) = [job for job in JOBS if job.name == "payments.forget_rail_calls"]
    context = JobContext(town.db, town.clock, town.settings)
    town.later(days=89)
    await run_now(forget, context)
    assert await rail.said(id_) == [("pull", "accepted")]
    town.later(days=2)
    await run_now(forget, context)
    assert await rail.said(id_) == []
    said = [step["en"] for step in (await town.get(f"/v1/payments/{id_}/timeline"))["steps"]]
    assert "The money has come in." in said


async def test_what_may_be_done_about_each_payment(rail: Rail) -> None:
    town, payer, payee = rail.town, await rail.town.person(10_000), await rail.town.person()
    made = {
        "confirm": await town.pay_by_http(payer, payee, 10, confirm="explicit"),
        "capture": await town.pay_by_http(payer, payee, 10, capture="manual"),
        "recall": await town.pay_by_http(payer, payee, 10, arrives="in_two_hours"),
        "refunds": await town.pay_by_http(payer, payee, 10),
        "ask-again": await town.top_up_over(payee, 100),
    }
    for action, reply in made.items():
        async with town.db.read() as tx:
            seen = await payments.may_see_payment(tx, town.bank, UUID(reply["id"]))
        given = payments.actions(seen.payment)
        assert given[0] == action
        wanted = payments.waits_for(seen.payment)
        assert [p["waits_for"] for p in await waiting(town) if p["payment_id"] == reply["id"]] == (
            [wanted] if wanted else []
        )
        for one in given:
            bodies = {"resolve": {"outcome": "declined", "reason": "why not"}, "capture": {"amount": 4}}
            body = bodies.get(one, {})
            by = str(town.principal_of_staff().id) if one == "resolve" else "bank"
            answer = await town.post(f"/v1/payments/{reply['id']}/{one}", body, by=by)
            assert answer.status in (200, 201), f"{one}: {answer.body}"
            if one in ("cancel", "recall", "confirm"):
                break


# --- the decision alone

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DUE = AT + timedelta(minutes=10)
SECOND = timedelta(seconds=1)


def answered(
    verb: RailVerb, said: RailSaid, *, at: datetime = AT, tries: int = 0, sent_at: datetime | None = None
) -> Turn:
    parcel = RailParcel(uuid4(), "sandbox", "6222", 100, "CNY", DUE, verb, tries, sent_at, uuid4())
    return turn(parcel, RailCall(verb=verb, at=at, duration_ms=0, said=said))


PULL, ASK = RailVerb.PULL, RailVerb.ASK


def test_an_answer_ends_the_asking() -> None:
    for verb in RailVerb:
        assert answered(verb, RailSaid.ACCEPTED).verdict == "rail_accepted"
        assert answered(verb, RailSaid.DECLINED).verdict == "rail_declined"
        assert answered(verb, RailSaid.ACCEPTED, at=DUE + SECOND, sent_at=AT).verdict == "rail_accepted"


def test_silence_is_asked_about_with_growing_pauses_for_ever() -> None:
    assert answered(PULL, RailSaid.SILENT) == Turn("rail_silent", ASK, AT + 2 * SECOND, 1, AT)
    assert answered(ASK, RailSaid.SILENT, tries=1, sent_at=AT) == Turn(None, ASK, AT + 4 * SECOND, 2, AT)
    late = DUE + timedelta(days=30)
    for said in (RailSaid.SILENT, RailSaid.NOT_SENT):
        assert answered(ASK, said, at=late, tries=50, sent_at=AT) == Turn(
            None, ASK, late + timedelta(minutes=5), 51, AT
        )
    assert [pause(n) // SECOND for n in (1, 2, 3, 8, 9, 100)] == [2, 4, 8, 256, 300, 300]


def test_only_what_surely_never_left_is_given_up_unasked() -> None:
    assert answered(PULL, RailSaid.NOT_SENT) == Turn(None, PULL, AT + 2 * SECOND, 1, None)
    assert answered(PULL, RailSaid.NOT_SENT, at=DUE).verdict == "rail_never_received"
    assert answered(PULL, RailSaid.NOT_SENT, at=DUE, sent_at=AT) == Turn(None, ASK, DUE + 2 * SECOND, 1, AT)
    assert answered(PULL, RailSaid.SILENT, at=DUE).verdict == "rail_silent"


def test_never_seen_is_believed_only_after_a_safe_time() -> None:
    early = answered(ASK, RailSaid.NEVER_SEEN, at=AT + SAFE - SECOND, sent_at=AT)
    assert early.verdict is None
    assert early.next is ASK
    assert early.at is not None
    assert early.at >= AT + SAFE
    assert answered(ASK, RailSaid.NEVER_SEEN, at=AT + SAFE, sent_at=AT) == Turn(None, PULL, AT + SAFE, 0, AT)
    assert answered(ASK, RailSaid.NEVER_SEEN, at=DUE, sent_at=DUE - SECOND).verdict is None
    assert answered(ASK, RailSaid.NEVER_SEEN, at=DUE + SAFE, sent_at=DUE).verdict == "rail_never_received"


def test_a_rail_rests_longer_the_longer_it_fails() -> None:
    assert [rest(n) // SECOND for n in (FAILURES, FAILURES + 1, FAILURES + 2, FAILURES + 3, 1000)] == [
        5,
        10,
        20,
        40,
        60,
    ]

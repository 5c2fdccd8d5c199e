"""Codes that payers show: good once, for a minute, by one terminal; guessing is bounded, and the books prove what was taken by them."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.payments.test_prove_trail import found_in
from tongbao import identity, payments
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import KeyKind, VisitorKind
from tongbao.payments import payer_codes

if TYPE_CHECKING:
    from tests.payments.town import Reply, Town


class Payer:
    """A customer with his phone in his hand, logged in by a browser that the bank knows, or not."""

    def __init__(self, town: Town, account: identity.Account, session: UUID, token: identity.Token) -> None:
        self.town = town
        self.account = account
        self.token = token
        self.by = Principal(
            id=account.customer_id, kind=PrincipalKind.CUSTOMER, subject_id=account.customer_id, session_id=session
        )

    async def code(self) -> str:
        async with self.town.db.tx() as tx:
            chance = secrets.randbelow(payer_codes.CHANCE)
            made = await payer_codes.make_code(
                tx, self.account.id, chance, id=self.town.id(), by=self.by, at=self.town.at
            )
        assert made is not None
        return made[1]

    async def leave(self) -> None:
        async with self.town.db.tx() as tx:
            await identity.end_session(tx, str(self.token), by=self.by, at=self.town.at)


async def payer(town: Town, amount: int = 100_000, *, known: bool = True) -> Payer:
    account, token, session, device = await town.person(amount), _token(), town.id(), None
    async with town.db.tx() as tx:
        if known:
            seen = identity.Seen("Chrome · Linux", "127.0.0.*")
            browser = secrets.token_bytes(32)
            device = await identity.know_device(
                tx, account.customer_id, browser, seen=seen, trusted_from=town.at, at=town.at
            )
        made: Any = {"session_id": session, "token": token, "device_id": device, "by": town.bank, "at": town.at}
        await identity.open_session(tx, VisitorKind.CUSTOMER, account.customer_id, **made)
    return Payer(town, account, session, token)


def _token() -> identity.Token:
    return identity.fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)


async def terminal(town: Town) -> tuple[Any, str]:
    """A shop and the key of its terminal."""
    shop = await town.shop()
    return shop, town.principal(KeyKind.MERCHANT, shop.id)


async def collect(town: Town, by: str, code: str, amount: int = 1_280, **more: Any) -> Reply:
    key = more.pop("key", None)
    return await town.post(
        "/v1/collections", {"code": code, "amount": amount, "currency": "CNY", **more}, key=key, by=by
    )


async def test_a_code_pays_once_from_the_account_it_was_made_for(town: Town) -> None:
    li, (shop, till) = await payer(town), await terminal(town)
    code, key = await li.code(), town.id()
    assert payer_codes.read_digits(code) == code
    paid = await collect(town, till, code, key=key, reference="午餐")
    assert (paid.status, paid["state"], paid["method"]) == (201, "completed", "qr")
    assert (paid["merchant_id"], paid["checks"]) == (str(shop.id), []), "a shop learns nothing of the payer's money"
    assert await town.money(li.account) == (98_720, 0)
    again = await collect(town, till, code, key=key, reference="午餐")
    assert (again.status, again.replayed, again.body) == (201, True, paid.body)
    reused = await collect(town, till, code)
    assert (reused.status, reused.code) == (422, "payer_code_wrong")
    assert (await collect(town, till, code, 1_281, key=key)).code == "id_reused"
    assert (await collect(town, (await terminal(town))[1], code, key=key)).code == "id_taken"
    assert await town.money(li.account) == (98_720, 0)
    assert await found_in(town) == []


async def test_digits_that_are_no_code_are_told_from_a_slip(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    code = await li.code()
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    for typed in (slip, code[1:], "62" + code[2:], "not a code", "0"):
        assert (await collect(town, till, typed)).code == "payer_code_wrong", typed
    assert await town.run_sql("SELECT 1 FROM payments.terminal_guess") == [], "what is no code is no guess"
    assert (await collect(town, till, f"{code[:6]} {code[6:12]}-{code[12:]}")).status == 201


async def test_a_code_is_over_after_its_time_and_a_new_one_ends_the_old(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    late = await li.code()
    town.clock.tick(payer_codes.LASTS)
    assert (await collect(town, till, late)).code == "payer_code_wrong"
    old = await li.code()
    town.clock.tick(timedelta(seconds=30))
    fresh = await li.code()
    town.clock.tick(payer_codes.GRACE - timedelta(seconds=1))
    assert (await collect(town, till, old)).status == 201, "whoever is reading it at this moment may"
    another = await li.code()
    await li.code()
    town.clock.tick(payer_codes.GRACE)
    assert (await collect(town, till, another)).code == "payer_code_wrong"
    assert (await collect(town, till, fresh)).code == "payer_code_wrong"


async def test_a_code_ends_with_the_log_in_that_shows_it(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    code = await li.code()
    await li.leave()
    assert (await collect(town, till, code)).code == "payer_code_wrong"
    assert await town.money(li.account) == (100_000, 0)


async def test_the_policy_asks_as_if_the_payer_had_pressed_himself(town: Town) -> None:
    li, stranger, (_, till) = await payer(town, 500_000), await payer(town, known=False), await terminal(town)
    large = await collect(town, till, await li.code(), 150_000)
    assert (large.status, large["state"]) == (201, "challenged")
    small = await collect(town, till, await stranger.code(), 100)
    assert small["state"] == "challenged", "shown by a browser that the bank does not know"
    assert await town.money(li.account) == (500_000, 0)
    poor = await collect(town, till, await (await payer(town, 100)).code(), 200)
    assert (poor.status, poor.code) == (402, "insufficient_funds")
    assert poor["payment_id"]
    assert not poor.body.get("checks")


async def test_an_order_is_paid_by_a_code_and_once(town: Town) -> None:
    li, (shop, till) = await payer(town), await terminal(town)
    order = await town.order(shop, 1_280)
    paid = await collect(town, till, await li.code(), order_id=str(order.id))
    assert (paid.status, paid["order_id"]) == (201, str(order.id))
    twice = await collect(town, till, await li.code(), order_id=str(order.id))
    assert (twice.status, twice.code) == (409, "order_not_open")
    assert await town.money(li.account) == (98_720, 0)


async def test_neither_table_nor_index_holds_the_digits(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    code = await li.code()
    await collect(town, till, code)
    tables = ("payer_code", "collection", "terminal_guess", "payment", "decision")
    rows = [await town.run_sql(f"SELECT row_to_json(t)::text FROM payments.{table} t") for table in tables]
    assert all(rows)
    assert code not in str(rows)


async def test_only_a_shop_collects(town: Town) -> None:
    li = await payer(town)
    code = await li.code()
    assert (await collect(town, "bank", code)).code == "permission_missing"
    assert (await collect(town, town.principal(KeyKind.PARTNER, town.id()), code)).code == "permission_missing"


async def test_of_many_guesses_at_once_exactly_as_many_are_looked_at_as_may_be(town: Town) -> None:
    li, (_, till), (_, other) = await payer(town), await terminal(town), await terminal(town)
    wrong = [payer_codes.digits(secrets.randbelow(payer_codes.CHANCE)) for _ in range(200)]
    said = [reply.code for reply in await asyncio.gather(*(collect(town, till, code) for code in wrong))]
    assert said.count("payer_code_wrong") == payer_codes.MOST_WRONG
    assert said.count("terminal_locked") == 200 - payer_codes.MOST_WRONG
    code = await li.code()
    assert (await collect(town, till, code)).code == "terminal_locked", "a right one too"
    assert (await collect(town, other, code)).status == 201, "it was not used up"
    town.clock.tick(payer_codes.WITHIN)
    assert (await collect(town, till, await (await payer(town)).code())).status == 201, "an hour later"


async def test_of_many_terminals_at_once_one_uses_a_code(town: Town) -> None:
    li, tills = await payer(town), [(await terminal(town))[1] for _ in range(4)]
    code = await li.code()
    replies = await asyncio.gather(*(collect(town, tills[n % 4], code) for n in range(40)))
    assert sorted(reply.status for reply in replies) == [201, *[422] * 39]
    assert await town.money(li.account) == (98_720, 0)


async def test_the_same_request_many_times_at_once_pays_once(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    code, key = await li.code(), town.id()
    replies = await asyncio.gather(*(collect(town, till, code, key=key) for _ in range(30)))
    assert {reply.status for reply in replies} == {201}
    assert await town.money(li.account) == (98_720, 0)
    assert await town.run_sql("SELECT wrong FROM payments.terminal_guess") == [(0,)]


async def test_a_code_that_was_taken_and_never_paid_from_is_not_paid_from_much_later(town: Town) -> None:
    li, (shop, till) = await payer(town), await terminal(town)
    code, key = await li.code(), town.id()
    asked = {"merchant_id": shop.id, "terminal_id": town.keys[till].id, "request_hash": b"x" * 32}
    async with town.db.tx() as tx:
        taken = await payer_codes.take_code(tx, code, id=key, **asked, at=town.at)
        assert not isinstance(taken, Refusal)
        assert await payer_codes.take_code(tx, code, id=key, **asked, at=town.at) == taken, "a retry goes on"
        later = await payer_codes.take_code(tx, code, id=key, **asked, at=town.at + timedelta(minutes=3))
    assert isinstance(later, Refusal)
    assert later.code == "payer_code_wrong"
    assert await found_in(town) == []


async def test_codes_are_forgotten_a_day_later(town: Town) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    await collect(town, till, await li.code())
    await li.code()
    async with town.db.tx() as tx:
        assert await payer_codes.forget_payer_codes(tx, town.at + timedelta(hours=23), most=10) == 0
        assert await payer_codes.forget_payer_codes(tx, town.at + timedelta(hours=25), most=10) == 3
    assert await found_in(town) == [], "what was taken by them stays"


@pytest.mark.parametrize(
    ("bent", "table"),
    [
        ("UPDATE payments.collection SET merchant_id = %(other)s WHERE payment_id = %(id)s", "payments.collection"),
        ("UPDATE payments.collection SET account_id = %(other)s WHERE payment_id = %(id)s", "payments.collection"),
        ("UPDATE payments.payment SET method = 'account' WHERE id = %(id)s", "payments.collection"),
        ("UPDATE payments.payer_code SET used_at = NULL WHERE used_at IS NOT NULL", "payments.payer_code"),
        ("UPDATE payments.payer_code SET used_at = made_at WHERE used_at IS NULL", "payments.payer_code"),
        ("UPDATE payments.payer_code SET account_id = %(other)s WHERE used_at IS NOT NULL", "payments.payer_code"),
    ],
)
async def test_what_was_taken_otherwise_than_by_a_code_is_named(town: Town, bent: str, table: str) -> None:
    li, (_, till) = await payer(town), await terminal(town)
    paid = await collect(town, till, await li.code())
    await li.code()
    assert await found_in(town) == []
    ids = {"id": paid["id"], "other": town.id()}
    await town.run_sql(bent, **{name: id_ for name, id_ in ids.items() if f"%({name})s" in bent})
    found = await found_in(town)
    assert ("P17", table) in {(one.invariant, one.table) for one in found}


def test_the_check_digit_finds_a_slip_and_two_digits_that_changed_places() -> None:
    code = payer_codes.digits(314_159_265_358_979)
    assert len(code) == payer_codes.LENGTH
    for place in range(2, 18):
        for digit in "0123456789":
            bent = code[:place] + digit + code[place + 1 :]
            assert (payer_codes.read_digits(bent) is None) == (bent != code)
    assert payer_codes.read_digits("８１" + code[2:]) == code


def test_payments_face_names_the_invariant() -> None:
    assert any("P17" in check.invariants for check in payments.CHECKS)

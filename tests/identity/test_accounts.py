"""Customers come, open accounts, are frozen, thaw and leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from stdnum.iso7064 import mod_97_10

from tests.identity.called import names
from tongbao import identity, ledger
from tongbao.base import audit
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.identity import Made, NewAccount, Standing

if TYPE_CHECKING:
    from tests.identity.conftest import World

BANK_CODE = "90001"


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def made(outcome: Any) -> Any:
    assert isinstance(outcome, Made), outcome
    return outcome.thing


async def pay_in(world: World, account: identity.Account, amount: int) -> None:
    async with world.db.tx() as tx:
        cash = await ledger.own_account(tx, "1010", account.currency, world.at)
    async with world.db.tx() as tx:
        posting = ledger.Posting(cash, account.ledger_id, amount, account.currency)
        transfer = ledger.Transfer(id=world.id(), kind="cash_in", postings=(posting,))
        (outcome,) = await ledger.post(tx, [transfer], at=world.at)
        assert isinstance(outcome, ledger.Posted), outcome


async def state_of(world: World, account: identity.Account) -> ledger.State:
    async with world.db.read() as tx:
        return (await ledger.accounts(tx, [account.ledger_id]))[account.ledger_id].state


async def test_a_customer_is_registered_once_however_often_it_is_asked(world: World) -> None:
    new = world.person()

    async def ask() -> Any:
        async with world.db.tx() as tx:
            return (await identity.register_customers(tx, [new], by=world.bank, at=world.at))[0]

    outcomes = await asyncio.gather(*(ask() for _ in range(12)))
    assert sorted(o.replayed for o in outcomes) == [False] + [True] * 11
    assert {made(o) for o in outcomes} == {made(outcomes[0])}


async def test_an_id_belongs_to_its_first_request_and_to_whoever_made_it(world: World) -> None:
    new = world.person("王小明")
    other = identity.NewCustomer(id=new.id, kind=new.kind, name="李娜")
    stranger = world.principal()
    async with world.db.tx() as tx:
        first, twin, unlike = await identity.register_customers(tx, [new, new, other], by=world.bank, at=world.at)
        assert not first.replayed  # pyright: ignore[reportAttributeAccessIssue]
        assert twin.replayed  # pyright: ignore[reportAttributeAccessIssue]
        assert code(unlike) == "id_reused"
    async with world.db.tx() as tx:
        assert code((await identity.register_customers(tx, [other], by=world.bank, at=world.at))[0]) == "id_reused"
        assert code((await identity.register_customers(tx, [new], by=stranger, at=world.at))[0]) == "id_taken"
        account = NewAccount(id=new.id, customer_id=new.id, currency="CNY")
        opened = await identity.open_accounts(tx, [account], by=world.bank, at=world.at, bank_code=BANK_CODE)
        assert code(opened[0]) == "id_reused"
        assert (await names(tx, [new.id])) == {new.id: "王小明"}


async def test_account_numbers_say_where_they_belong_and_check_themselves(world: World) -> None:
    account = await world.account()
    assert len(account.number) == 19
    assert account.number.startswith(BANK_CODE)
    assert mod_97_10.is_valid(account.number)
    wrong = account.number[:-3] + str((int(account.number[-3]) + 1) % 10) + account.number[-2:]
    async with world.db.read() as tx:
        assert await identity.account_by_number(tx, account.number) == account
        assert await identity.account_by_number(tx, wrong) is None
        assert await identity.account_by_number(tx, "通宝") is None
        assert await identity.accounts_of_ledger(tx, [account.ledger_id, 10**12]) == {account.ledger_id: account.id}


async def test_many_accounts_open_in_one_go_and_the_bad_ones_sink_nobody(world: World) -> None:
    customer = await world.customer()
    good = [NewAccount(id=world.id(), customer_id=customer.id, currency=c) for c in ("CNY", "JPY", "KWD")]
    nobody = NewAccount(id=world.id(), customer_id=UUID(int=5), currency="CNY")
    odd = NewAccount(id=world.id(), customer_id=customer.id, currency="XAU")
    async with world.db.tx() as tx:
        outcomes = await identity.open_accounts(
            tx, [good[0], nobody, good[1], odd, good[2]], by=world.bank, at=world.at, bank_code=BANK_CODE
        )
    assert [made(outcomes[i]).currency for i in (0, 2, 4)] == ["CNY", "JPY", "KWD"]
    assert [code(outcomes[i]) for i in (1, 3)] == ["customer_unknown", "currency_unknown"]
    async with world.db.tx() as tx:
        again = await identity.open_accounts(tx, good, by=world.bank, at=world.at, bank_code=BANK_CODE)
        page = await identity.accounts_of(tx, customer.id, most=2)
        rest = await identity.accounts_of(tx, customer.id, after=page[-1].id)
    assert all(o.replayed for o in again)  # pyright: ignore[reportAttributeAccessIssue]
    assert [made(o) for o in again] == [*page, *rest]


async def test_one_account_is_opened_however_many_ask_at_once(world: World) -> None:
    customer = await world.customer()
    new = NewAccount(id=world.id(), customer_id=customer.id, currency="CNY")

    async def ask() -> Any:
        async with world.db.tx() as tx:
            return (await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code=BANK_CODE))[0]

    outcomes = await asyncio.gather(*(ask() for _ in range(12)))
    assert sorted(o.replayed for o in outcomes) == [False] + [True] * 11
    assert {made(o).ledger_id for o in outcomes} == {made(outcomes[0]).ledger_id}
    async with world.db.read() as tx:
        (row,) = await tx.rows("SELECT count(*) FROM ledger.account WHERE gl_line = '2010'")
    assert row == (1,), "no orphan is left in the ledger"


async def test_freezing_an_account_is_audited_reversible_and_known_to_the_ledger(world: World) -> None:
    account = await world.account()
    async with world.db.tx() as tx:
        frozen = await identity.freeze_account(tx, account.id, reason="court order 7", by=world.bank, at=world.at)
    assert frozen.status is Standing.FROZEN
    assert await state_of(world, account) is ledger.State.FROZEN
    async with world.db.tx() as tx:
        again = await identity.freeze_account(tx, account.id, reason="once more", by=world.bank, at=world.at)
        assert again == frozen
    with pytest.raises(Refusal, match="standing_move_refused"):
        async with world.db.tx() as tx:
            await identity.close_account(tx, account.id, reason="too early", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        await identity.unfreeze_account(tx, account.id, reason="order lifted", by=world.bank, at=world.at)
    assert await state_of(world, account) is ledger.State.OPEN
    async with world.db.read() as tx:
        trail = await audit.trail(tx, subject=account.id)
    assert [(e.action, e.reason) for e in reversed(trail)] == [
        ("account.freeze", "court order 7"),
        ("account.unfreeze", "order lifted"),
    ]
    assert {e.principal_id for e in trail} == {world.bank.id}


async def test_only_an_empty_account_closes_and_it_stays_closed(world: World) -> None:
    account = await world.account()
    await pay_in(world, account, 100)
    with pytest.raises(Refusal, match="account_not_empty"):
        async with world.db.tx() as tx:
            await identity.close_account(tx, account.id, reason="leaves", by=world.bank, at=world.at)
    async with world.db.read() as tx:
        assert (await identity.find_accounts(tx, [account.id]))[account.id].status is Standing.OPEN
    empty = await world.account()
    async with world.db.tx() as tx:
        await identity.close_account(tx, empty.id, reason="leaves", by=world.bank, at=world.at)
    assert await state_of(world, empty) is ledger.State.CLOSED
    for move in (identity.freeze_account, identity.unfreeze_account):
        with pytest.raises(Refusal, match="standing_move_refused"):
            async with world.db.tx() as tx:
                await move(tx, empty.id, reason="too late", by=world.bank, at=world.at)


async def settle(world: World, account_ids: list[UUID]) -> None:
    for account_id in account_ids:
        async with world.db.tx() as tx:
            await identity.settle_account(tx, account_id, at=world.at)


async def test_a_frozen_customer_freezes_every_account_and_no_more_than_that_thaws(world: World) -> None:
    customer = await world.customer()
    one, two = await world.account(customer), await world.account(customer)
    async with world.db.tx() as tx:
        await identity.freeze_account(tx, two.id, reason="card stolen", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        frozen, left = await identity.freeze_customer(tx, customer.id, reason="fraud", by=world.bank, at=world.at)
    assert (frozen.status, set(left)) == (Standing.FROZEN, {one.id, two.id})
    await settle(world, left)
    assert [await state_of(world, a) for a in (one, two)] == [ledger.State.FROZEN] * 2
    async with world.db.tx() as tx:
        new = NewAccount(id=world.id(), customer_id=customer.id, currency="CNY")
        refused = await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code=BANK_CODE)
        assert code(refused[0]) == "customer_frozen"
    with pytest.raises(Refusal, match="customer_frozen"):
        async with world.db.tx() as tx:
            await identity.close_account(tx, one.id, reason="leaves", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        _, left = await identity.unfreeze_customer(tx, customer.id, reason="cleared", by=world.bank, at=world.at)
    await settle(world, left)
    assert await state_of(world, one) is ledger.State.OPEN
    assert await state_of(world, two) is ledger.State.FROZEN


async def test_an_account_thawed_while_its_customer_is_frozen_stays_frozen(world: World) -> None:
    account = await world.account()
    async with world.db.tx() as tx:
        await identity.freeze_account(tx, account.id, reason="card stolen", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        await identity.freeze_customer(tx, account.customer_id, reason="fraud", by=SYSTEM, at=world.at)
    async with world.db.tx() as tx:
        thawed = await identity.unfreeze_account(tx, account.id, reason="card found", by=world.bank, at=world.at)
    assert (thawed.status, thawed.effective) == (Standing.OPEN, Standing.FROZEN)
    assert await state_of(world, account) is ledger.State.FROZEN


async def test_a_customer_leaves_after_the_last_account(world: World) -> None:
    account = await world.account()
    with pytest.raises(Refusal, match="customer_has_accounts"):
        async with world.db.tx() as tx:
            await identity.close_customer(tx, account.customer_id, reason="leaves", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        await identity.close_account(tx, account.id, reason="leaves", by=world.bank, at=world.at)
    async with world.db.tx() as tx:
        gone = await identity.close_customer(tx, account.customer_id, reason="leaves", by=world.bank, at=world.at)
        assert gone.status is Standing.CLOSED
        new = NewAccount(id=world.id(), customer_id=gone.id, currency="CNY")
        refused = await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code=BANK_CODE)
        assert code(refused[0]) == "customer_closed"
    with pytest.raises(Refusal, match="standing_move_refused"):
        async with world.db.tx() as tx:
            await identity.freeze_customer(tx, gone.id, reason="too late", by=world.bank, at=world.at)


async def test_whoever_is_not_there_is_not_found(world: World) -> None:
    async with world.db.tx() as tx:
        for move in (identity.freeze_account, identity.unfreeze_account, identity.close_account):
            with pytest.raises(Refusal, match="account_not_found"):
                await move(tx, UUID(int=7), reason="no such", by=world.bank, at=world.at)
        for move in (identity.freeze_customer, identity.unfreeze_customer, identity.close_customer):
            with pytest.raises(Refusal, match="customer_unknown"):
                await move(tx, UUID(int=7), reason="no such", by=world.bank, at=world.at)


async def test_opening_and_freezing_do_not_pass_each_other(world: World) -> None:
    """Whichever comes first, no open account is left behind a frozen customer."""
    customer = await world.customer()

    async def open_one() -> None:
        new = NewAccount(id=world.id(), customer_id=customer.id, currency="CNY")
        async with world.db.tx() as tx:
            await identity.open_accounts(tx, [new], by=world.bank, at=world.at, bank_code=BANK_CODE)

    async def freeze() -> list[UUID]:
        async with world.db.tx() as tx:
            return (await identity.freeze_customer(tx, customer.id, reason="fraud", by=world.bank, at=world.at))[1]

    *_, left = await asyncio.gather(*(open_one() for _ in range(6)), freeze())
    await settle(world, left or [])
    async with world.db.read() as tx:
        for account in await identity.accounts_of(tx, customer.id):
            assert await state_of(world, account) is ledger.State.FROZEN

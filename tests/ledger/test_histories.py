"""Any history, posted in batches or one by one, is what an auditor makes of it; and then the books can be proved."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.auditor import Auditor
from tests.ledger.bank import DAY, Bank, said
from tongbao import ledger
from tongbao.base import days, ids
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from uuid import UUID

PEOPLE = 5
AMOUNTS = st.integers(-1, 60)
PERSON = st.integers(0, PEOPLE - 1)
FORCE = st.sampled_from([None, None, None, ledger.Forced.FEE])
RECENT = st.integers(0, 5)
"""Which hold or transfer is meant, counted back from the newest."""

ACTIONS = st.one_of(
    st.tuples(st.just("transfer"), st.lists(st.tuples(PERSON, PERSON, AMOUNTS), min_size=1, max_size=3), FORCE),
    st.tuples(st.just("transfer"), st.lists(st.tuples(PERSON, PERSON, AMOUNTS), min_size=1, max_size=1), st.none()),
    st.tuples(st.just("hold"), PERSON, AMOUNTS),
    st.tuples(st.just("capture"), RECENT, PERSON, AMOUNTS, st.booleans(), FORCE),
    st.tuples(st.just("release"), RECENT),
    st.tuples(st.just("repeat"), RECENT),
    st.tuples(st.just("reuse"), RECENT, PERSON, AMOUNTS),
    st.tuples(st.just("reverse"), RECENT, FORCE),
)
HISTORIES = st.lists(st.tuples(st.lists(ACTIONS, min_size=1, max_size=8), st.none() | PERSON), min_size=1, max_size=6)


@pytest.fixture(scope="module")
async def shared(database: str) -> AsyncIterator[Database]:
    async with Database(database, size=4) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        yield db


class History:
    """Turns drawn actions into items; the same draw gives the same items in another bank of the same shape."""

    def __init__(self, accounts: list[int]) -> None:
        self.accounts = accounts
        self.made: list[ledger.Transfer | ledger.NewHold] = []
        self.holds: list[UUID] = []
        self.bits = Random(1).getrandbits

    def item(self, action: tuple, at: datetime) -> ledger.Item:
        kind, *rest = action
        item = getattr(self, f"_{kind}")(at, *rest)
        if not isinstance(item, ledger.Release):
            self.made.append(item)
        return item

    def _posting(self, debit: int, credit: int, amount: int) -> ledger.Posting:
        return ledger.Posting(self.accounts[debit], self.accounts[credit], amount, "CNY")

    def _transfer(self, at: datetime, postings: list, forced: ledger.Forced | None) -> ledger.Transfer:
        made = tuple(self._posting(*posting) for posting in postings)
        return ledger.Transfer(id=ids.uuid7(at, self.bits), kind="payment", postings=made, forced=forced)

    def _hold(self, at: datetime, owner: int, amount: int) -> ledger.NewHold:
        hold = ledger.NewHold(
            id=ids.uuid7(at, self.bits),
            account_id=self.accounts[owner],
            amount_minor=amount,
            currency="CNY",
            expires_at=at + timedelta(seconds=2),
        )
        self.holds.append(hold.id)
        return hold

    def _capture(
        self, at: datetime, back: int, to: int, amount: int, final: bool, forced: ledger.Forced | None
    ) -> ledger.Transfer:
        hold = self.holds[-1 - back % len(self.holds)] if self.holds else ids.uuid7(at, self.bits)
        placed = {h.id: h.account_id for h in self.made if isinstance(h, ledger.NewHold)}
        owner = placed.get(hold, self.accounts[back % PEOPLE])
        posting = ledger.Posting(owner, self.accounts[to], amount, "CNY")
        return ledger.Transfer(
            id=ids.uuid7(at, self.bits), kind="capture", postings=(posting,), hold=hold, final=final, forced=forced
        )

    def _release(self, at: datetime, back: int) -> ledger.Release:
        return ledger.Release(hold=self.holds[-1 - back % len(self.holds)] if self.holds else ids.uuid7(at, self.bits))

    def _repeat(self, at: datetime, back: int) -> ledger.Transfer | ledger.NewHold:
        return self.made[-1 - back % len(self.made)] if self.made else self._hold(at, 0, 1)

    def _reuse(self, at: datetime, back: int, to: int, amount: int) -> ledger.Transfer:
        known = [t.id for t in self.made if isinstance(t, ledger.Transfer)]
        fresh = self._transfer(at, [(back % PEOPLE, to, amount)], None)
        return fresh if not known else ledger.Transfer(id=known[-1], kind="other", postings=fresh.postings)

    def _reverse(self, at: datetime, back: int, forced: ledger.Forced | None) -> ledger.Transfer:
        known = [t for t in self.made if isinstance(t, ledger.Transfer)]
        first = known[-1 - back % len(known)] if known else self._transfer(at, [(0, 1, 1)], None)
        opposite = tuple(ledger.Posting(p.credit, p.debit, p.amount_minor, p.currency) for p in first.postings)
        return ledger.Transfer(
            id=ids.uuid7(at, self.bits), kind="reversal", postings=opposite, reverses=first.id, forced=forced
        )


async def found(bank: Bank, auditor: Auditor) -> list[int]:
    """Five people, two of them under one limit of 70, one bank account without a floor; fixed starting balances."""
    (group,) = await bank.open("group", gl_line="9010", floor_minor=-70)
    accounts = [
        *await bank.open("a", "b"),
        *await bank.open("c", "d", floor_minor=-50, controls=(group,)),
        *await bank.open("bank", floor_minor=None),
    ]
    auditor.open(group, -70)
    for account, floor in zip(accounts, (0, 0, -50, -50, None), strict=True):
        auditor.open(account, floor, (group,) if floor == -50 else ())
    start = ledger.Transfer(
        id=bank.id(),
        kind="cash",
        postings=tuple(ledger.Posting(accounts[-1], account, 50, "CNY") for account in accounts[:2]),
    )
    assert await bank.do(start) == ["posted"]
    auditor.do(start, bank.at)
    return accounts


@settings(max_examples=60)
@given(history=HISTORIES)
async def test_a_batch_is_its_items_one_by_one_and_what_the_auditor_says(shared: Database, history: list) -> None:
    batched, single = Bank(shared), Bank(shared)
    single.bits = Random(8).getrandbits
    batched.bits = Random(9).getrandbits
    batched.at = single.at = (await _last(shared)) + timedelta(seconds=1)
    auditor, other = Auditor(), Auditor()
    twins = [History(await found(batched, auditor)), History(await found(single, other))]
    twins[0].bits, twins[1].bits = Random(str(batched.at)).getrandbits, Random(f"{batched.at} again").getrandbits
    for actions, frozen in history:
        outcomes = []
        at = batched.at + timedelta(seconds=1)
        batch = [twins[0].item(action, at) for action in actions]
        for item in batch:
            outcomes.append(auditor.do(item, at))
        assert await batched.do(*batch) == outcomes
        for item, outcome in zip([twins[1].item(action, at) for action in actions], outcomes, strict=True):
            async with shared.tx() as tx:
                assert said((await ledger.post(tx, [item], at))[0]) == outcome
        if frozen is not None:
            for bank, twin in zip((batched, single), twins, strict=True):
                async with shared.tx() as tx:
                    await ledger.set_state(tx, twin.accounts[frozen], ledger.State.FROZEN, bank.at)
            auditor.frozen.add(twins[0].accounts[frozen])
    await _compare(shared, batched, auditor)
    assert await _figures(shared, batched) == await _figures(shared, single)


async def _last(db: Database) -> datetime:
    async with db.read() as tx:
        row = await tx.row("SELECT max(recorded_at) FROM ledger.account")
    return row[0] if row and row[0] else Bank(db).at


async def _compare(db: Database, bank: Bank, auditor: Auditor) -> None:
    async with db.read() as tx:
        accounts = await ledger.accounts(tx, bank.names.values())
    for i, account in accounts.items():
        stored = (account.balance_minor, account.held_minor, account.excess_minor)
        assert stored == (auditor.balance[i], auditor.held(i), auditor.excess[i]), i
    assert sum(a.balance_minor for a in accounts.values() if not a.is_control) == 0


async def _figures(db: Database, bank: Bank) -> list[tuple]:
    async with db.read() as tx:
        found = await ledger.accounts(tx, bank.names.values())
        entries = [await ledger.entries(tx, found[i].id) for i in bank.names.values()]
    return [
        (a.balance_minor, a.held_minor, a.excess_minor, a.version, [(e.amount_minor, e.balance_minor) for e in lines])
        for a, lines in zip((found[i] for i in bank.names.values()), entries, strict=True)
    ]

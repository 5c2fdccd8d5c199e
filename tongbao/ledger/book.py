"""A set of locked accounts and holds, on which items are decided one by one in Python and written by one statement.

    book = await lock(tx, accounts=..., holds=..., at=...)
    done = book.apply(item)        # Posted or Refusal; pure, no query
    await book.write(tx)           # one statement

A batch gives exactly what its items would give one by one, because that is how they are applied.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.refusal import Refusal
from tongbao.ledger import refusals as no
from tongbao.ledger import store
from tongbao.ledger.model import Account, Forced, Hold, Item, NewHold, Posted, Posting, Release, State, Transfer

LARGEST_TRANSFER = 1000
LARGEST_BALANCE = 2**62


async def lock_holds(tx: Tx, holds: Iterable[UUID]) -> dict[UUID, Hold]:
    """Locks holds only, for a verb that must lock counters between holds and accounts; the result goes to `lock`."""
    return await store.lock_holds(tx, holds)


async def lock(
    tx: Tx,
    *,
    accounts: Iterable[int],
    holds: Iterable[UUID] = (),
    locked_holds: dict[UUID, Hold] | None = None,
    at: datetime,
) -> Book:
    """Locks holds, then accounts and the control accounts they name, in the global order, and reads them again.

    Accounts that do not exist are simply not in the book; items that name them are refused.
    Refuses `bank_not_founded` where there is no business day.
    """
    wanted = set(accounts)
    found_holds = locked_holds if locked_holds is not None else await lock_holds(tx, holds) if holds else {}
    wanted.update(hold.account_id for hold in found_holds.values())
    found, open_date = await store.lock_accounts(tx, wanted)
    if open_date is None:
        open_date = (await days.current(tx)).open_date
    return Book(found, found_holds, at=at, booking_date=open_date)


class Book:
    """Working copies of locked rows, and the rows that will be written."""

    def __init__(
        self, accounts: dict[int, Account], holds: dict[UUID, Hold], *, at: datetime, booking_date: date
    ) -> None:
        self.accounts = accounts
        self.holds = holds
        self.at = at
        self.booking_date = booking_date
        self.rows = store.Rows(at, booking_date)

    def apply(self, item: Item) -> Posted | Refusal:
        """Decides one item on the book as the items before it have left it. A refusal changes nothing."""
        try:
            if isinstance(item, Transfer):
                return self._transfer(item)
            if isinstance(item, NewHold):
                return self._place(item)
            return self._release(item)
        except Refusal as refusal:
            return refusal

    async def write(self, tx: Tx) -> None:
        """Writes what was decided; does nothing where nothing was."""
        await store.write(tx, self.rows, self.accounts, self.holds)

    def account(self, account_id: int, currency: str) -> Account:
        """The account, or the refusal that it is unknown, a control account, of another currency, or closed."""
        account = self.accounts.get(account_id)
        if account is None:
            raise no.ACCOUNT_UNKNOWN()
        if account.is_control:
            raise no.ACCOUNT_IS_CONTROL()
        if account.currency != currency:
            raise no.CURRENCY_MISMATCH(f"the account is kept in {account.currency}")
        if account.state is State.CLOSED:
            raise no.ACCOUNT_CLOSED()
        return account

    def _transfer(self, item: Transfer) -> Posted:
        if not 1 <= len(item.postings) <= LARGEST_TRANSFER:
            raise no.TRANSFER_SIZE()
        if len(item.postings) == 1 and item.hold is None:
            debit, credit = self._both(item.postings[0], item.forced)
            if not debit.controls and not credit.controls:
                return self._one_posting(item, debit, credit)
        moment = self.at
        balance: dict[int, int] = {}
        for posting in item.postings:
            debit, credit = self._both(posting, item.forced)
            balance[debit.id] = balance.get(debit.id, 0) - posting.amount_minor
            balance[credit.id] = balance.get(credit.id, 0) + posting.amount_minor
            moment = max(moment, debit.recorded_at, credit.recorded_at)
        hold, captured, freed = self._from_hold(item)
        before = {i: self.accounts[i].balance_minor for i in balance}
        self._move(balance, {hold.account_id: -freed} if hold else {}, forced=item.forced is not None)
        if hold:
            hold.left_minor -= freed
            hold.captured_minor += captured
            self.rows.touched_holds.add(hold.id)
        for posting in item.postings:
            debit, credit = self.accounts[posting.debit], self.accounts[posting.credit]
            debit.version += 1
            credit.version += 1
            before[debit.id] -= posting.amount_minor
            before[credit.id] += posting.amount_minor
            debit.recorded_at = credit.recorded_at = moment
            self.rows.posting(item.id, moment, posting, debit, credit, before[debit.id], before[credit.id])
        self.rows.transfer(item, moment)
        return Posted(moment, self.booking_date)

    def _one_posting(self, item: Transfer, debit: Account, credit: Account) -> Posted:
        """Most transfers: one posting, no hold, no control account. `_move` for two accounts, without its dictionaries."""
        posting = item.postings[0]
        paid, received = debit.balance_minor - posting.amount_minor, credit.balance_minor + posting.amount_minor
        if paid < -LARGEST_BALANCE or received > LARGEST_BALANCE:
            raise no.AMOUNT_TOO_LARGE("the balance would be")
        if debit.floor_minor is not None:
            short = max(debit.floor_minor - paid + debit.held_minor, 0)
            if short > debit.excess_minor and item.forced is None:
                raise no.INSUFFICIENT_FUNDS()
            debit.excess_minor = short
        if credit.floor_minor is not None and credit.excess_minor:
            credit.excess_minor = max(credit.floor_minor - received + credit.held_minor, 0)
        debit.balance_minor, credit.balance_minor = paid, received
        debit.version += 1
        credit.version += 1
        moment = max(self.at, debit.recorded_at, credit.recorded_at)
        debit.recorded_at = credit.recorded_at = moment
        self.rows.touched_accounts.add(debit.id)
        self.rows.touched_accounts.add(credit.id)
        self.rows.posting(item.id, moment, posting, debit, credit, paid, received)
        self.rows.transfer(item, moment)
        return Posted(moment, self.booking_date)

    def _both(self, posting: Posting, forced: Forced | None) -> tuple[Account, Account]:
        if posting.debit == posting.credit:
            raise no.ACCOUNTS_MUST_BE_DIFFERENT()
        _check_amount(posting.amount_minor)
        debit = self.account(posting.debit, posting.currency)
        credit = self.account(posting.credit, posting.currency)
        if debit.state is State.FROZEN and forced is None:
            raise no.ACCOUNT_FROZEN()
        return debit, credit

    def _from_hold(self, item: Transfer) -> tuple[Hold | None, int, int]:
        """The hold that this transfer captures from, how much it captures, and how much the account gets back in all."""
        if item.hold is None:
            return None, 0, 0
        hold = self._hold(item.hold)
        if self.at >= hold.expires_at and item.forced is None:
            raise no.HOLD_EXPIRED()
        captured = sum(p.amount_minor for p in item.postings if p.debit == hold.account_id)
        if captured == 0:
            raise no.HOLD_OF_ANOTHER_ACCOUNT()
        if captured > hold.left_minor:
            raise no.CAPTURE_EXCEEDS_HOLD(f"{hold.left_minor} is left")
        return hold, captured, hold.left_minor if item.final else captured

    def _place(self, item: NewHold) -> Posted:
        _check_amount(item.amount_minor)
        account = self.account(item.account_id, item.currency)
        if account.state is State.FROZEN:
            raise no.ACCOUNT_FROZEN()
        if item.id in self.holds:
            raise no.TRANSFER_ID_REUSED()
        if item.expires_at <= self.at:
            raise no.HOLD_EXPIRED()
        self._move({}, {account.id: item.amount_minor}, forced=False)
        self.holds[item.id] = Hold(item.id, account.id, item.amount_minor, item.amount_minor, 0, item.expires_at)
        self.rows.new_holds.append(item.id)
        return Posted(self.at, self.booking_date)

    def _release(self, item: Release) -> Posted:
        hold = self._hold(item.hold)
        if hold.left_minor:
            self._move({}, {hold.account_id: -hold.left_minor}, forced=False)
            hold.left_minor = 0
            self.rows.touched_holds.add(hold.id)
        return Posted(self.at, self.booking_date)

    def _hold(self, hold_id: UUID) -> Hold:
        hold = self.holds.get(hold_id)
        if hold is None or hold.account_id not in self.accounts:
            raise no.HOLD_UNKNOWN()
        return hold

    def _move(self, balance: dict[int, int], held: dict[int, int], *, forced: bool) -> None:
        """Changes balances and held money of accounts and of the control accounts they name, if every floor allows it.

        Unforced, whoever ends with less available must stay at or above floor - excess. Forced, excess takes the rest.
        """
        accounts = self.accounts
        change = {i: (more, 0) for i, more in balance.items()}
        for account_id, set_aside in held.items():
            change[account_id] = (balance.get(account_id, 0), set_aside)
        for account_id, (more, set_aside) in tuple(change.items()):
            for control in accounts[account_id].controls:
                others = change.get(control, (0, 0))
                change[control] = (others[0] + more, others[1] + set_aside)
        for account_id, (more, set_aside) in change.items():
            account = accounts[account_id]
            if abs(account.balance_minor + more) > LARGEST_BALANCE or account.held_minor + set_aside > LARGEST_BALANCE:
                raise no.AMOUNT_TOO_LARGE("the balance would be")
            if forced or account.floor_minor is None or more >= set_aside:
                continue
            room = account.balance_minor - account.held_minor - account.floor_minor + account.excess_minor
            if room + more - set_aside < 0:
                raise no.CONTROL_EXCEEDED() if account.is_control else no.INSUFFICIENT_FUNDS()
        for account_id, (more, set_aside) in change.items():
            account = accounts[account_id]
            account.balance_minor += more
            account.held_minor += set_aside
            if account.floor_minor is not None:
                account.excess_minor = max(account.floor_minor - account.balance_minor + account.held_minor, 0)
        self.rows.touched_accounts.update(change)


def _check_amount(amount_minor: int) -> None:
    if amount_minor <= 0:
        raise no.AMOUNT_NOT_POSITIVE()
    if amount_minor > LARGEST_MINOR:
        raise no.AMOUNT_TOO_LARGE()

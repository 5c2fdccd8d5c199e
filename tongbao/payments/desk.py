"""The locked working set of one batch: what has been locked, what has been decided, what will be written.

Between the first account lock and COMMIT there are three statements: the ledger's, payments' and the outbox's.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import ledger, merchants
from tongbao.base import days, outbox
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.payments import limits, store
from tongbao.payments import refusals as no
from tongbao.payments.events import event
from tongbao.payments.facts import Facts
from tongbao.payments.model import Arrives, Capture, Check, Limits, Payment, Spending, State

ARRIVAL = timedelta(hours=2)


class Desk:
    """Everything a verb needs to decide on payments one by one, without another query."""

    def __init__(
        self,
        book: ledger.Book,
        spending: dict[UUID, tuple[Spending, Limits, bool]],
        facts: Facts,
        *,
        at: datetime,
        zone: ZoneInfo,
        hold_days: int,
    ) -> None:
        self.book = book
        self.facts = facts
        self.at = at
        self.zone = zone
        self.day = days.local_day(at, zone)
        self.booking_date: date = book.booking_date
        self.hold_for = timedelta(days=hold_days)
        self.writes = store.Writes()
        self.events: list[outbox.Event] = []
        self._spending = spending

    def check_accounts(self, payment: Payment, checks: list[Check]) -> None:
        """Both ends must exist, be of the payment's currency, differ, and be able to pay and to receive."""
        try:
            payer = self.book.account(self.payer(payment), payment.currency)
            payee = self.book.account(self.payee(payment), payment.currency)
            if payer is payee:
                raise no.ACCOUNTS_MUST_BE_DIFFERENT()
            if payer.state is ledger.State.FROZEN:
                raise no.ACCOUNT_FROZEN()
        except Refusal as refusal:
            checks.append(Check("accounts", False, refusal.code))
            raise
        checks.append(Check("accounts", True))

    def challenge(self, payment: Payment, within_s: int) -> None:
        """Waits for the payer's confirmation; no money is touched, no limit used."""
        payment.due_at = self.at + timedelta(seconds=within_s)
        payment.move(State.CHALLENGED)
        self.writes.waiting.append((payment.id, "confirmation", payment.due_at))

    def authorise(self, payment: Payment, checks: list[Check], *, hold_s: int | None = None) -> None:
        """Limits, then money: captured at once, held for a later capture, or held until it arrives.

        Raises the refusal that stopped it, with the failed check added; nothing has changed then.
        """
        counted = self._spending.get(payment.payer_account_id)
        if counted is not None:
            spending, bounds, may_pay = counted
            if not may_pay:
                checks.append(Check("customer", False, no.CUSTOMER_FROZEN.code))
                raise no.CUSTOMER_FROZEN()
            spending.roll(self.day)
            limits.check(bounds, spending, payment.amount_minor, checks)
        if payment.capture == Capture.MANUAL or payment.arrives != Arrives.NOW:
            self._hold(payment, checks, hold_s)
        else:
            self._pay_at_once(payment, checks)
        if counted is not None:
            counted[0].add(payment.amount_minor, 1)
            self.writes.spending[payment.payer_account_id] = counted[0]
        payment.authorised_minor = payment.amount_minor
        payment.decided_at = self.at

    def _pay_at_once(self, payment: Payment, checks: list[Check]) -> None:
        self._apply(
            ledger.Transfer(
                id=payment.id,
                kind=payment.kind,
                postings=(
                    ledger.Posting(self.payer(payment), self.payee(payment), payment.amount_minor, payment.currency),
                ),
            ),
            payment,
            checks,
        )
        payment.captured_minor = payment.at_once_minor = payment.amount_minor
        payment.fee_minor = payment.at_once_fee_minor = self.fee(payment, payment.amount_minor)
        payment.due_at = None
        payment.move(State.COMPLETED)

    def _hold(self, payment: Payment, checks: list[Check], hold_s: int | None) -> None:
        waits_for = "capture" if payment.arrives == Arrives.NOW else "arrival"
        if payment.arrives == Arrives.IN_TWO_HOURS:
            due_at = self.at + ARRIVAL
        elif payment.arrives == Arrives.NEXT_DAY:
            midnight = datetime.combine(self.day + timedelta(1), datetime.min.time(), self.zone)
            due_at = midnight.astimezone(self.at.tzinfo)
        else:
            due_at = self.at + (timedelta(seconds=hold_s) if hold_s else self.hold_for)
        self._apply(
            ledger.NewHold(
                id=payment.id,
                account_id=self.payer(payment),
                amount_minor=payment.amount_minor,
                currency=payment.currency,
                expires_at=due_at if waits_for == "capture" else due_at + self.hold_for,
            ),
            payment,
            checks,
        )
        payment.due_at = due_at
        payment.move(State.AUTHORISED)
        self.writes.waiting.append((payment.id, waits_for, due_at))

    def _apply(self, item: ledger.Item, payment: Payment, checks: list[Check]) -> None:
        """Lets the ledger decide; the balance check shows what was asked for and, where it fails, what there was."""
        available = self.book.accounts[self.payer(payment)].available_minor
        done = self.book.apply(item)
        if isinstance(done, Refusal):
            checks.append(Check("balance", False, payment.amount_minor, available))
            raise done
        checks.append(Check("balance", True, payment.amount_minor))

    def give_back(self, payment: Payment, amount_minor: int) -> None:
        """Money that was authorised and not taken counts no longer against the limits of its day and month."""
        counted = self._spending.get(payment.payer_account_id)
        if counted is None:
            return
        spending = counted[0]
        spending.roll(self.day)
        spent_on = days.local_day(payment.decided_at or payment.created_at, self.zone)
        whole = amount_minor == payment.amount_minor
        if spent_on == spending.day:
            spending.day_minor = max(0, spending.day_minor - amount_minor)
            spending.day_count = max(0, spending.day_count - whole)
        if spent_on.replace(day=1) == spending.month:
            spending.month_minor = max(0, spending.month_minor - amount_minor)
            spending.month_count = max(0, spending.month_count - whole)
        self.writes.spending[payment.payer_account_id] = spending

    def payer(self, payment: Payment) -> int:
        return self.facts.ledger_id(payment.payer_account_id, payment.currency)

    def payee(self, payment: Payment) -> int:
        assert payment.payee_account_id is not None
        return self.facts.ledger_id(payment.payee_account_id, payment.currency)

    def merchant(self, payment: Payment) -> merchants.Merchant | None:
        return self.facts.merchants.get(payment.merchant_id) if payment.merchant_id else None

    def fee(self, payment: Payment, captured_minor: int) -> int:
        """The merchant's fee on all that has been captured of a payment."""
        merchant = self.merchant(payment)
        return merchant.fee(payment.method, captured_minor) if merchant else 0

    def tell(self, topic: str, payment: Payment, *, operation_id: UUID | None = None, moved: int | None = None) -> None:
        self.events.append(event(topic, payment, self.at, self.booking_date, operation_id=operation_id, moved=moved))

    async def write(self, tx: Tx) -> None:
        """The three statements."""
        await self.book.write(tx)
        await store.write(tx, self.writes, at=self.at, booking_date=self.booking_date)
        await outbox.append(tx, self.events)


async def lock(
    tx: Tx,
    facts: Facts,
    *,
    spenders: set[UUID],
    accounts: set[int],
    holds: set[UUID],
    at: datetime,
    zone: ZoneInfo,
    hold_days: int,
) -> Desk:
    """Locks holds, counters and accounts, in the global order."""
    locked_holds = await ledger.lock_holds(tx, holds) if holds else None
    spending = await store.lock_spending(tx, spenders) if spenders else {}
    book = await ledger.lock(tx, accounts=accounts, locked_holds=locked_holds, at=at)
    return Desk(book, spending, facts, at=at, zone=zone, hold_days=hold_days)

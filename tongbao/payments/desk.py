"""The locked working set of one batch: what has been locked, what has been decided, what will be written.

Between the first account lock and COMMIT there are three statements: the ledger's, payments' and the outbox's.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from tongbao.payments.judge import Judgement
from tongbao.payments.model import OUTSIDE, Arrives, Capture, Check, Counted, HoldsFor, Over, Payment, Scope, State
from tongbao.payments.policy import Needs

ARRIVAL = timedelta(hours=2)
FAMILY_ANSWERS_WITHIN = timedelta(hours=24)
"""How long a payment waits that a trusted person is to agree to."""
"""How long a payment waits that a person is to decide on; then its payer has his money back."""
_CONFIRMED_WITHIN = timedelta(minutes=10)
"""How long a payment over a rail may take after its payer has confirmed it, before it counts as stuck."""


class Desk:
    """Everything a verb needs to decide on payments one by one, without another query."""

    def __init__(
        self,
        book: ledger.Book,
        spending: dict[UUID, Counted],
        facts: Facts,
        *,
        stopped: Mapping[UUID, Scope | None],
        at: datetime,
        zone: ZoneInfo,
        holds_for: HoldsFor,
    ) -> None:
        self.book = book
        self.facts = facts
        self.at = at
        self.zone = zone
        self.day = days.local_day(at, zone)
        self.booking_date: date = book.booking_date
        self.holds_for = holds_for
        self.writes = store.Writes()
        self.events: list[outbox.Event] = []
        self._spending = spending
        self._stopped = stopped

    def check_switches(self, id: UUID, checks: list[Check]) -> None:
        """Refuses what one of the bank's switches stopped when this order or confirmation was claimed."""
        scope = self._stopped.get(id)
        if scope is not None:
            refusal = no.STOPPED[scope]()
            checks.append(Check("switch", False, refusal.code))
            raise refusal

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

    def judgement(self, payment: Payment, judgement: Judgement) -> Judgement:
        """What holds of a judgement now that the payer's counters are locked."""
        counted = self._spending.get(payment.payer_account_id)
        if judgement.otherwise is None or judgement.within_day_minor is None or counted is None:
            return judgement
        counted.spending.roll(self.day)
        is_within = counted.spending.day_minor + payment.amount_minor <= judgement.within_day_minor
        return judgement if is_within else judgement.otherwise

    def challenge(
        self, payment: Payment, within_s: int, checks: list[Check], *, asked: Needs | None, nonce: bytes | None
    ) -> None:
        """Waits for the payer's confirmation; no money is touched, no limit used.

        Nobody is asked to prove himself for what he could not pay: raises what his limits and his balance refuse.
        """
        is_family_asked = asked is not None and asked.family_id is not None
        payment.due_at = self.at + (FAMILY_ANSWERS_WITHIN if is_family_asked else timedelta(seconds=within_s))
        if asked is not None and nonce is not None:
            self._check_limits(payment, checks)
            self._check_money(payment, checks)
            self.writes.challenges.append(
                (
                    payment.id,
                    asked.ways,
                    asked.large,
                    asked.signed,
                    asked.policy_version,
                    asked.why,
                    nonce,
                    payment.due_at,
                    asked.family_id,
                )
            )
        payment.move(State.CHALLENGED)
        self.writes.waiting.append((payment.id, "confirmation", payment.due_at))

    def ask_outside(self, payment: Payment, over: Over, checks: list[Check]) -> None:
        """Waits until the other bank has said that it sends the money; nothing moves before.

        Where it goes on to a payee, nobody is asked for what could not be paid then: raises what the payer's limits refuse.
        """
        self._check_limits(payment, checks)
        payment.due_at = self.at + timedelta(seconds=over.within_s)
        self.writes.waiting.append((payment.id, "rail", payment.due_at))
        self.writes.outside.append((payment.id, over.rail, over.account, True))

    def ask_outside_later(self, payment: Payment, over: Over) -> None:
        """Keeps where the money will come from, until the payer has confirmed."""
        self.writes.outside.append((payment.id, over.rail, over.account, False))

    def ask_outside_now(self, payment: Payment, checks: list[Check]) -> None:
        """The payer has confirmed: the other bank is asked, as `ask_outside` would have had it asked at once."""
        assert payment.rail is not None
        self._check_limits(payment, checks)
        payment.move(State.CREATED)
        payment.due_at = self.at + _CONFIRMED_WITHIN
        self.writes.waiting.append((payment.id, "rail", payment.due_at))
        self.writes.outside.append((payment.id, payment.rail, "", True))

    def authorise(self, payment: Payment, checks: list[Check], *, hold_s: int | None = None) -> None:
        """Limits, then money: captured at once, held for a later capture, or held until it arrives.

        Raises the refusal that stopped it, with the failed check added; nothing has changed then.
        """
        counted = self._check_limits(payment, checks)
        if payment.capture == Capture.MANUAL or payment.arrives != Arrives.NOW:
            self._hold(payment, checks, hold_s)
        else:
            self._pay_at_once(payment, checks)
        self._count(payment, counted)
        payment.authorised_minor = payment.amount_minor
        payment.decided_at = self.at

    def _count(self, payment: Payment, counted: Counted | None) -> None:
        if counted is not None:
            counted.spending.add(payment.amount_minor, 1)
            self.writes.spending[payment.payer_account_id] = counted.spending

    def hold_for_a_person(self, payment: Payment, checks: list[Check], *, hold_s: int | None = None) -> None:
        """Limits, then money: set aside until a person of the bank has decided. Raises as `authorise` does.

        What another bank sends is not asked for before.
        """
        counted = self._check_limits(payment, checks)
        payment.due_at = self.at + self.holds_for.person
        if payment.rail is None:
            afterwards = timedelta(seconds=hold_s) if hold_s else self.holds_for.capture
            self._set_aside(payment, checks, until=payment.due_at + afterwards)
            payment.authorised_minor = payment.amount_minor
            self._count(payment, counted)
        payment.decided_at = self.at
        payment.move(State.HELD)
        self.writes.waiting.append((payment.id, "person", payment.due_at))

    def go_on_later(self, payment: Payment) -> None:
        """Money that a person has let go on, and that is taken, or arrives, later: it stays set aside."""
        waits_for, payment.due_at = self._later(payment, None)
        if waits_for == "capture":
            payment.due_at = self.book.holds[payment.id].expires_at
        payment.move(State.AUTHORISED)
        self.writes.waiting.append((payment.id, waits_for, payment.due_at))

    def _check_limits(self, payment: Payment, checks: list[Check]) -> Counted | None:
        """The payer's counters, which hold one more payment of this amount; None where nobody counts."""
        counted = self._spending.get(payment.payer_account_id)
        if counted is not None:
            if not counted.may_pay:
                checks.append(Check("customer", False, no.CUSTOMER_FROZEN.code))
                raise no.CUSTOMER_FROZEN()
            counted.spending.roll(self.day)
            limits.check_level(counted.level, counted.spending, payment.amount_minor, checks)
            limits.check(counted.limits, counted.spending, payment.amount_minor, checks)
        return counted

    def _check_money(self, payment: Payment, checks: list[Check]) -> None:
        """What another bank sends first need not be there yet."""
        if payment.rail is not None:
            return
        available = self.book.accounts[self.payer(payment)].available_minor
        if available is not None and available < payment.amount_minor:
            checks.append(Check("balance", False, payment.amount_minor, available))
            raise no.BY_CODE["insufficient_funds"]()

    def _pay_at_once(self, payment: Payment, checks: list[Check]) -> None:
        self._apply(
            ledger.Transfer(
                id=payment.id,
                kind=payment.kind,
                postings=(
                    *self._comes_in(payment),
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

    def _comes_in(self, payment: Payment) -> tuple[ledger.Posting, ...]:
        """Money that another bank has sent for this payment, on its way through the payer's account."""
        if payment.rail is None or payment.payer_account_id == OUTSIDE:
            return ()
        outside = self.facts.outside[payment.currency]
        return (ledger.Posting(outside, self.payer(payment), payment.amount_minor, payment.currency),)

    def _hold(self, payment: Payment, checks: list[Check], hold_s: int | None) -> None:
        waits_for, due_at = self._later(payment, hold_s)
        self._set_aside(payment, checks, until=due_at if waits_for == "capture" else due_at + self.holds_for.capture)
        payment.due_at = due_at
        payment.move(State.AUTHORISED)
        self.writes.waiting.append((payment.id, waits_for, due_at))

    def _later(self, payment: Payment, hold_s: int | None) -> tuple[str, datetime]:
        """What money that was set aside waits for, and until when."""
        if payment.arrives == Arrives.IN_TWO_HOURS:
            return "arrival", self.at + ARRIVAL
        if payment.arrives == Arrives.NEXT_DAY:
            midnight = datetime.combine(self.day + timedelta(1), datetime.min.time(), self.zone)
            return "arrival", midnight.astimezone(self.at.tzinfo)
        return "capture", self.at + (timedelta(seconds=hold_s) if hold_s else self.holds_for.capture)

    def _set_aside(self, payment: Payment, checks: list[Check], *, until: datetime) -> None:
        self._apply(
            ledger.NewHold(
                id=payment.id,
                account_id=self.payer(payment),
                amount_minor=payment.amount_minor,
                currency=payment.currency,
                expires_at=until,
            ),
            payment,
            checks,
        )

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
        spending = counted.spending
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
    stopped: Mapping[UUID, Scope | None],
    at: datetime,
    zone: ZoneInfo,
    holds_for: HoldsFor,
) -> Desk:
    """Locks holds, counters and accounts, in the global order. `stopped`: by id, the switch that a claim came with."""
    locked_holds = await ledger.lock_holds(tx, holds) if holds else None
    spending = await store.lock_spending(tx, spenders) if spenders else {}
    book = await ledger.lock(tx, accounts=accounts, locked_holds=locked_holds, at=at)
    return Desk(book, spending, facts, stopped=stopped, at=at, zone=zone, holds_for=holds_for)

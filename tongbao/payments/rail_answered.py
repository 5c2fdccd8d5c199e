"""What a rail said becomes what the payment is. Six verbs; each answer is taken once, whoever hears it again.

Money that another bank has sent is never lost and never sent back by guess: where it cannot be credited it goes to suspense. What a card
was charged for a payment that came to nothing is taken back instead, and only where the network keeps it all the same it is put aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import ledger
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal, RefusalKind
from tongbao.payments import refusals as no
from tongbao.payments.card_model import RAIL as CARDS
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import OUTSIDE, Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


def answer_operation(verb: str, payment_id: UUID, reason: str | None) -> Operation:
    """An answer as something asked of the payment, under the one id that this answer has."""
    return Operation(
        id=derived(payment_id, verb), payment_id=payment_id, principal_id=SYSTEM.id, request_hash=b"", reason=reason
    )


async def rail_accepted(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """The other bank has sent the money: it is credited, or, where the payment or the account is no more, put on suspense.

    Refuses `payment_unknown`, `not_waiting_for_rail`.
    """
    return await operate(
        tx, "rail_accepted", operations, _accepted, facts, suspense=True, at=at, zone=zone, holds_for=holds_for
    )


async def rail_declined(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """The other bank sends no money. Refuses `payment_unknown`, `not_waiting_for_rail`, `rail_contradicts`."""
    return await operate(tx, "rail_declined", operations, _declined, facts, at=at, zone=zone, holds_for=holds_for)


async def rail_silent(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """There was no answer in time: what became of it is unknown until the rail says. Refuses `not_waiting_for_rail`."""
    return await operate(tx, "rail_silent", operations, _silent, facts, at=at, zone=zone, holds_for=holds_for)


async def rail_never_received(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """The other bank surely never had the request. Refuses `payment_unknown`, `not_waiting_for_rail`."""
    return await operate(tx, "rail_never_received", operations, _never, facts, at=at, zone=zone, holds_for=holds_for)


async def rail_reversed(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """The network has taken back what a card may have been charged. Refuses `payment_unknown`, `not_waiting_for_rail`."""
    return await operate(tx, "rail_reversed", operations, _reversed, facts, at=at, zone=zone, holds_for=holds_for)


async def rail_kept(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """The network took nothing back and will pay: the money is the payer's. Refuses `payment_unknown`, `not_waiting_for_rail`."""
    return await operate(
        tx, "rail_kept", operations, _kept, facts, suspense=True, at=at, zone=zone, holds_for=holds_for
    )


def waits(payment: Payment) -> bool:
    """Whether a payment waits for a rail."""
    return payment.rail is not None and payment.state in (State.CREATED, State.UNKNOWN)


def _came_to_nothing(payment: Payment) -> bool:
    return payment.rail == CARDS and payment.state in (State.DECLINED, State.CANCELLED)


def _accepted(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.rail is None:
        raise no.NOT_WAITING_FOR_RAIL()
    if waits(payment):
        return take_in(desk, payment, operation, checks)
    if payment.state != State.COMPLETED:
        # The payer, two people, or the end of its time, had said no before. The money is there all the same.
        _give_back(desk, payment, operation)
    return Moved()


def take_in(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    """Credits what the other bank has sent, and lets it go on to the payee. Where it cannot, a card is given its money back, and
    what another bank has sent waits on suspense."""
    desk.writes.closed.append(payment.id)
    try:
        desk.check_accounts(payment, checks)
        desk.authorise(payment, checks)
    except Refusal as refusal:
        payment.refusal, payment.due_at, payment.decided_at = refusal.code, None, desk.at
        payment.move(State.DECLINED)
        desk.tell(payment.state, payment, operation_id=operation.id)
        _give_back(desk, payment, operation)
        return Moved()
    moved = Moved(payment.at_once_minor, 0, payment.at_once_fee_minor)
    # The operation is the movement, on its own booking day; nothing was captured with the first decision.
    payment.at_once_minor = payment.at_once_fee_minor = 0
    desk.tell(payment.state, payment, operation_id=operation.id, moved=moved.amount_minor)
    return moved


def _give_back(desk: Desk, payment: Payment, operation: Operation) -> None:
    """Nothing is booked of what a card was charged: the network is asked to take it back. Other banks are sent nothing back."""
    if payment.rail == CARDS:
        desk.writes.taken_back.append(payment.id)
    else:
        _put_aside(desk, payment, operation)


def _put_aside(desk: Desk, payment: Payment, operation: Operation) -> None:
    """Into the payer's account, whose card it was, else on suspense."""
    places = [desk.facts.suspense[payment.currency]]
    if payment.payer_account_id != OUTSIDE:
        places.insert(0, desk.payer(payment))
    done = None
    for place in places:
        posting = ledger.Posting(desk.facts.outside[payment.currency], place, payment.amount_minor, payment.currency)
        done = desk.book.apply(ledger.Transfer(id=operation.id, kind="unmatched", postings=(posting,)))
        if not isinstance(done, Refusal):
            break
    if isinstance(done, Refusal):
        raise done
    desk.tell("unmatched", payment, operation_id=operation.id, moved=payment.amount_minor)


def _declined(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.rail is not None and payment.state == State.COMPLETED:
        raise no.RAIL_CONTRADICTS()
    return decline(desk, payment, operation, no.DECLINED_BY_RAIL)


def _never(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    return decline(desk, payment, operation, no.RAIL_NEVER_RECEIVED)


def decline(desk: Desk, payment: Payment, operation: Operation, why: RefusalKind) -> Moved:
    """Ends a payment that waits for a rail; no money was sent."""
    if not waits(payment):
        raise no.NOT_WAITING_FOR_RAIL()
    payment.refusal, payment.due_at, payment.decided_at = why.code, None, desk.at
    payment.move(State.DECLINED)
    desk.writes.closed.append(payment.id)
    if payment.rail == CARDS and why is not no.DECLINED_BY_RAIL:
        desk.writes.taken_back.append(payment.id)  # whatever anybody has found out, the request may still be under way
    desk.tell(payment.state, payment, operation_id=operation.id)
    return Moved()


def _reversed(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if not _came_to_nothing(payment):
        raise no.NOT_WAITING_FOR_RAIL()
    desk.writes.closed.append(payment.id)
    desk.tell("reversed", payment, operation_id=operation.id)
    return Moved()


def _kept(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if not _came_to_nothing(payment):
        raise no.NOT_WAITING_FOR_RAIL()
    desk.writes.closed.append(payment.id)
    _put_aside(desk, payment, operation)
    return Moved()


def _silent(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.state != State.CREATED or payment.rail is None or payment.due_at is None:
        raise no.NOT_WAITING_FOR_RAIL()
    payment.move(State.UNKNOWN)
    desk.writes.waiting.append((payment.id, "rail_answer", payment.due_at))
    desk.tell(payment.state, payment, operation_id=operation.id)
    return Moved()

"""Let a payment go before it is taken: what is held goes back, what was captured stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tongbao import ledger
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.payments import refusals as no
from tongbao.payments.card_model import RAIL as CARDS
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def cancel(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Cancels payments that wait for a confirmation or hold money; the payer himself only those that wait for him, for a person of the
    bank, or for his card, which is given back what it may have been charged.

    Refuses `payment_unknown`, `not_cancellable`.
    """
    return await operate(tx, "cancel", operations, _cancel, facts, at=at, zone=zone, holds_for=holds_for)


def _cancel(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if is_asked_of_card(payment):
        desk.writes.taken_back.append(payment.id)
    elif payment.state not in (State.CHALLENGED, State.HELD, State.AUTHORISED):
        raise no.NOT_CANCELLABLE()
    elif operation.payer_id is not None and payment.state == State.AUTHORISED:
        raise no.NOT_CANCELLABLE()  # what is authorised was promised to the payee
    let_go(desk, payment, State.CANCELLED)
    desk.tell("cancelled", payment, operation_id=operation.id)
    return Moved()


def is_asked_of_card(payment: Payment) -> bool:
    """Whether the card network is still to say what became of a payment."""
    return payment.rail == CARDS and payment.state in (State.CREATED, State.UNKNOWN)


def let_go(desk: Desk, payment: Payment, ends_as: State) -> None:
    """Releases the hold and the counted limits; a payment of which a part was captured is completed by that part."""
    if payment.state in (State.AUTHORISED, State.HELD) and payment.authorised_minor:
        done = desk.book.apply(ledger.Release(hold=payment.id))
        if isinstance(done, Refusal):
            raise done
        desk.give_back(payment, payment.authorised_minor - payment.captured_minor)
    payment.due_at = None
    payment.move(State.COMPLETED if payment.captured_minor else ends_as)
    desk.writes.closed.append(payment.id)

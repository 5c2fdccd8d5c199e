"""The payer says yes to what was shown: amount, payee, fee. Only now are limits used and money moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import risk, vault
from tongbao.base.db import Tx
from tongbao.payments import authorise_store, family
from tongbao.payments import proof as proofs
from tongbao.payments import refusals as no
from tongbao.payments.authorise import Asked, asked_about
from tongbao.payments.authorise_store import Proof
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def confirm(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Confirms challenged payments. One refused for a switch, money or limit stays challenged and may be confirmed again.

    Where the policy asked its payer for something, nobody but he confirms, once he has shown enough for exactly what is paid;
    the proof of it is written with the payment. What risk asks to hold waits for a person then. Refuses `payment_unknown`, `not_challenged`, `family_to_agree`,
    `authorisation_needed`, `evidence_stale`, `instruction_changed`, and what `submit` refuses for switches, accounts, limits and money.
    """
    asked: dict[UUID, Asked] = {}
    agreed: dict[UUID, bool | None] = {}
    held: set[UUID] = set()
    keys: list[vault.PrivateKey] = []
    made: list[Proof] = []

    async def look(tx: Tx, payments: Mapping[UUID, Payment]) -> None:
        asked.update(await asked_about(tx, payments.values()))
        agreed.update(await family.check_agreed(tx, [*payments]))
        held.update(await risk.asks_to_hold(tx, [*payments]))
        if asked:
            keys.append(await vault.bank_key(tx, at))

    def decide(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
        _is_waiting(desk, payment)
        if not agreed.get(payment.id, True):
            checks.append(Check("family", False, no.FAMILY_TO_AGREE.code))
            raise no.FAMILY_TO_AGREE()
        wanted = asked.get(payment.id)
        if wanted is None:
            return _confirm(desk, payment, operation, checks, is_held=payment.id in held)
        _check_authorised(wanted, operation, checks, at)
        moved = _confirm(desk, payment, operation, checks, is_held=payment.id in held)
        assert operation.payer_id is not None
        said = proofs.document(
            wanted, wanted.counted(at), operation_id=operation.id, payer_id=operation.payer_id, key=keys[0], at=at
        )
        made.append(proofs.sealed(payment.id, said, keys[0]))
        return moved

    outcomes = await operate(tx, "confirm", operations, decide, facts, at=at, zone=zone, holds_for=holds_for, look=look)
    if made:
        await authorise_store.add_proofs(tx, made, at)
    return outcomes


def _is_waiting(desk: Desk, payment: Payment) -> None:
    if payment.state != State.CHALLENGED or payment.due_at is None or desk.at >= payment.due_at:
        raise no.NOT_CHALLENGED()


def _check_authorised(asked: Asked, operation: Operation, checks: list[Check], at: datetime) -> None:
    refusal = no.AUTHORISATION_NEEDED() if operation.payer_id is None else asked.refusal(at)
    if refusal is not None:
        checks.append(Check("evidence", False, refusal.code))
        raise refusal
    shown = sorted(one.kind.value for one in asked.counted(at))
    checks.append(Check("evidence", True, " ".join(shown), asked.challenge.ways))


def _confirm(desk: Desk, payment: Payment, operation: Operation, checks: list[Check], *, is_held: bool) -> Moved:
    desk.check_switches(operation.id, checks)
    desk.check_accounts(payment, checks)
    if is_held:
        desk.hold_for_a_person(payment, checks)
        desk.tell(payment.state, payment, operation_id=operation.id)
        return Moved()
    if payment.rail is not None:
        desk.ask_outside_now(payment, checks)
        desk.tell(payment.state, payment, operation_id=operation.id)
        return Moved()
    desk.authorise(payment, checks)
    moved = Moved(payment.at_once_minor, 0, payment.at_once_fee_minor)
    # The operation is the movement, on its own booking day; nothing was captured with the first decision.
    payment.at_once_minor = payment.at_once_fee_minor = 0
    if payment.state == State.COMPLETED:
        desk.writes.closed.append(payment.id)
    desk.tell(payment.state, payment, operation_id=operation.id, moved=moved.amount_minor)
    return moved

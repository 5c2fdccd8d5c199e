"""Submit orders: claim, lock, decide one by one, write. The one place where an instruction becomes a payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import merchants
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal, RefusalKind
from tongbao.payments import assess, authorise_store, store
from tongbao.payments import desk as desks
from tongbao.payments import refusals as no
from tongbao.payments.assess import Assessed
from tongbao.payments.facts import Facts
from tongbao.payments.judge import Judgement, Verdict
from tongbao.payments.model import OUTSIDE, Capture, Check, HoldsFor, Kind, Order, Outcome, Payment, Scope, State

_CONFIRM_WITHIN_S = 900
_REMOVED: Final = Judgement(Verdict.DENY, refusal=no.ORDER_SIGNATURE_WRONG)
"""Of an order whose signature was right, by a key that its payer has taken away since."""


async def submit(
    tx: Tx,
    orders: Sequence[Order],
    judgements: Sequence[Judgement],
    facts: Facts,
    *,
    at: datetime,
    zone: ZoneInfo,
    holds_for: HoldsFor,
    assessed: Assessed | None = None,
) -> list[Outcome]:
    """One outcome an order, in order: as if they had come one by one.

    A refusal is an outcome, remembered under its id for ever. An id seen before answers what it answered first; with
    another body or from another principal it is refused (`id_reused`, `id_taken`) and nothing is shown. What risk has
    `assessed` it remembers of new orders.
    """
    first = {order.id: place for place, order in reversed(list(enumerate(orders)))}
    once = [order for place, order in enumerate(orders) if place == first[order.id]]
    judged = {order.id: judgement for order, judgement in zip(orders, judgements, strict=True)}
    payees = {order.id: facts.payee_of(order) for order in once}
    fresh = await store.claim(tx, sorted(once, key=lambda o: o.id), payees, at)
    ours = [order for order in once if order.id in fresh]
    if assessed:
        assess.remember(tx, ours, assessed, at)
    shown = [(order.id, proven) for order in ours if (proven := judged[order.id].shown) is not None]
    if shown:
        counting = await authorise_store.add_signatures(tx, shown, at)
        judged |= {id_: _REMOVED for id_, _ in shown if id_ not in counting}
    outcomes = await _decide_all(tx, ours, fresh, judged, payees, facts, at=at, zone=zone, holds_for=holds_for)
    if assessed:
        assess.tell_declined(tx, outcomes, assessed)
    outcomes |= await replays(tx, [order for order in once if order.id not in fresh])
    return [
        outcomes[order.id] if place == first[order.id] else _again(order, orders[first[order.id]], outcomes[order.id])
        for place, order in enumerate(orders)
    ]


async def _decide_all(
    tx: Tx,
    orders: Sequence[Order],
    stopped: Mapping[UUID, Scope | None],
    judged: dict[UUID, Judgement],
    payees: dict[UUID, UUID | None],
    facts: Facts,
    *,
    at: datetime,
    zone: ZoneInfo,
    holds_for: HoldsFor,
) -> dict[UUID, Outcome]:
    if not orders:
        return {}
    # What a switch stops, or names somebody else's account, touches nothing: no merchant's order, no account.
    going = [o for o in orders if stopped[o.id] is None and facts.is_of(o.payer_account_id, o.payer_id)]
    bought = [_wanted(o, judged[o.id]) for o in going if o.order_id and o.merchant_id]
    claimed = await merchants.claim_orders(tx, bought, at) if bought else {}
    desk = await desks.lock(
        tx,
        facts,
        spenders={o.payer_account_id for o in going if o.kind is not Kind.TOPUP} & facts.accounts.keys(),
        accounts=_touched(going, payees, facts),
        holds=set(),
        stopped=stopped,
        at=at,
        zone=zone,
        holds_for=holds_for,
    )
    outcomes: dict[UUID, Outcome] = {}
    for order in orders:
        payment = _created(order, payees[order.id], desk)
        checks: list[Check] = [Check("authentication", True)]
        refused: Refusal | None = None
        try:
            _decide(desk, order, payment, judged[order.id], claimed, checks)
        except Refusal as refusal:
            refused = no.BY_CODE[refusal.code]()
            payment.move(State.DECLINED)
            payment.refusal = refusal.code
        desk.tell(payment.state, payment)
        desk.writes.payments.append(payment)
        desk.writes.decisions.append((payment.id, payment.state, payment.due_at, tuple(checks)))
        outcomes[order.id] = Outcome(payment, tuple(checks), refused)
    await desk.write(tx)
    taken = {id_ for id_, refused in claimed.items() if refused is None}
    given_up = [o.order_id for o in going if o.order_id and o.id in taken and outcomes[o.id].refusal]
    if given_up:
        await merchants.release_orders(tx, given_up, at)
    return outcomes


def _touched(orders: Sequence[Order], payees: dict[UUID, UUID | None], facts: Facts) -> set[int]:
    """Both ends of each order, as far as they are known."""
    known = facts.accounts
    touched = {known[i][0] for o in orders for i in (o.payer_account_id, payees[o.id]) if i and i in known}
    return touched | {facts.outside[o.currency] for o in orders if o.payer_account_id == OUTSIDE}


def _wanted(order: Order, judgement: Judgement) -> merchants.OrderClaim:
    assert order.order_id is not None
    assert order.merchant_id is not None
    becomes = merchants.OrderState.AUTHORISED if order.capture is Capture.MANUAL else merchants.OrderState.PAID
    if judgement.verdict in (Verdict.CHALLENGE, Verdict.HOLD) or order.over is not None:
        becomes = merchants.OrderState.PAYING
    return merchants.OrderClaim(
        order.order_id, order.merchant_id, order.id, order.amount_minor, order.currency, becomes
    )


def _created(order: Order, payee: UUID | None, desk: desks.Desk) -> Payment:
    return Payment(
        id=order.id,
        kind=order.kind.value,
        principal_id=order.principal_id,
        request_hash=order.request_hash,
        payer_account_id=order.payer_account_id,
        payee_account_id=payee,
        merchant_id=order.merchant_id,
        order_id=order.order_id,
        amount_minor=order.amount_minor,
        currency=order.currency,
        capture=order.capture.value,
        arrives=order.arrives.value,
        method=order.method.value,
        reference=order.reference,
        device=order.device,
        created_at=desk.at,
        state=State.CREATED.value,
        refusal=None,
        authorised_minor=0,
        captured_minor=0,
        refunded_minor=0,
        disputed_minor=0,
        settled_minor=0,
        fee_minor=0,
        at_once_minor=0,
        at_once_fee_minor=0,
        booking_date=desk.booking_date,
        decided_at=desk.at,
        due_at=None,
        sequence=0,
        rail=order.over.rail if order.over else None,
    )


def _decide(
    desk: desks.Desk,
    order: Order,
    payment: Payment,
    judgement: Judgement,
    claimed: dict[UUID, RefusalKind | None],
    checks: list[Check],
) -> None:
    """Refuse, refuse, refuse, then act."""
    if not desk.facts.is_of(order.payer_account_id, order.payer_id):
        _fail(checks, "accounts", no.PAYER_UNKNOWN())  # as if it did not exist, and before anything else is said
    desk.check_switches(order.id, checks)
    known = desk.facts.accounts
    from_outside = order.payer_account_id == OUTSIDE and order.kind is Kind.TOPUP
    payer_may = order.payer_account_id in known and order.payer_account_id not in desk.facts.takings
    if not from_outside and not payer_may:
        _fail(checks, "accounts", no.PAYER_UNKNOWN())
    if order.merchant_id is not None:
        merchant = desk.facts.merchants.get(order.merchant_id)
        if merchant is None:
            _fail(checks, "merchant", no.MERCHANT_UNKNOWN())
        elif not merchant.takes_payments:
            _fail(checks, "merchant", no.MERCHANT_CLOSED())
    elif payment.payee_account_id not in known or payment.payee_account_id in desk.facts.takings:
        _fail(checks, "accounts", no.PAYEE_UNKNOWN())
    refused_order = claimed.get(order.id)
    if refused_order is not None:
        _fail(checks, "order", refused_order())
    desk.check_accounts(payment, checks)
    judgement = desk.judgement(payment, judgement)
    _show_judgement(judgement, checks)
    if judgement.verdict is Verdict.DENY:
        _fail(checks, "authorisation", (judgement.refusal or no.AUTHORISATION_REFUSED)())
    if judgement.verdict is Verdict.CHALLENGE:
        desk.challenge(payment, _CONFIRM_WITHIN_S, checks, asked=judgement.needs, nonce=judgement.nonce)
        if order.over is not None:
            desk.ask_outside_later(payment, order.over)
        return
    if judgement.verdict is Verdict.HOLD:
        desk.hold_for_a_person(payment, checks, hold_s=order.hold_s)
        if order.over is not None:
            desk.ask_outside_later(payment, order.over)
        return
    if order.over is not None:
        desk.ask_outside(payment, order.over, checks)
        return
    desk.authorise(payment, checks, hold_s=order.hold_s)


def _show_judgement(judgement: Judgement, checks: list[Check]) -> None:
    """What was judged; where the policy spoke, by which version, how many ways it asks for, and why."""
    checks.append(Check("judgement", judgement.verdict is not Verdict.DENY, judgement.verdict.value, judgement.reason))
    if judgement.needs is not None:
        checks.append(Check("policy", True, judgement.needs.policy_version))
        checks.append(Check("ways", not judgement.needs.refused, judgement.needs.ways, judgement.needs.why))


def _fail(checks: list[Check], name: str, refusal: Refusal) -> None:
    checks.append(Check(name, False, refusal.code))
    raise refusal


async def replays(tx: Tx, orders: Sequence[Order]) -> dict[UUID, Outcome]:
    """What ids that were claimed before answer now: what they answered first, or that the id is not for this."""
    if not orders:
        return {}
    ids = [order.id for order in orders]
    payments = await store.payments(tx, ids)
    decisions = await store.decisions(tx, ids)
    outcomes: dict[UUID, Outcome] = {}
    for order in orders:
        payment = payments[order.id]
        if payment.principal_id != order.principal_id:
            outcomes[order.id] = Outcome(None, refusal=no.ID_TAKEN())
        elif payment.request_hash != order.request_hash:
            outcomes[order.id] = Outcome(None, refusal=no.ID_REUSED())
        else:
            outcomes[order.id] = _first_answer(payment, *decisions[order.id])
    return outcomes


def _first_answer(payment: Payment, state: str, due_at: datetime | None, checks: tuple[Check, ...]) -> Outcome:
    """The payment as it was when it had just been decided."""
    payment.state = state
    payment.due_at = due_at
    payment.captured_minor = payment.at_once_minor
    payment.fee_minor = payment.at_once_fee_minor
    payment.refunded_minor = payment.disputed_minor = payment.settled_minor = 0
    authorised = state in (State.COMPLETED, State.AUTHORISED) or (state == State.HELD and payment.rail is None)
    payment.authorised_minor = payment.amount_minor if authorised else 0
    refusal = None
    if state != State.DECLINED:
        payment.refusal = None  # of what came later
    elif payment.refusal is not None:
        refusal = no.BY_CODE[payment.refusal]()
    return Outcome(payment, checks, refusal, replayed=True)


def _again(order: Order, first: Order, outcome: Outcome) -> Outcome:
    """The same id twice in one batch: the later one sees the earlier one's outcome."""
    if order.principal_id != first.principal_id:
        return Outcome(None, refusal=no.ID_TAKEN())
    if order.request_hash != first.request_hash:
        return Outcome(None, refusal=no.ID_REUSED())
    if outcome.payment is None:
        return outcome
    return Outcome(outcome.payment, outcome.checks, outcome.refusal, replayed=True)

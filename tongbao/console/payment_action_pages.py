"""What staff do about one payment: ask the other bank again, propose how it ended there, cancel, refund.

Each form carries the id of what it asks for, so that sent twice it is done once, and how far the payment had come when the
page was shown, so that whoever was overtaken looks again before he decides.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation

from tongbao import payments
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.payments import MAY_RESOLVE, Operation, Payment, RailSaid, Resolution
from tongbao.web import forms, i18n, pages
from tongbao.web.body import canonical_hash
from tongbao.web.forms import Filled, Form, Reason, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

Pays = NamedDependency[SkipValidation[payments.Intake]]
Seen = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]

_SAID_MESSAGES: Final = {
    RailSaid.ACCEPTED: "The other bank says that it has sent the money. The payment is credited.",
    RailSaid.DECLINED: "The other bank says that it sends no money. The payment is declined.",
    RailSaid.NEVER_SEEN: "The other bank has never seen the request. It is sent again, or declined when its time is over.",
    RailSaid.SILENT: "The other bank gave no answer that says anything. Nothing has changed.",
    RailSaid.NOT_SENT: "The other bank cannot be reached. Nothing has changed.",
}


class RefundForm(Form, frozen=True):
    id: UUID
    expected: Seen
    amount: Sum
    reason: Reason


class CancelForm(Form, frozen=True):
    id: UUID
    expected: Seen
    reason: Reason


class ResolveForm(Form, frozen=True):
    id: UUID
    outcome: Resolution
    reason: Reason


async def _payment(db: Database, id: UUID) -> Payment:
    async with db.read() as tx:
        found = (await payments.find_payments(tx, [id])).get(id)
    if found is None:
        raise payments.PAYMENT_UNKNOWN()
    return found


async def _show(
    request: PageRequest, db: Database, id: UUID, action: str, form: Filled[Any], *, status: int = 200
) -> Page:
    """The page of an action with the payment as it is now; where it can no longer be done, it says so."""
    lang = pages.language(request)
    payment = await _payment(db, id)
    return pages.show(
        request,
        f"console/payment_{action}.html",
        status=status,
        payment=payment,
        possible=action in {_PLAIN.get(name, name) for name in payments.actions(payment)},
        left=payment.captured_minor - payment.refunded_minor,
        state=payments.state_word(payment.state, lang),
        form=form,
    )


_PLAIN: Final = {"refunds": "refund"}


@post("/staff/payments/{id:uuid}/ask-again", guards=[visitor("staff", MAY_RESOLVE)], include_in_schema=False)
async def ask_again(id: Id, db: Db, clock: Now, settings: Config, intake: Pays, principal: By) -> Page:
    """Asks the other bank now; what it said stands on the payment's page."""
    asked = await payments.ask_again(db, intake, settings, principal, id, clock.now())
    return pages.go(f"/staff/payments/{id}", said=_SAID_MESSAGES[asked.call.said])


@get("/staff/payments/{id:uuid}/refund", guards=[visitor("staff", "payments:refund")], include_in_schema=False)
async def refund_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, db, id, "refund", forms.blank())


@post("/staff/payments/{id:uuid}/refund", guards=[visitor("staff", "payments:refund")], include_in_schema=False)
async def refund(request: PageRequest, id: Id, db: Db, intake: Pays, principal: By) -> Page:
    payment = await _payment(db, id)
    filled = await forms.read(request, RefundForm, currency=payment.currency)
    if filled.value is None:
        return await _show(request, db, id, "refund", filled, status=422)
    wanted = filled.value
    operation = Operation(
        id=wanted.id,
        payment_id=id,
        principal_id=principal.id,
        request_hash=canonical_hash(wanted, "refund"),
        amount_minor=wanted.amount,
        reason=wanted.reason,
    )
    again = await _ask(request, db, intake, "refund", operation, wanted.expected, filled)
    if again is not None:
        return again
    return pages.go(f"/staff/payments/{id}", said="Refunded. The payer has the money.")


@get("/staff/payments/{id:uuid}/cancel", guards=[visitor("staff", "payments:cancel")], include_in_schema=False)
async def cancel_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, db, id, "cancel", forms.blank())


@post("/staff/payments/{id:uuid}/cancel", guards=[visitor("staff", "payments:cancel")], include_in_schema=False)
async def cancel(request: PageRequest, id: Id, db: Db, intake: Pays, principal: By) -> Page:
    filled = await forms.read(request, CancelForm)
    if filled.value is None:
        return await _show(request, db, id, "cancel", filled, status=422)
    wanted = filled.value
    operation = Operation(
        id=wanted.id,
        payment_id=id,
        principal_id=principal.id,
        request_hash=canonical_hash(wanted, "cancel"),
        reason=wanted.reason,
    )
    again = await _ask(request, db, intake, "cancel", operation, wanted.expected, filled)
    if again is not None:
        return again
    return pages.go(f"/staff/payments/{id}", said="Cancelled. What was held is free again.")


async def _ask(
    request: PageRequest,
    db: Database,
    intake: payments.Intake,
    verb: str,
    operation: Operation,
    expected: int,
    filled: Filled[Any],
) -> Page | None:
    """Asks it of the payment; the form again where the bank says no, None where it is done."""
    lang, about = pages.language(request), operation.payment_id
    if await _overtaken(db, operation, expected):
        said = i18n.say("This payment has changed since the page was loaded. Look at it, then decide again.", lang)
        return await _show(request, db, about, verb, Filled[Any](None, _anew(filled), {"": said}), status=409)
    try:
        outcome = await intake.ask(verb, operation)
    except Refusal as refusal:  # no trace of it is left: the same id may try again
        return await _show(request, db, about, verb, filled.refused(refusal, lang), status=refusal.kind.status)
    if outcome.refusal is None:
        return None
    # A refusal is remembered under its id, so the next try is a new one.
    again = msgspec.structs.replace(filled.refused(outcome.refusal, lang), given=_anew(filled))
    return await _show(request, db, about, verb, again, status=outcome.refusal.kind.status)


async def _overtaken(db: Database, operation: Operation, expected: int) -> bool:
    """Whether something else happened to the payment since the page was shown; this very form, sent before, does not count."""
    if (await _payment(db, operation.payment_id)).sequence == expected:
        return False
    async with db.read() as tx:
        return await payments.payment_behind(tx, operation.id) != operation.payment_id


def _anew(filled: Filled[Any]) -> dict[str, str]:
    """What was typed, without the id that it was typed under."""
    return {name: value for name, value in filled.given.items() if name != "id"}


@get("/staff/payments/{id:uuid}/resolve", guards=[visitor("staff", MAY_RESOLVE)], include_in_schema=False)
async def resolve_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, db, id, "resolve", forms.blank())


@post("/staff/payments/{id:uuid}/resolve", guards=[visitor("staff", MAY_RESOLVE)], include_in_schema=False)
async def resolve(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Proposes how the payment ended at the other bank; it ends so when another person approves."""
    filled = await forms.read(request, ResolveForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, "resolve", filled, status=422)

    async def propose(tx: Tx) -> bool:
        if await _is_proposed(tx, id, wanted.id):
            return False
        await payments.propose_resolution(
            tx, principal, id, wanted.outcome, id=wanted.id, reason=wanted.reason, at=clock.now()
        )
        return True

    try:
        if not await db.retry(propose):
            said = i18n.say(
                "A proposal for this payment waits for a second person already. Look at it before you propose another.",
                pages.language(request),
            )
            return await _show(request, db, id, "resolve", Filled[Any](None, _anew(filled), {"": said}), status=409)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, id, "resolve", again, status=refusal.kind.status)
    seen = "approvals:read" in principal.permissions
    to = f"/staff/approvals/{wanted.id}" if seen else f"/staff/payments/{id}"
    return pages.go(to, said="Proposed. Another person decides.")


async def _is_proposed(tx: Tx, payment_id: UUID, but: UUID) -> bool:
    """Whether another proposal than `but` waits for its second person."""
    waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=payments.RESOLVE, most=1000)
    return any(a.payload["payment_id"] == str(payment_id) and a.id != but for a in waiting)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    ask_again,
    refund_page,
    refund,
    cancel_page,
    cancel,
    resolve_page,
    resolve,
)

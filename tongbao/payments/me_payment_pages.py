"""One payment as its payer or its payee sees it: how it ended, what to do next, and what can still be asked of it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, risk
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.payments import authorise_store, family, model, receipts, words
from tongbao.payments import refusals as no
from tongbao.payments.actions import waits_for
from tongbao.payments.again import again
from tongbao.payments.asked import Pays
from tongbao.payments.authorise import asked_about
from tongbao.payments.bodies import NoOrder
from tongbao.payments.door import payer_of
from tongbao.payments.own_accounts import others, own_state
from tongbao.payments.policy_words import asked_words
from tongbao.payments.seen import Seen, Side, may_see_payment, steps_of
from tongbao.payments.timeline import Step, payment_behind
from tongbao.web import forms, i18n, pages, voucher
from tongbao.web.body import canonical_hash, idempotency_key
from tongbao.web.export import bank_name, printed
from tongbao.web.pages import Page, PageRequest
from tongbao.web.sheet import About
from tongbao.web.site import By, Config, Db, Id, Now, visitor

_MARKS: Final = {"instruction": "→", "decision": "§", "hold": "‖", "entry": "¥", "operation": "↻"}

NEXT_MESSAGES: Final = {
    "insufficient_funds": "Pay a smaller amount, or from another account, or put money on this one first.",
    "not_verified": "Show who you are, by name and identity number or at a branch, then pay anew.",
    "over_level_limit": "Pay a smaller amount, or come to a branch with your identity card: then your limit rises.",
    "over_payment_limit": "Pay a smaller amount, or look at your limits: what you have set yourself you may raise.",
    "over_day_limit": "Try again tomorrow, or look at your limits: what you have set yourself you may raise.",
    "over_month_limit": "Try again next month, or look at your limits: what you have set yourself you may raise.",
    "over_day_count": "Try again tomorrow, or look at your limits: what you have set yourself you may raise.",
    "over_month_count": "Try again next month, or look at your limits: what you have set yourself you may raise.",
    "account_frozen": "Only the bank can lift this: call the bank, or come to a branch with your identity card.",
    "customer_frozen": "Only the bank can lift this: call the bank, or come to a branch with your identity card.",
    "authorisation_refused": "Only the bank can lift this: call the bank, or come to a branch with your identity card.",
    "account_closed": "Ask the payee for an account that is open, then pay anew.",
    "payee_unknown": "Ask the payee for the account number once more, then pay anew.",
    "accounts_must_be_different": "Choose two different accounts, then pay anew.",
    "currency_mismatch": "Pay from an account in the payee's currency.",
    "merchant_closed": "Ask in the shop how you can pay there.",
    "merchant_stopped": "Ask in the shop how you can pay there.",
}
"""What to do after a refusal, by its code."""
OTHERWISE_MESSAGES: Final = "Nothing was taken from your account. Look at what you asked for, then pay anew."


@get("/me/payments/{id:uuid}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def payment_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """What an entry names may be a refund or a capture: it leads to the payment that it belongs to."""
    try:
        return await _page(request, id, principal, db, clock)
    except Refusal as refusal:
        if refusal.code != no.PAYMENT_UNKNOWN.code:
            raise
    async with db.read() as tx:
        behind = await payment_behind(tx, id)
        if behind is None or behind == id:
            raise no.PAYMENT_UNKNOWN()
        await may_see_payment(tx, principal, behind)
    return pages.go(f"/me/payments/{behind}")


def _is_refused_by_the_bank(seen: Seen) -> bool:
    return seen.side is Side.PAYER and seen.payment.refusal == no.AUTHORISATION_REFUSED.code


async def _page(
    request: PageRequest, id: UUID, principal: Principal, db: Database, clock: Clock, refusal: Refusal | None = None
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        seen = await may_see_payment(tx, principal, id)
        steps = await steps_of(tx, seen)
        other = (await others(tx, [seen.payment], seen.own))[id]
        waits = waits_for(seen.payment) if seen.side is Side.PAYER else None
        asked = await asked_about(tx, [seen.payment]) if waits == "confirmation" else {}
        trusted = await _trusted(tx, seen) if waits == "confirmation" else None
        proven = seen.side is Side.PAYER and await authorise_store.proof(tx, id) is not None
        warns = waits in ("confirmation", "person") or _is_refused_by_the_bank(seen)
        told = (await risk.sayings(tx, id, lang)).told if warns else ()
        once_more = await again(tx, seen.payment) if seen.side is Side.PAYER else None
    payment = seen.payment
    return pages.show(
        request,
        "payments/me_payment.html",
        status=refusal.kind.status if refusal else 200,
        payment=payment,
        is_payer=seen.side is Side.PAYER,
        own=seen.own,
        other=other,
        steps=[(step, _MARKS.get(step.what, "·"), _said(step, lang)) for step in steps if step.what != "check"],
        checks=[(step.details.get("passed", True), _said(step, lang)) for step in steps if step.what == "check"],
        waits_for=waits,
        asks=bool(asked),
        trusted=trusted,
        told=told,
        reasons=[said for one in asked.values() for said in asked_words(one.challenge.why, lang)],
        proven=proven,
        again="/me/pay?" + urlencode(once_more) if once_more else None,
        may_recall=_may_recall(seen, clock),
        why=words.refusal_word(payment.refusal, lang) if payment.refusal else None,
        advice=i18n.say(NEXT_MESSAGES.get(payment.refusal or "", OTHERWISE_MESSAGES), lang),
        words={
            "state": own_state(payment, is_payer=seen.side is Side.PAYER, lang=lang),
            "kind": words.kind_word(payment.kind, lang),
            "method": words.method_word(payment.method, lang),
        },
        refused=(refusal.kind.zh if lang == "zh" else refusal.kind.en) if refusal else None,
    )


async def _trusted(tx: Tx, seen: Seen) -> str | None:
    """Who is to agree before its payer can confirm it; None where nobody is, or he has agreed."""
    ask = (await family.asks(tx, [seen.payment.id])).get(seen.payment.id)
    if ask is None or ask.agreed:
        return None
    people = await identity.find_customers(tx, [ask.trusted_id])
    return (await identity.names_for_others(tx, people.values()))[ask.trusted_id]


def _said(step: Step, lang: Lang) -> str:
    return step.zh if lang == "zh" else step.en


def _may_recall(seen: Seen, clock: Clock) -> bool:
    payment = seen.payment
    waits = seen.side is Side.PAYER and waits_for(payment) == "arrival"
    return waits and payment.due_at is not None and clock.now() < payment.due_at


@get("/me/payments/{id:uuid}/receipt", guards=[visitor("me", "me:read")], include_in_schema=False)
async def receipt_file(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Any:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await receipts.receipt(tx, (await may_see_payment(tx, principal, id)).payment)
    about = About(title=receipts.TITLE[lang], bank=bank_name(settings, lang), at=clock.now(), lang=lang)
    draw = partial(voucher.draw, receipts.voucher(found, about, settings.zone), settings.zone, settings.pdf_font)
    return await printed(draw, name=f"receipt-{id}")


def _asks(verb: str, said: str) -> HTTPRouteHandler:
    """The route of a button that asks something of a payment, as `POST /v1/payments/{id}/<verb>` does."""

    @post(f"/me/payments/{{id:uuid}}/{verb}", guards=[visitor("me", "me:pay")], include_in_schema=False)
    async def ask(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, intake: Pays) -> Page:
        given = await forms.posted(request)
        operation = model.Operation(
            id=idempotency_key(((b"idempotency-key", given.get("id", "").encode()),)),
            payment_id=id,
            principal_id=principal.id,
            request_hash=canonical_hash(NoOrder()),
            payer_id=payer_of(principal),
        )
        try:
            outcome = await intake.ask(verb, operation)
        except Refusal as refusal:  # no room, no database: nothing was done
            return await _page(request, id, principal, db, clock, refusal)
        if outcome.refusal is not None:
            return await _page(request, id, principal, db, clock, outcome.refusal)
        return pages.go(f"/me/payments/{id}", said=said)

    return ask


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    payment_page,
    receipt_file,
    _asks("confirm", said="You have confirmed the payment."),
    _asks("cancel", said="The payment is cancelled. Nothing was taken from your account."),
    _asks("recall", said="The transfer is recalled. The money is yours again."),
)

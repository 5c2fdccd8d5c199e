"""Payments as their shop sees them: found again, looked into, given back, captured, let go. Nothing of the payer's account.

Each form carries the id of what it asks for, so that sent twice it is done once, and how far the payment had come when the
page was shown, so that whoever was overtaken looks again first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, SkipValidation

from tongbao import merchants, payments
from tongbao.base import say
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.clearing.shop_pages import searched, shop_of, state_of, state_word
from tongbao.web import export, forms, i18n, pages, paging, tables
from tongbao.web.body import canonical_hash
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

Pays = NamedDependency[SkipValidation[payments.Intake]]
Seen = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Why = Annotated[str, msgspec.Meta(max_length=500)]


def _money(key: str, en: str, zh: str, *, total: bool = False) -> Column:
    return Column(key, en, zh, tables.MONEY, currency_from="currency", total=total)


COLUMNS: Final = (
    Column("created_at", "Time", "时间", tables.MOMENT),
    _money("amount", "Amount", "金额"),
    Column("currency", "Currency", "币种", printed=False),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("state", "State", "状态", words=state_word),
    _money("captured", "Taken", "已收款", total=True),
    _money("refunded", "Refunded", "已退款", total=True),
    _money("fee", "Fee", "手续费", total=True),
    _money("net", "Left for you", "实收净额", total=True),
    Column("reference", "Reference", "附言"),
    Column("code", "Why not", "未成功原因", words=payments.refusal_word),
    Column("id", "Id", "编号", printed=False),
)
_EXPORT_PAGE: Final = 1000
_FILES: Final = ("csv", "xlsx", "pdf")


class Search(Form, frozen=True):
    """Days of the bank's zone, both included; an amount to the cent; a payment's id in full."""

    find: Annotated[str, msgspec.Meta(max_length=100)] = ""
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    amount: Sum | None = None
    state: payments.State | None = None
    method: payments.Method | None = None


class RefundForm(Form, frozen=True):
    id: UUID
    expected: Seen
    amount: Sum
    reason: Why = ""


class CaptureForm(Form, frozen=True):
    """`final`: what is left of the authorisation goes back to the payer."""

    id: UUID
    expected: Seen
    take: Sum
    final: bool = False


class CancelForm(Form, frozen=True):
    id: UUID
    expected: Seen


@get("/shop/payments", guards=[visitor("shop", "payments:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    """The list, newest first. Whoever types an id in full is taken there."""
    lang = pages.language(request)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
    search = searched(request, Search, shop)
    shown: dict[str, Any] = {"form": search, "choices": _choices(lang), "shop": shop}
    if search.value is None:
        return pages.show(request, "clearing/shop_payments.html", status=422, **shown)
    if known := _as_id(search.value.find):
        return pages.go(f"/shop/payments/{known}")
    wanted = _filter(shop, search.value)
    if form is not None:
        return await _file(db, clock, settings, shop, wanted, form, lang)
    place = paging.place(cursor, datetime, UUID)
    most = paging.USUAL
    before = {"before": (place[0], place[1])} if place else {}
    async with db.read() as tx:
        found = await payments.list_payments(tx, wanted, settings.zone, most=most + 1, **before)
    listed = paging.page(found, most, lambda p: paging.cursor(p.created_at, p.id), lambda p: _row(p, link=True))
    table = Listing(
        columns=COLUMNS,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        files=_FILES,
        hidden=("currency", "captured", "id"),
        empty=i18n.say("No payment is like this. Widen the filter.", lang),
    )
    return pages.show(request, "clearing/shop_payments.html", table=table, **shown)


def _filter(shop: merchants.Merchant, search: Search) -> payments.Filter:
    return payments.Filter(
        merchant_id=shop.id,
        first=search.first,
        last=search.last,
        smallest_minor=search.amount or 0,
        largest_minor=search.amount or LARGEST_MINOR,
        state=search.state,
        method=search.method,
    )


def _choices(lang: Lang) -> dict[str, list[tuple[str, str]]]:
    every = [("", i18n.say("All", lang))]
    return {
        "state": every + [(s.value, payments.state_word(s.value, lang)) for s in payments.State],
        "method": every + [(m.value, payments.method_word(m.value, lang)) for m in payments.Method],
    }


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if text else None
    except ValueError:
        return None


def _row(p: payments.Payment, *, link: bool) -> tuple[Any, ...]:
    """A payment in the order of COLUMNS; `link` and marks for a page, plain values for a file."""
    state = state_of(p)
    net = p.captured_minor - p.refunded_minor - p.fee_minor
    return (
        Linked(p.created_at, f"/shop/payments/{p.id}") if link else p.created_at,
        p.amount_minor,
        p.currency,
        p.method,
        Marked(state) if link else state,
        p.captured_minor,
        p.refunded_minor or None,
        p.fee_minor if p.captured_minor else None,
        net if p.captured_minor else None,
        p.reference,
        p.refusal,
        str(p.id),
    )


async def _file(
    db: Database,
    clock: Clock,
    settings: Settings,
    shop: merchants.Merchant,
    wanted: payments.Filter,
    form: FileForm,
    lang: Lang,
) -> Any:
    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        place: dict[str, Any] = {}
        while True:
            async with db.read() as tx:
                found = await payments.list_payments(tx, wanted, settings.zone, most=_EXPORT_PAGE, **place)
            for payment in found:
                yield _row(payment, link=False)
            if len(found) < _EXPORT_PAGE:
                return
            place = {"before": (found[-1].created_at, found[-1].id)}

    title = i18n.say("Payments of %(shop)s", lang, shop=shop.name)
    return await export.export(
        COLUMNS, rows(), name="payments", form=form, title=title, settings=settings, at=clock.now(), lang=lang
    )


@get("/shop/payments/{id:uuid}", guards=[visitor("shop", "payments:read")], include_in_schema=False)
async def payment_page(request: PageRequest, principal: By, id: Id, db: Db) -> Page:
    """One payment: what it brought, what happened to it, what can be done about it."""
    return await _show(request, db, principal, id, {})


async def _show(
    request: PageRequest,
    db: Database,
    principal: Principal,
    id: UUID,
    filled: Mapping[str, Filled[Any]],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        seen = await payments.may_see_payment(tx, principal, id)
        steps = await payments.steps_of(tx, seen)
    p = seen.payment
    state = state_of(p)
    return pages.show(
        request,
        "clearing/shop_payment.html",
        status=status,
        payment=p,
        state=state,
        word=state_word(state, lang),
        method=payments.method_word(p.method, lang),
        why=payments.refusal_word(p.refusal, lang) if p.refusal else None,
        steps=[(step, step.zh if lang == "zh" else step.en) for step in steps if step.what in _TOLD],
        marks=_TOLD,
        actions=payments.actions(p),
        left=p.captured_minor - p.refunded_minor,
        open=p.authorised_minor - p.captured_minor,
        figure=lambda minor: say.amount(minor, p.currency, grouped=False),
        forms={name: filled.get(name) or forms.blank() for name in ("refund", "capture", "cancel")},
    )


_TOLD: Final = {"instruction": "→", "decision": "§", "entry": "¥", "operation": "↻"}
"""What of a payment's story its shop is told, each with its mark."""


@post("/shop/payments/{id:uuid}/refund", guards=[visitor("shop", "payments:refund")], include_in_schema=False)
async def refund(request: PageRequest, principal: By, id: Id, db: Db, intake: Pays) -> Page:
    """Gives back what was captured, or a part of it."""
    filled = await forms.read(request, RefundForm, currency=await _currency(db, principal, id))
    if filled.value is None:
        return await _show(request, db, principal, id, {"refund": filled}, status=422)
    wanted = filled.value
    operation = _operation(wanted, id, principal, amount_minor=wanted.amount, reason=wanted.reason or None)
    again = await _ask(request, db, intake, principal, operation, wanted.expected, filled, ("refund", "amount"))
    return again or pages.go(f"/shop/payments/{id}", said="Refunded. The payer has the money.")


@post("/shop/payments/{id:uuid}/capture", guards=[visitor("shop", "payments:capture")], include_in_schema=False)
async def capture(request: PageRequest, principal: By, id: Id, db: Db, intake: Pays) -> Page:
    """Takes what was authorised, or a part of it."""
    filled = await forms.read(request, CaptureForm, currency=await _currency(db, principal, id))
    if filled.value is None:
        return await _show(request, db, principal, id, {"capture": filled}, status=422)
    wanted = filled.value
    operation = _operation(wanted, id, principal, amount_minor=wanted.take, final=wanted.final)
    again = await _ask(request, db, intake, principal, operation, wanted.expected, filled, ("capture", "take"))
    return again or pages.go(f"/shop/payments/{id}", said="Captured. It counts among today's takings.")


@post("/shop/payments/{id:uuid}/cancel", guards=[visitor("shop", "payments:cancel")], include_in_schema=False)
async def cancel(request: PageRequest, principal: By, id: Id, db: Db, intake: Pays) -> Page:
    """Lets go what has not been captured."""
    filled = await forms.read(request, CancelForm)
    if filled.value is None:
        return await _show(request, db, principal, id, {"cancel": filled}, status=422)
    wanted = filled.value
    operation = _operation(wanted, id, principal)
    again = await _ask(request, db, intake, principal, operation, wanted.expected, filled, ("cancel", ""))
    return again or pages.go(f"/shop/payments/{id}", said="Cancelled. The payer's money is free again.")


async def _currency(db: Database, principal: Principal, id: UUID) -> str:
    """Of one of the shop's payments. Refuses `payment_unknown`."""
    async with db.read() as tx:
        return (await payments.may_see_payment(tx, principal, id)).payment.currency


def _operation(
    wanted: RefundForm | CaptureForm | CancelForm, payment_id: UUID, principal: Principal, **asked: Any
) -> payments.Operation:
    return payments.Operation(
        id=wanted.id,
        payment_id=payment_id,
        principal_id=principal.id,
        request_hash=canonical_hash(wanted, type(wanted).__name__),
        merchant_id=principal.subject_id,
        **asked,
    )


async def _ask(
    request: PageRequest,
    db: Database,
    intake: payments.Intake,
    principal: Principal,
    operation: payments.Operation,
    expected: int,
    filled: Filled[Any],
    about: tuple[str, str],
) -> Page | None:
    """Asks it of the payment; the page again where the bank says no; None where it is done.

    `about`: the verb, and the field of its form that an amount which is refused stands in.
    """
    verb, field = about
    lang, id_ = pages.language(request), operation.payment_id
    anew = msgspec.structs.replace(filled, given={k: v for k, v in filled.given.items() if k not in ("id", "expected")})
    if await _overtaken(db, principal, operation, expected):
        said = i18n.say("This payment has changed since the page was loaded. Look at it, then decide again.", lang)
        stale = Filled[Any](None, anew.given, {"": said})
        return await _show(request, db, principal, id_, {verb: stale}, status=409)
    try:
        outcome = await intake.ask(verb, operation)
    except Refusal as refusal:  # no trace of it is left: the same id may try again
        return await _show(
            request, db, principal, id_, {verb: filled.refused(refusal, lang)}, status=refusal.kind.status
        )
    refusal = outcome.refusal
    if refusal is None:
        return None
    if refusal.code == payments.PAYMENT_UNKNOWN.code:
        raise refusal
    # A refusal is remembered under its id, so the next try is a new one.
    beside = field if refusal.code in _OF_THE_AMOUNT else None
    again = anew.refused(refusal, lang, field=beside)
    return await _show(request, db, principal, id_, {verb: again}, status=refusal.kind.status)


_OF_THE_AMOUNT: Final = ("refund_exceeds_captured", "refund_not_covered", "capture_exceeds_authorised")


async def _overtaken(db: Database, principal: Principal, operation: payments.Operation, expected: int) -> bool:
    """Whether something else happened to the payment since the page was shown; this very form, sent before, does not count."""
    async with db.read() as tx:
        seen = await payments.may_see_payment(tx, principal, operation.payment_id)
        if seen.payment.sequence == expected:
            return False
        return await payments.payment_behind(tx, operation.id) != operation.payment_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, payment_page, refund, capture, cancel)

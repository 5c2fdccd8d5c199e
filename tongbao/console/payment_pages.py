"""Payments as staff see them: found by what is known of them, and each with its whole story."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao import identity, merchants, payments
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.web import export, i18n, pages, paging, tables
from tongbao.web.export import FileForm
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("created_at", "Time", "时间", tables.MOMENT),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("currency", "Currency", "币种"),
    Column("kind", "Kind", "类型", words=payments.kind_word),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("state", "State", "状态", words=payments.state_word),
    Column("payer", "From", "付款方"),
    Column("payee", "To", "收款方"),
    Column("code", "Why not", "未成功原因", words=payments.refusal_word),
    Column("refunded", "Refunded", "已退款", tables.MONEY, currency_from="currency"),
    Column("id", "Id", "编号", printed=False),
)
_EXPORT_PAGE: Final = 1000

First = Annotated[date | None, QueryParameter(name="from")]
Last = Annotated[date | None, QueryParameter(name="to")]


class Ends(Protocol):
    """What has a payer and a payee: a payment, or a row about one."""

    @property
    def payer_account_id(self) -> UUID: ...
    @property
    def payee_account_id(self) -> UUID | None: ...
    @property
    def merchant_id(self) -> UUID | None: ...


class Parties(msgspec.Struct, frozen=True):
    """Whom the payments of a page name: numbers of accounts by id, names of merchants by id."""

    numbers: Mapping[UUID, str]
    shops: Mapping[UUID, str]

    def payer(self, payment: Ends) -> str | None:
        return self.numbers.get(payment.payer_account_id)

    def payee(self, payment: Ends) -> str | None:
        shop = self.shops.get(payment.merchant_id) if payment.merchant_id else None
        return shop or (self.numbers.get(payment.payee_account_id) if payment.payee_account_id else None)


async def parties(tx: Tx, found: Sequence[Ends]) -> Parties:
    """Two look-ups for all of them."""
    accounts = {p.payer_account_id for p in found} | {p.payee_account_id for p in found if p.payee_account_id}
    shops = {p.merchant_id for p in found if p.merchant_id}
    numbers = await identity.find_accounts(tx, accounts) if accounts else {}
    names = await merchants.find(tx, shops) if shops else {}
    return Parties({i: a.number for i, a in numbers.items()}, {i: m.name for i, m in names.items()})


def row(p: payments.Payment, known: Parties, *, link: bool) -> tuple[Any, ...]:
    """A payment in the order of COLUMNS; `link` and marks for a page, plain values for a file."""
    return (
        Linked(p.created_at, f"/staff/payments/{p.id}") if link else p.created_at,
        p.amount_minor,
        p.currency,
        p.kind,
        p.method,
        Marked(p.state) if link else p.state,
        known.payer(p),
        known.payee(p),
        p.refusal,
        p.refunded_minor or None,
        str(p.id),
    )


def listing(rows: Sequence[tuple[Any, ...]], **more: Any) -> Listing:
    """Payments on any page of staff's."""
    return Listing(columns=COLUMNS, rows=rows, hidden=("currency", "id"), **more)


@get("/staff/payments", guards=[visitor("staff", "payments:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    settings: Config,
    wanted_state: Annotated[payments.State | None, QueryParameter(name="state")] = None,
    method: FromQuery[payments.Method | None] = None,
    kind: FromQuery[payments.Kind | None] = None,
    account: FromQuery[UUID | None] = None,
    merchant: FromQuery[UUID | None] = None,
    first: First = None,
    last: Last = None,
    find: FromQuery[str | None] = None,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    """The list, newest first. Whoever types an id in full is taken there."""
    if find and (known := _as_id(find)):
        async with db.read() as tx:
            behind = await payments.payment_behind(tx, known)
        return pages.go(f"/staff/payments/{behind or known}")
    wanted = payments.Filter(
        state=wanted_state, method=method, kind=kind, account_id=account, merchant_id=merchant, first=first, last=last
    )
    if form is not None:
        return await _file(request, db, clock, settings, wanted, form)
    place = paging.place(cursor, datetime, UUID)
    most = paging.USUAL
    async with db.read() as tx:
        before = {"before": (place[0], place[1])} if place else {}
        found = await payments.list_payments(tx, wanted, settings.zone, most=most + 1, **before)
        known_parties = await parties(tx, found[:most])
    listed = paging.page(found, most, lambda p: paging.cursor(p.created_at, p.id), lambda p: p)
    table = listing(
        [row(p, known_parties, link=True) for p in listed.items],
        next_cursor=listed.next_cursor,
        files=("csv", "xlsx", "pdf"),
        empty=i18n.say("No payment is like this. Widen the filter.", pages.language(request)),
    )
    return pages.show(request, "console/payments.html", table=table, choices=_choices(pages.language(request)))


def _choices(lang: Lang) -> dict[str, list[tuple[str, str]]]:
    return {
        "state": [(s.value, payments.state_word(s.value, lang)) for s in payments.State],
        "method": [(m.value, payments.method_word(m.value, lang)) for m in payments.Method],
        "kind": [(k.value, payments.kind_word(k.value, lang)) for k in payments.Kind],
    }


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


async def _file(
    request: PageRequest, db: Database, clock: Clock, settings: Settings, wanted: payments.Filter, form: FileForm
) -> Any:
    lang = pages.language(request)

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        place: dict[str, Any] = {}
        while True:
            async with db.read() as tx:
                found = await payments.list_payments(tx, wanted, settings.zone, most=_EXPORT_PAGE, **place)
                known = await parties(tx, found)
            for payment in found:
                yield row(payment, known, link=False)
            if len(found) < _EXPORT_PAGE:
                return
            place = {"before": (found[-1].created_at, found[-1].id)}

    title = i18n.say("Payments", lang)
    return await export.export(
        COLUMNS, rows(), name="payments", form=form, title=title, settings=settings, at=clock.now(), lang=lang
    )


_MARKS: Final = {
    "instruction": "→",
    "check": "✓",
    "decision": "§",
    "hold": "‖",
    "entry": "¥",
    "operation": "↻",
    "event": "»",
    "rail": "⇄",
    "delivery": "✉",
}


class Moment(msgspec.Struct, frozen=True):
    """A step of the story as the page shows it."""

    at: datetime
    mark: str
    said: str
    details: tuple[tuple[str, str], ...]


@get("/staff/payments/{id:uuid}", guards=[visitor("staff", "payments:read")], include_in_schema=False)
async def payment_page(request: PageRequest, id: Id, db: Db) -> Page:
    """One payment: what it is, everything that happened to it and why, and what can be done about it."""
    lang = pages.language(request)
    async with db.read() as tx:
        story = await payments.timeline(tx, id)
        payment = (await payments.find_payments(tx, [id]))[id]
        known = await parties(tx, [payment])
        told = await merchants.deliveries_about(tx, [id, *([payment.order_id] if payment.order_id else [])])
    steps = [_moment(step, lang) for step in story.steps] + [_delivered(delivery, lang) for delivery in told]
    return pages.show(
        request,
        "console/payment.html",
        payment=payment,
        parties=known,
        outside=payments.OUTSIDE,
        steps=sorted(steps, key=lambda step: step.at),
        actions=payments.actions(payment),
        words={
            "state": payments.state_word(payment.state, lang),
            "kind": payments.kind_word(payment.kind, lang),
            "method": payments.method_word(payment.method, lang),
            "why": payments.refusal_word(payment.refusal, lang) if payment.refusal else None,
        },
    )


def _moment(step: payments.Step, lang: Lang) -> Moment:
    failed = step.what == "check" and not step.details.get("passed", True)
    details = tuple((key, str(value)) for key, value in step.details.items())
    return Moment(step.at, "✕" if failed else _MARKS.get(step.what, "·"), step.zh if lang == "zh" else step.en, details)


_DELIVERY_MESSAGES: Final = {
    "delivered": "Webhook: %(topic)s was delivered at the attempt number %(n)s.",
    "pending": "Webhook: %(topic)s is waiting to be delivered, %(n)s attempts so far.",
    "failed": "Webhook: %(topic)s could not be delivered, %(n)s attempts.",
}


def _delivered(delivery: merchants.Delivery, lang: Lang) -> Moment:
    said = i18n.say(_DELIVERY_MESSAGES[delivery.state], lang, topic=delivery.topic, n=delivery.attempts)
    last = delivery.history[-1] if delivery.history else None
    details = [("delivery_id", str(delivery.id)), ("endpoint_id", str(delivery.endpoint_id))]
    if last is not None:
        details += [("status", str(last.status or "")), ("error", last.error or ""), ("ms", str(last.duration_ms))]
    at = delivery.delivered_at or (last.at if last else delivery.created_at)
    return Moment(at, _MARKS["delivery"], said, tuple(pair for pair in details if pair[1]))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, payment_page)

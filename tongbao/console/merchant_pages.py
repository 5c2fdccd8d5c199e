"""Merchants as staff see them: who sells, on what terms, what came in and what was paid out."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tongbao import clearing, identity, ledger, merchants, payments
from tongbao.base import audit, days
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.console import merchant_place_pages, payment_pages
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

_STATUS_MESSAGES: Final = {"open": "takes payments", "suspended": "suspended", "closed": "closed"}


def status_word(status: str, lang: Lang) -> str:
    return i18n.say(_STATUS_MESSAGES.get(status, status), lang)


def _method(method: str, lang: Lang) -> str:
    return i18n.say("any", lang) if method == "*" else payments.method_word(method, lang)


MERCHANTS: Final = (
    Column("name", "Name", "名称"),
    Column("category", "Category", "类别"),
    Column("country", "Country", "国家/地区"),
    Column("status", "Status", "状态", words=status_word),
    Column("currency", "Currency", "币种"),
    Column("created_at", "Since", "签约时间", tables.MOMENT),
)
RATES: Final = (
    Column("method", "Method", "方式", words=_method),
    Column("currency", "Currency", "币种"),
    Column("basis_points", "Basis points", "基点", tables.COUNT),
    Column("fixed", "Fixed part", "固定费用", tables.MONEY),
    Column("smallest", "At least", "最低", tables.MONEY),
    Column("largest", "At most", "最高", tables.MONEY),
)
TAKINGS: Final = (
    Column("method", "Method", "方式", words=payments.method_word),
    Column("captures", "Sales", "收款笔数", tables.COUNT),
    Column("captured", "Taken", "收款金额", tables.MONEY),
    Column("refunds", "Refunds", "退款笔数", tables.COUNT),
    Column("refunded", "Refunded", "退款金额", tables.MONEY),
    Column("fees", "Fees", "手续费", tables.MONEY),
)


class Status(Form, frozen=True):
    status: Literal["open", "suspended"]
    reason: Reason


@get("/staff/merchants", guards=[visitor("staff", "merchants:read")], include_in_schema=False)
async def merchants_page(
    request: PageRequest, db: Db, find: FromQuery[str | None] = None, cursor: Cursor = None
) -> Page:
    most = paging.USUAL
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        if find and (known := _as_id(find)) and await merchants.find(tx, [known]):
            return pages.go(f"/staff/merchants/{known}")
        found = await merchants.list_merchants(tx, after=place[0] if place else None, most=most + 1)
    listed = paging.page(
        found,
        most,
        lambda m: paging.cursor(m.id),
        lambda m: (
            Linked(m.name, f"/staff/merchants/{m.id}"),
            m.category,
            m.country,
            Marked(m.status),
            m.currency,
            m.created_at,
        ),
    )
    table = Listing(columns=MERCHANTS, rows=listed.items, next_cursor=listed.next_cursor)
    return pages.show(request, "console/merchants.html", table=table, unknown=find)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


@get("/staff/merchants/{id:uuid}", guards=[visitor("staff", "merchants:read")], include_in_schema=False)
async def merchant_page(request: PageRequest, id: Id, db: Db, settings: Config) -> Page:
    return await _show(request, db, settings.zone, id, forms.blank())


async def _show(
    request: PageRequest, db: Database, zone: Any, id: UUID, form: Filled[Any], *, status: int = 200
) -> Page:
    """One merchant: terms, today's takings, what lies on its accounts, its newest payments."""
    lang = pages.language(request)
    async with db.read() as tx:
        found = (await merchants.find(tx, [id])).get(id)
        if found is None:
            raise merchants.MERCHANT_UNKNOWN()
        today = (await days.current(tx)).open_date
        owners = await identity.find_customers(tx, [found.customer_id])
        owner = (await identity.masked_details(tx, owners.values()))[found.customer_id]
        money = await ledger.accounts(tx, [found.takings_ledger_id, found.settlement_ledger_id])
        taken = await clearing.takings(tx, id, today)
        newest = await payments.list_payments(tx, payments.Filter(merchant_id=id), zone, most=10)
        known = await payment_pages.parties(tx, newest)
    takings = [
        (t.method, t.captures, t.captures_minor, t.refunds, t.refunds_minor, t.fees_minor)
        for t in taken
        if t.currency == found.currency
    ]
    rates = [
        (r.method, r.currency, r.basis_points, r.fixed_minor or None, r.smallest_minor or None, r.largest_minor)
        for r in found.plan.rates
    ]
    return pages.show(
        request,
        "console/merchant.html",
        status=status,
        merchant=found,
        position=merchant_place_pages.position(found.place) if found.place else None,
        owner=owner,
        today=today,
        standing=status_word(found.status, lang),
        in_takings=money[found.takings_ledger_id].balance_minor,
        in_settlement=money[found.settlement_ledger_id].balance_minor,
        takings=Listing(columns=TAKINGS, rows=takings, currency=found.currency),
        rates=Listing(columns=RATES, rows=rates, currency=found.currency),
        newest=payment_pages.listing([payment_pages.row(p, known, link=True) for p in newest]),
        form=form,
    )


@post("/staff/merchants/{id:uuid}", guards=[visitor("staff", "merchants:write")], include_in_schema=False)
async def move_merchant(request: PageRequest, id: Id, db: Db, clock: Now, principal: By, settings: Config) -> Page:
    """Suspends a merchant, or lets it take payments again."""
    filled = await forms.read(request, Status)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, settings.zone, id, filled, status=422)
    status = merchants.MerchantStatus(wanted.status)

    async def decide(tx: Tx) -> None:
        known = (await merchants.find(tx, [id])).get(id)
        if known is not None and known.status is status:  # the same form again, or a second tab
            return
        await merchants.set_status(tx, id, status)
        details = {"status": status.value}
        action = "merchant.status"
        await audit.record(tx, principal, action, id, at=clock.now(), reason=wanted.reason, details=details)

    try:
        await db.retry(decide)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, settings.zone, id, again, status=refusal.kind.status)
    if status is merchants.MerchantStatus.OPEN:
        return pages.go(f"/staff/merchants/{id}", said="The merchant takes payments again.")
    return pages.go(f"/staff/merchants/{id}", said="Suspended: the merchant takes no payments from now on.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (merchants_page, merchant_page, move_merchant)

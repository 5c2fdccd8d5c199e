"""A shop's own pages: what it takes today, what it took each day, what is paid out to it and when."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from tongbao import ledger, merchants, payments
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.clearing import enquire, words
from tongbao.clearing.model import Settlement, State, TakingsLine
from tongbao.web import forms, i18n, pages, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, visitor
from tongbao.web.tables import Column

_T = TypeVar("_T", bound=Form)

_STATE_MESSAGES: Final = {"refunded": "refunded", "partly_refunded": "partly refunded"}


def state_of(payment: payments.Payment) -> str:
    """What a payment is to its shop: of a paid one also whether money was given back."""
    if not payment.refunded_minor:
        return payment.state
    return "refunded" if payment.refunded_minor == payment.captured_minor else "partly_refunded"


def state_word(state: str, lang: Lang) -> str:
    said = _STATE_MESSAGES.get(state)
    return i18n.say(said, lang) if said else payments.state_word(state, lang)


NEWEST: Final = (
    Column("at", "Time", "时间", tables.TIME),
    Column("day", "Day", "日期", tables.DATE),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("state", "State", "状态", words=state_word),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("refunded", "Refunded", "已退款", tables.MONEY, currency_from="currency"),
    Column("reference", "Reference", "附言"),
    Column("currency", "Currency", "币种"),
)
PAYOUTS: Final = (
    Column("booking_date", "Takings of", "收款日", tables.DATE),
    Column("net", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("state", "State", "状态", words=words.state_word),
    Column("day", "Date", "日期", tables.DATE),
    Column("currency", "Currency", "币种"),
)
_NEWEST: Final = 20
_PAYOUTS: Final = 4


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked up first: by it a reader who has seen everything is told so, and nothing is added up.

    `version`: how often the takings account has moved.
    """

    day: date
    version: int
    newest: tuple[payments.Payment, ...]
    payouts: tuple[Settlement, ...]

    @property
    def seen(self) -> str:
        """The same as long as nothing has changed."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:16]


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The open day of a shop, so far. `settle_on`: when it will be paid out if it is closed now."""

    settle_on: date
    sales: int
    sales_minor: int
    refunds: int
    refunds_minor: int
    covered_minor: int
    fees_minor: int

    @property
    def net_minor(self) -> int:
        return self.sales_minor - self.refunds_minor - self.fees_minor


async def shop_of(tx: Tx, principal: Principal) -> merchants.Merchant:
    """Whose pages these are. Refuses `merchant_unknown`."""
    id_ = principal.subject_id
    found = (await merchants.find(tx, [id_])).get(id_) if id_ else None
    if found is None:
        raise merchants.MERCHANT_UNKNOWN()
    return found


class Span(Form, frozen=True):
    """Days, both included."""

    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)


def searched(request: PageRequest, kind: type[_T], shop: merchants.Merchant) -> Filled[_T]:
    """What the address asks of a list, of its fields alone; days that no ledger holds, or in the wrong order, are errors."""
    lang = pages.language(request)
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    given = {name: text for name, text in request.query_params.items() if name in names}
    filled = forms.convert(request, kind, given, currency=shop.currency)
    wanted: Any = filled.value
    if wanted is None:
        return filled
    errors = {
        name: i18n.say("Please type a date, such as 2026-11-22.", lang)
        for name, day in (("from", wanted.first), ("to", wanted.last))
        if day is not None and not 1900 <= day.year <= 2200
    }
    if not errors and wanted.first and wanted.last and wanted.first > wanted.last:
        errors["to"] = i18n.say("The last day lies before the first.", lang)
    return Filled(None, filled.given, errors) if errors else filled


async def _glance(tx: Tx, shop: merchants.Merchant, settings: Settings) -> Glance:
    wanted = payments.Filter(merchant_id=shop.id)
    account = shop.takings_ledger_id
    return Glance(
        day=(await days.current(tx)).open_date,
        version=(await ledger.accounts(tx, [account]))[account].version,
        newest=tuple(await payments.list_payments(tx, wanted, settings.zone, most=_NEWEST)),
        payouts=tuple(await enquire.settlements(tx, shop.id, most=_PAYOUTS)),
    )


async def _today(tx: Tx, shop: merchants.Merchant, day: date) -> Today:
    lines = await enquire.takings(tx, shop.id, day)
    return Today(settle_on=await days.next_business_day(tx, day), **sums(lines))


def sums(lines: list[TakingsLine]) -> dict[str, int]:
    """What the lines of a day add up to."""
    return {
        "sales": sum(line.captures for line in lines),
        "sales_minor": sum(line.captures_minor for line in lines),
        "refunds": sum(line.refunds for line in lines),
        "refunds_minor": sum(line.refunds_minor for line in lines),
        "covered_minor": sum(line.covered_minor for line in lines),
        "fees_minor": sum(line.fees_minor for line in lines),
    }


@get("/shop", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def today(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    """How much was taken, what it cost, when it is paid out; the newest payment stands on top."""
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        glance = await _glance(tx, shop, settings)
        look = await _today(tx, shop, glance.day)
    return pages.show(request, "clearing/shop_today.html", shop=shop, **_shown(request, shop, glance, look))


@get("/shop/live", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def live(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    """The part that renews itself; nothing (204) where the reader has it already."""
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        glance = await _glance(tx, shop, settings)
        if request.query_params.get("seen") == glance.seen:
            return Response(b"", status_code=204, media_type="text/html")
        look = await _today(tx, shop, glance.day)
    return pages.show(request, "clearing/shop_live.html", **_shown(request, shop, glance, look))


def _shown(request: PageRequest, shop: merchants.Merchant, glance: Glance, look: Today) -> dict[str, Any]:
    lang, zone = pages.language(request), pages.of(request).settings.zone
    today = days.local_day(pages.of(request).clock.now(), zone)
    rows = [_row(p, zone) for p in glance.newest]
    newest = Listing(
        columns=NEWEST,
        rows=rows,
        row_ids=[f"p-{p.id}" for p in glance.newest],
        hidden=("currency", "day") if all(row[1] == today for row in rows) else ("currency",),
        empty=i18n.say("No payment yet. The first one appears here by itself.", lang),
    )
    payouts = Listing(
        columns=PAYOUTS,
        rows=[
            (Linked(s.booking_date, f"/shop/settlements/{s.id}"), s.net_minor, Marked(stage(s)), when(s), s.currency)
            for s in glance.payouts
        ],
        hidden=("currency",),
        empty=i18n.say("Nothing has been paid out yet. It begins when the first day with sales is closed.", lang),
    )
    return {
        "look": look,
        "day": glance.day,
        "seen": glance.seen,
        "currency": shop.currency,
        "newest": newest,
        "payouts": payouts,
    }


def _row(p: payments.Payment, zone: ZoneInfo) -> tuple[Any, ...]:
    return (
        Linked(p.created_at, f"/shop/payments/{p.id}"),
        days.local_day(p.created_at, zone),
        p.amount_minor,
        Marked(state_of(p)),
        p.method,
        p.refunded_minor or None,
        p.reference,
        p.currency,
    )


def stage(settlement: Settlement) -> str:
    """How far a settlement is to whoever waits for the money: cleared or not, it is still to come."""
    return "pending" if settlement.state in (State.DRAWN, State.CLEARED) else settlement.state.value


def when(settlement: Settlement) -> date | None:
    """When it was paid out, or is to be."""
    return settlement.booked_on or (settlement.settle_on if stage(settlement) == "pending" else None)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (today, live)

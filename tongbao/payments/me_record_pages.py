"""A customer's records: what he paid and was paid, found again, added up by month, and taken along as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.payments import records, words
from tongbao.payments.model import Kind, Payment, State
from tongbao.payments.own_accounts import Own, others, own_accounts, own_state
from tongbao.payments.own_search import search
from tongbao.payments.records import Filter
from tongbao.web import export, forms, i18n, pages, paging, tables
from tongbao.web.advice import Moment
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form, SumOrZero
from tongbao.web.pages import PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("created_at", "Time", "时间", tables.MOMENT),
    Column("other", "Who", "对方"),
    Column("kind", "Kind", "类型", words=words.kind_word),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency", signed=True),
    Column("currency", "Currency", "币种", printed=False),
    Column("state", "State", "状态", words=words.state_word),
    Column("refunded", "Refunded", "已退款", tables.MONEY, currency_from="currency"),
    Column("reference", "Reference", "附言"),
    Column("code", "Why not", "未成功原因", words=words.refusal_word),
    Column("id", "Id", "编号", printed=False),
)
_EXPORT_PAGE: Final = 1000
FILES: Final = ("csv", "xlsx", "pdf")


class Search(Form, frozen=True):
    """Days of the bank's zone and amounts, both ends included."""

    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)
    state: State | None = None
    kind: Kind | None = None
    q: Annotated[str, msgspec.Meta(max_length=60)] = ""
    """What it says: a name as it is shown, a reference, an amount."""
    smallest: SumOrZero | None = None
    largest: SumOrZero | None = None


@get("/me/payments", guards=[visitor("me", "me:read")], include_in_schema=False)
async def records_page(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    lang = pages.language(request)
    place = paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        if own is None:
            return pages.show(request, "payments/me_records.html", own=None)
        filled = _search(request, own, lang)
        if filled.value is None:
            return pages.show(request, "payments/me_records.html", status=422, heard=(), **_shown(own, filled, lang))
        wanted = _filter(own, filled.value)
        if form is not None:
            return await _file(db, clock, settings, own, wanted, filled.value.q, form, lang)
        most = paging.USUAL
        before = (place[0], place[1]) if place else records.NEWEST
        found = await _found(tx, own, wanted, filled.value.q, settings.zone, before=before, most=most + 1)
        listed = paging.page(found, most, lambda p: paging.cursor(*records.place_of(p)), lambda p: p)
        first, last = _month(filled.value, days.local_day(clock.now(), settings.zone))
        shown = {
            **_shown(own, filled, lang),
            "listed": listed,
            "others": await others(tx, listed.items, {own.chosen.account.id}),
            "month": month_name(first, lang),
            "month_id": f"{first:%Y-%m}",
            "heard": await pages.advise(request, tx, Moment(place="records")),
            "sums": await records.sums(tx, own.chosen.account.id, first, last, settings.zone),
        }
    return pages.show(request, "payments/me_records.html", **shown)


def _search(request: PageRequest, own: Own, lang: Lang) -> Filled[Search]:
    names = {field.encode_name for field in msgspec.structs.fields(Search)}
    given = {name: text for name, text in request.query_params.items() if name in names}
    filled = forms.convert(request, Search, given, currency=own.chosen.account.currency)
    wanted = filled.value
    errors: dict[str, str] = {}
    if wanted is not None:
        errors = {
            name: i18n.say("Please type a date, such as 2026-11-22.", lang)
            for name, day in (("from", wanted.first), ("to", wanted.last))
            if day is not None and not 1900 <= day.year <= 2200
        }
        if wanted.first and wanted.last and wanted.first > wanted.last:
            errors["to"] = i18n.say("The last day lies before the first.", lang)
        if wanted.smallest is not None and wanted.largest is not None and wanted.smallest > wanted.largest:
            errors["largest"] = i18n.say("The largest amount is below the smallest.", lang)
    return Filled(None, filled.given, errors) if errors else filled


async def _found(
    tx: Tx, own: Own, wanted: Filter, text: str, zone: ZoneInfo, *, before: records.Place, most: int
) -> list[Payment]:
    if not text:
        return await records.records(tx, wanted, zone, before=before, most=most)
    return await search(tx, own.chosen.account, text, wanted, zone, before=before, most=most)


def _filter(own: Own, wanted: Search) -> Filter:
    return Filter(
        account_id=own.chosen.account.id,
        first=wanted.first,
        last=wanted.last,
        state=wanted.state,
        kind=wanted.kind,
        smallest_minor=wanted.smallest or 0,
        largest_minor=LARGEST_MINOR if wanted.largest is None else wanted.largest,
        of_owner=True,
    )


def _shown(own: Own, form: Filled[Search], lang: Lang) -> dict[str, Any]:
    return {
        "own": own,
        "form": form,
        "files": FILES,
        "states": [(s.value, words.state_word(s.value, lang)) for s in State],
        "kinds": [(k.value, words.kind_word(k.value, lang)) for k in Kind],
        "own_state": lambda payment: own_state(
            payment, is_payer=payment.payer_account_id == own.chosen.account.id, lang=lang
        ),
        "kind_word": words.kind_word,
    }


def _month(wanted: Search, today: date) -> tuple[date, date]:
    """The month that is added up: the one where the search begins, else where it ends, else this one."""
    first = (wanted.first or wanted.last or today).replace(day=1)
    return first, (first + timedelta(31)).replace(day=1) - timedelta(1)


def month_name(day: date, lang: Lang) -> str:
    """`2026年11月`, `November 2026`."""
    return f"{day.year}年{day.month}月" if lang == "zh" else f"{day:%B %Y}"


async def _file(
    db: Database, clock: Clock, settings: Settings, own: Own, wanted: Filter, text: str, form: FileForm, lang: Lang
) -> Any:
    account = own.chosen.account

    async def rows() -> AsyncIterator[tuple[Any, ...]]:
        before = records.NEWEST
        while True:
            async with db.read() as tx:
                found = await _found(tx, own, wanted, text, settings.zone, before=before, most=_EXPORT_PAGE)
                names = await others(tx, found, {account.id})
            for payment in found:
                yield _row(payment, names[payment.id], payment.payer_account_id == account.id)
            if len(found) < _EXPORT_PAGE:
                return
            before = records.place_of(found[-1])

    return await export.export(
        COLUMNS,
        rows(),
        name=f"records-{account.number}",
        form=form,
        title=i18n.say("Records", lang),
        settings=settings,
        at=clock.now(),
        lang=lang,
        currency=account.currency,
        facts=[(i18n.say("Account number", lang), account.number)],
    )


def _row(p: Payment, other: str | None, is_payer: bool) -> tuple[Any, ...]:
    """In the order of COLUMNS; what went out has a minus."""
    amount = -p.amount_minor if is_payer else p.amount_minor
    return (
        p.created_at,
        other,
        p.kind,
        amount,
        p.currency,
        p.state,
        p.refunded_minor or None,
        p.reference,
        p.refusal,
        str(p.id),
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (records_page,)

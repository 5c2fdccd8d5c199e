"""A customer's bill of a month: what went where, day by day, beside the month before. Drawn, read and taken along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Annotated, Any, Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao.base import days
from tongbao.base.say import Lang
from tongbao.payments import words
from tongbao.payments.bill import Bill, bill, income
from tongbao.payments.me_record_pages import month_name
from tongbao.payments.own_accounts import Own, own_accounts
from tongbao.web import export, i18n, pages, tables
from tongbao.web.export import FileForm
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("category", "What for", "用途", words=words.category_word),
    Column("paid", "Spent", "支出", tables.MONEY, currency_from="currency", total=True),
    Column("before", "Month before", "上月", tables.MONEY, currency_from="currency", total=True),
    Column("count", "Payments", "笔数", tables.COUNT, total=True),
    Column("currency", "Currency", "币种", printed=False),
)
DRAWN: Final = (
    Column("category", "What for", "用途", words=words.category_word),
    Column("paid", "Spent", "支出", tables.MONEY),
    Column("before", "Month before", "上月", tables.MONEY),
)
DAYS: Final = (Column("day", "Day", "日期"), Column("paid", "Spent", "支出", tables.MONEY))
FILES: Final = ("csv", "xlsx", "pdf")
_EARLIEST: Final = date(1970, 1, 1)


@get("/me/bill", guards=[visitor("me", "me:read")], include_in_schema=False)
async def bill_page(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    month: FromQuery[str | None] = None,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
) -> Any:
    lang = pages.language(request)
    today = days.local_day(clock.now(), settings.zone)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        if own is None:
            return pages.show(request, "payments/me_bill.html", own=None)
        found = await bill(tx, own.chosen.account.id, _asked(month, today), settings.zone)
        came = await income(tx, own.chosen.account.id, found.first, settings.zone)
    if form is not None:
        account = own.chosen.account
        return await export.export(
            COLUMNS,
            _rows(found, account.currency),
            name=f"bill-{found.first:%Y-%m}-{account.number}",
            form=form,
            title=i18n.say("Bill of %(month)s", lang, month=month_name(found.first, lang)),
            settings=settings,
            at=clock.now(),
            lang=lang,
            currency=account.currency,
            facts=[(i18n.say("Account number", lang), account.number)],
        )
    shown = {**_shown(own, found, today, lang), "came": [(words.kind_word(kind, lang), *rest) for kind, *rest in came]}
    return pages.show(request, "payments/me_bill.html", **shown)


def _asked(month: str | None, today: date) -> date:
    """The first day of the month of an address, `2026-11`; this month where it names none that has begun."""
    try:
        asked = date.fromisoformat(f"{month}-01")
    except ValueError:
        return today
    return asked if _EARLIEST <= asked <= today else today


def _shown(own: Own, found: Bill, today: date, lang: Lang) -> dict[str, Any]:
    currency = own.chosen.account.currency
    following = found.last + timedelta(1)
    return {
        "own": own,
        "bill": found,
        "month": month_name(found.first, lang),
        "earlier": f"{found.first - timedelta(1):%Y-%m}" if found.first > _EARLIEST else None,
        "later": f"{following:%Y-%m}" if following <= today else None,
        "categories": Listing(
            columns=DRAWN,
            rows=[(line.category, line.paid_minor, line.before_minor) for line in found.spent],
            currency=currency,
            chart="bar",
        ),
        "table": Listing(
            columns=DAYS,
            rows=_each_day(own, found, today, lang),
            currency=currency,
            chart="bar",
        ),
        "files": FILES,
        "records": _records(own, found.first, found.last),
    }


def _each_day(own: Own, found: Bill, today: date, lang: Lang) -> list[tuple[Any, int]]:
    """Every day of the month until now, those on which nothing was paid too; the others lead to their records."""
    paid = {day: minor for day, _, minor in found.days}
    until = min(found.last, today)
    every = [found.first + timedelta(n) for n in range((until - found.first).days + 1)]
    return [
        (Linked(day_name(day, lang), _records(own, day)) if day in paid else day_name(day, lang), paid.get(day, 0))
        for day in every
    ]


def day_name(day: date, lang: Lang) -> str:
    return f"{day.month}月{day.day}日" if lang == "zh" else f"{day.day} {day:%b}"


def _records(own: Own, first: date, last: date | None = None) -> str:
    """The records of these days."""
    account = f"&account={own.chosen.account.id}" if own.query else ""
    return f"/me/payments?from={first}&to={last or first}{account}"


async def _rows(found: Bill, currency: str) -> AsyncIterator[tuple[Any, ...]]:
    for line in found.spent:
        yield line.category, line.paid_minor, line.before_minor, line.count, currency


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (bill_page,)

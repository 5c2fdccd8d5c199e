"""A customer's statement: a month or some days of an account with the balance after each line, on the page and as a file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import identity, ledger
from tongbao.base import days
from tongbao.payments.me_record_pages import FILES, month_name
from tongbao.payments.own_accounts import as_movements, own_accounts
from tongbao.web import forms, i18n, pages, paging
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Now, visitor

_MONTHS: Final = 13
_LINES: Final = 200


class Span(Form, frozen=True):
    """A month by its name, or booking days with both ends included. Nothing: this month."""

    month: Annotated[str, msgspec.Meta(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$")] = ""
    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)


@get("/me/statement", guards=[visitor("me", "me:read")], include_in_schema=False)
async def statement_page(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    lang, now = pages.language(request), clock.now()
    place = paging.place(cursor, int)
    today = days.local_day(now, settings.zone)
    filled = _span(request)
    months = [(f"{month:%Y-%m}", month_name(month, lang)) for month in _months(today)]
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        if own is None or filled.value is None:
            status = 200 if own is None else 422
            return pages.show(
                request, "payments/me_statement.html", status=status, own=own, form=filled, months=months, frame=None
            )
        account = own.chosen.account
        frame = await identity.statement_frame(tx, account, *_days(filled.value, today), by=principal, at=now)
        after = max(place[0], frame.after) if place else frame.after
        lines = await identity.statement_page(tx, account, frame, after=after, most=_LINES) if form is None else []
        shown = await as_movements(tx, lines)
    if form is not None:
        return await identity.statement_file(db, account, frame, form=form, lang=lang, settings=settings, at=now)
    whole = len(lines) == frame.through - frame.after
    return pages.show(
        request,
        "payments/me_statement.html",
        own=own,
        form=filled,
        months=months,
        frame=frame,
        movements=shown,
        next_cursor=paging.cursor(lines[-1].entry.version)
        if lines and lines[-1].entry.version < frame.through
        else None,
        files=FILES,
        kind_word=ledger.kind_word,
        came=sum(line.entry.amount_minor for line in lines if line.entry.amount_minor > 0) if whole else None,
        went=sum(line.entry.amount_minor for line in lines if line.entry.amount_minor < 0) if whole else None,
    )


def _span(request: PageRequest) -> Filled[Span]:
    names = {field.encode_name for field in msgspec.structs.fields(Span)}
    given = {name: text for name, text in request.query_params.items() if name in names}
    filled = forms.convert(request, Span, given)
    wanted, errors, lang = filled.value, dict[str, str](), pages.language(request)
    if wanted is None:
        return filled
    for name, day in (("from", wanted.first), ("to", wanted.last)):
        if day is not None and not 1900 <= day.year <= 2200:
            errors[name] = i18n.say("Please type a date, such as 2026-11-22.", lang)
    if wanted.first and wanted.last and wanted.first > wanted.last:
        errors["to"] = i18n.say("The last day lies before the first.", lang)
    return Filled(None, given, errors) if errors else filled


def _days(wanted: Span, today: date) -> tuple[date, date]:
    """Days win over a month; where one end is missing it is a month away from the other."""
    if wanted.first or wanted.last:
        last = wanted.last or (wanted.first or today) + timedelta(30)
        return wanted.first or last - timedelta(30), last
    first = date.fromisoformat(f"{wanted.month}-01") if wanted.month else today.replace(day=1)
    return first, (first + timedelta(31)).replace(day=1) - timedelta(1)


def _months(today: date) -> list[date]:
    months = [today.replace(day=1)]
    while len(months) < _MONTHS:
        months.append((months[-1] - timedelta(1)).replace(day=1))
    return months


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (statement_page,)

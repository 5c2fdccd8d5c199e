"""The route of statements: an account over some days, for a program, a spreadsheet or paper."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import ledger
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.identity import refusals as no
from tongbao.identity import statements
from tongbao.identity.account_routes import EntryView, entry_views
from tongbao.identity.model import Account
from tongbao.identity.own import may_see_account, require_or_own
from tongbao.web import paging
from tongbao.web.export import Form, ReadersLang
from tongbao.web.refusals import EXPORT_TOO_LARGE, INVALID_FIELD, NO_FONT
from tongbao.web.site import By, Config, Db, Id, Now, problems

From = Annotated[date | None, QueryParameter(name="from", description="First booking day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last booking day.")]

_USUAL: Final = timedelta(days=30)


class StatementView(msgspec.Struct, kw_only=True):
    """`opening` + the sum of `entries` = `closing`. `complete` is false where there are more entries than one answer holds."""

    account_id: UUID
    number: str
    currency: str
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    opening: int
    closing: int
    entries: list[EntryView]
    complete: bool


@get(
    "/v1/accounts/{id:uuid}/statement",
    guards=[require_or_own("accounts:read", "me:read")],
    tags=["accounts"],
    summary="A statement over booking days, oldest entry first; as a file with format=csv, xlsx or pdf",
    operation_id="get_statement",
    response_description="The statement.",
    responses=problems(no.ACCOUNT_NOT_FOUND, EXPORT_TOO_LARGE, NO_FONT),
)
async def get_statement(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    first: From = None,
    last: To = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> StatementView:
    now = clock.now()
    async with db.read() as tx:
        first, last = await _span(tx, first, last, days.local_day(now, settings.zone))
        account = await may_see_account(tx, principal, id)
        if form == "json":
            return await _view(tx, account, first, last)
        frame = await statements.statement_frame(tx, account, first, last, by=principal, at=now)
    return await statements.statement_file(db, account, frame, form=form, lang=lang, settings=settings, at=now)


async def _span(tx: Tx, first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """The booking days asked for. Unless told up to today, or to the open day where it lies ahead of the clock."""
    last = paging.day(last, "to") or max(today, (await days.current(tx)).open_date)
    first = paging.day(first, "from") or last - _USUAL
    if first > last:
        raise INVALID_FIELD("`from` lies after `to`", field="from")
    return first, last


async def _view(tx: Tx, account: Account, first: date, last: date) -> StatementView:
    found = await ledger.statement(tx, account.ledger_id, first, last)
    return StatementView(
        account_id=account.id,
        number=account.number,
        currency=account.currency,
        first=first,
        last=last,
        opening=found.opening_minor,
        closing=found.closing_minor,
        entries=await entry_views(tx, found.entries),
        complete=found.complete,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (get_statement,)

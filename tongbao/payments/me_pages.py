"""A customer's first page, in the home that he chose: what he has, what moved lately, and the ways on. It renews itself while it is
looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tongbao import identity, ledger
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.payments.again import lately
from tongbao.payments.bill import week
from tongbao.payments.me_bill_pages import day_name
from tongbao.payments.own_accounts import Own, movements, others, own_accounts
from tongbao.payments.tour import STEPS, step_of
from tongbao.web import pages, tables
from tongbao.web.listing import Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor
from tongbao.web.tables import Column

_NEWEST: Final = {identity.Home.STANDARD: 10, identity.Home.YOUNG: 5, identity.Home.LARGE: 3}
"""Movements on each of the first pages."""
_FEW: Final = 4
"""Short ways where there shall be few."""
_PAYEES: Final = 3
_NEWCOMER: Final = timedelta(days=30)
_DAYS: Final = (Column("day", "Day", "日期"), Column("paid", "Spent", "支出", tables.MONEY))


@get("/me", guards=[visitor("me", "me:read")], include_in_schema=False)
async def account_page(
    request: PageRequest, principal: By, db: Db, clock: Now, settings: Config, tour: FromQuery[str | None] = None
) -> Page:
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        assert principal.subject_id is not None
        wanted = await identity.preferences_of(tx, principal.subject_id)
        shown = await _now(tx, request, own, wanted, clock, settings)
        customer = (await identity.find_customers(tx, [principal.subject_id]))[principal.subject_id]
        name = (await identity.own_details(tx, customer, by=principal)).name
        recovering = await identity.open_recovery(tx, customer.id, at=clock.now())
    is_new = not wanted.tour_is_over and clock.now() - customer.created_at < _NEWCOMER
    return pages.show(
        request,
        "payments/me_account.html",
        name=name,
        recovering=recovering,
        step=step_of(tour) if is_new else None,
        steps=len(STEPS),
        **shown,
    )


@get("/me/live", guards=[visitor("me", "me:read")], include_in_schema=False)
async def account_now(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """What the first page shows of the account, anew; nothing (204) where it has not changed since `seen`."""
    seen = request.query_params.get("seen", "")
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        if own is None or own.chosen.seen == seen:
            return Response(b"", status_code=204, media_type="text/html")
        assert principal.subject_id is not None
        wanted = await identity.preferences_of(tx, principal.subject_id)
        shown = await _now(tx, request, own, wanted, clock, settings)
    version = seen.partition(".")[0]
    arrived = int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None
    part = pages.part(request, "payments/me_now.html", **{**shown, "arrived": arrived})
    return Response(part.encode(), media_type="text/html")


async def _now(
    tx: Tx, request: PageRequest, own: Own | None, wanted: identity.Preferences, clock: Clock, settings: Settings
) -> dict[str, Any]:
    """What the customer's first page shows. `arrived`: movements above this version are new to the reader."""
    home = wanted.home
    actions = wanted.actions[:_FEW] if home is identity.Home.LARGE else wanted.actions
    shown: dict[str, Any] = {
        "own": own,
        "home": home,
        "actions": actions,
        "arrived": None,
        "stays": identity.SESSION_IDLES,
    }
    shown |= {"kind_word": ledger.kind_word, "movements": []}
    if own is None:
        return shown
    shown["movements"] = await movements(tx, own.chosen.account, most=_NEWEST[home])
    if home is identity.Home.YOUNG:
        shown |= await _week(tx, own, pages.language(request), clock, settings)
    return shown


async def _week(tx: Tx, own: Own, lang: Lang, clock: Clock, settings: Settings) -> dict[str, Any]:
    """What a week cost, day by day, and whom he paid last."""
    account = own.chosen.account
    found = await week(tx, account.id, days.local_day(clock.now(), settings.zone), settings.zone)
    paid = await lately(tx, account.id, settings.zone, most=_PAYEES)
    names = await others(tx, [payment for payment, _ in paid], {account.id})
    drawn = [(day_name(day, lang), minor) for day, minor in found]
    return {
        "spent_minor": sum(minor for _, minor in found),
        "week": Listing(columns=_DAYS, rows=drawn, currency=account.currency, chart="bar"),
        "payees": [(names[p.id], p, "/me/pay?" + urlencode(asked)) for p, asked in paid if names[p.id]],
    }


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (account_page, account_now)

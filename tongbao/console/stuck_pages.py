"""Payments that wait for somebody or something, the longest overdue first, and asking other banks about many at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery

from tongbao import payments
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.console import store
from tongbao.console.model import LatePayments, WaitingPayment
from tongbao.console.payment_pages import Parties, parties
from tongbao.web import i18n, pages, paging, tables
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

ASKED_AT_ONCE: Final = 50
"""Payments about which one press of the button asks other banks."""
_ON_A_RAIL: Final = ("rail_answer", "rail")
_WAITS_MESSAGES: Final = {
    "rail_answer": "the other bank's answer",
    "rail": "its turn at the other bank",
    "person": "somebody's review",
    "confirmation": "the payer's confirmation",
    "capture": "the merchant's capture",
    "arrival": "the moment of arrival",
}


def waits_word(waits_for: str, lang: Lang) -> str:
    return i18n.say(_WAITS_MESSAGES.get(waits_for, waits_for), lang)


COLUMNS: Final = (
    Column("due_at", "Was to end", "应完结时间", tables.MOMENT),
    Column("overdue", "Minutes overdue", "超时分钟", tables.COUNT),
    Column("waits_for", "Waits for", "等待事项", words=waits_word),
    Column("age", "Minutes waiting", "等待分钟", tables.COUNT),
    Column("state", "State", "状态", words=payments.state_word),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("kind", "Kind", "类型", words=payments.kind_word),
    Column("payer", "From", "付款方"),
    Column("payee", "To", "收款方"),
    Column("currency", "Currency", "币种"),
)


@get("/staff/stuck", guards=[visitor("staff", "events:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    waits_for: FromQuery[str | None] = None,
    overdue: FromQuery[bool] = False,
    cursor: Cursor = None,
) -> Page:
    """What waits; overdue is what should have ended by now."""
    if waits_for and waits_for not in _WAITS_MESSAGES:
        raise INVALID_FIELD(f"one of {', '.join(_WAITS_MESSAGES)}", field="waits_for")
    most, at, lang = paging.USUAL, clock.now(), pages.language(request)
    place = paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        late = await store.late_payments(tx, at)
        after = (place[0], place[1]) if place else None
        found = await store.waiting_payments(tx, waits_for or None, at if overdue else None, after, most + 1)
        known = await parties(tx, found[:most])
    listed = paging.page(
        found, most, lambda row: paging.cursor(row.due_at, row.payment_id), lambda row: _row(row, known, at)
    )
    table = Listing(
        columns=COLUMNS,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        hidden=("currency",),
        empty=i18n.say("Nothing is stuck.", lang) if overdue else i18n.say("Nothing waits.", lang),
    )
    choices = [(key, i18n.say(sentence, lang)) for key, sentence in _WAITS_MESSAGES.items()]
    return pages.show(
        request,
        "console/stuck.html",
        table=table,
        choices=choices,
        late=_late(late, at, lang),
        asked_at_once=ASKED_AT_ONCE,
    )


def _row(row: WaitingPayment, known: Parties, at: datetime) -> tuple[Any, ...]:
    minute = timedelta(minutes=1)
    return (
        Linked(row.due_at, f"/staff/payments/{row.payment_id}"),
        max(0, (at - row.due_at) // minute) or None,
        row.waits_for,
        max(0, (at - row.since) // minute),
        Marked(row.state),
        row.amount_minor,
        row.kind,
        known.payer(row),
        known.payee(row),
        row.currency,
    )


def _late(late: list[LatePayments], at: datetime, lang: Lang) -> list[tuple[str, int, int]]:
    """What is overdue: what it waits for, how many, and for how many minutes the oldest."""
    minute = timedelta(minutes=1)
    found = {row.waits_for: row for row in late}
    return [
        (i18n.say(sentence, lang), found[key].many, max(0, (at - found[key].oldest_due_at) // minute))
        for key, sentence in _WAITS_MESSAGES.items()
        if key in found
    ]


@post("/staff/stuck/ask-again", guards=[visitor("staff", payments.MAY_RESOLVE)], include_in_schema=False)
async def ask_again(db: Db, clock: Now, principal: By) -> Page:
    """Lets the worker ask other banks at once about what waits for them, the longest overdue first."""

    async def hurry(tx: Tx) -> int:
        at = clock.now()
        unknown = await store.waiting_payments(tx, _ON_A_RAIL[0], None, None, ASKED_AT_ONCE)
        created = await store.waiting_payments(tx, _ON_A_RAIL[1], None, None, ASKED_AT_ONCE)
        first = sorted((*unknown, *created), key=lambda row: (row.due_at, row.payment_id))[:ASKED_AT_ONCE]
        return await payments.ask_sooner(tx, principal, [row.payment_id for row in first], at)

    if await db.retry(hurry):
        return pages.go(
            "/staff/stuck", said="The other banks are asked now. What they answer leaves this list within seconds."
        )
    return pages.go("/staff/stuck", said="The other banks are being asked at this moment, or nothing waits for them.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, ask_again)

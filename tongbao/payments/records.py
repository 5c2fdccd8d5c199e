"""What was paid: payments of an account, a merchant or the whole bank, filtered, a page at a time, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import merchants
from tongbao.base.db import Database, Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.payments import refusals as no
from tongbao.payments import store, words
from tongbao.payments.model import OUTSIDE, Kind, Method, Payment, State
from tongbao.web.tables import MOMENT, MONEY, Column

Place = tuple[datetime, UUID]

NEWEST: Final[Place] = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
_EXPORT_PAGE: Final = 1000

COLUMNS: Final = (
    Column("id", "Id", "编号", printed=False),
    Column("created_at", "When", "时间", MOMENT),
    Column("kind", "Kind", "类型", words=words.kind_word),
    Column("state", "State", "状态", words=words.state_word),
    Column("amount", "Amount", "金额", MONEY, currency_from="currency"),
    Column("currency", "Currency", "币种", printed=False),
    Column("captured", "Captured", "已请款", MONEY, currency_from="currency", total=True),
    Column("refunded", "Refunded", "已退款", MONEY, currency_from="currency", total=True),
    Column("fee", "Fee", "手续费", MONEY, currency_from="currency", total=True),
    Column("payer_account_id", "Payer's account", "付款账户", printed=False),
    Column("payee_account_id", "Payee's account", "收款账户", printed=False),
    Column("merchant_id", "Merchant", "商户", printed=False),
    Column("order_id", "Order", "订单", printed=False),
    Column("method", "Method", "方式", words=words.method_word),
    Column("reference", "Reference", "附言"),
    Column("code", "Refusal", "拒绝原因", words=words.refusal_word),
)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`first` and `last` are days of the bank's zone, both included; amounts in minor units, both included.

    `party_id` is the other side: an account, or a merchant. `of_owner`: as the owner of `account_id` may see them, which is
    without what others tried and could not do, and without the fee of a payee.
    """

    account_id: UUID | None = None
    merchant_id: UUID | None = None
    party_id: UUID | None = None
    first: date | None = None
    last: date | None = None
    smallest_minor: int = 0
    largest_minor: int = LARGEST_MINOR
    state: State | None = None
    kind: Kind | None = None
    method: Method | None = None
    of_owner: bool = False


def place_of(payment: Payment) -> Place:
    return payment.created_at, payment.id


async def find_payments(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Payment]:
    """Payments by id; unknown ids are left out."""
    return await store.payments(tx, ids)


async def records(tx: Tx, wanted: Filter, zone: ZoneInfo, *, before: Place = NEWEST, most: int = 50) -> list[Payment]:
    """A page; the next one is asked for with `before` = the place of the last payment. Refuses `merchant_unknown`."""
    assert wanted.account_id is not None or not wanted.of_owner
    account_id, party_id = await _ends(tx, wanted)
    found = await store.records(
        tx,
        account_id,
        party_id,
        since=_midnight(wanted.first, zone) if wanted.first else _BEGINNING,
        until=_midnight(wanted.last + timedelta(1), zone) if wanted.last else NEWEST[0],
        smallest=wanted.smallest_minor,
        largest=wanted.largest_minor,
        state=wanted.state.value if wanted.state else None,
        kind=wanted.kind.value if wanted.kind else None,
        method=wanted.method.value if wanted.method else None,
        merchant_id=wanted.merchant_id,
        before=before[0],
        before_id=before[1],
        most=most,
        of_owner=wanted.of_owner,
    )
    if wanted.of_owner:
        for payment in found:
            if payment.payer_account_id == wanted.account_id:
                payment.fee_minor = 0
    return found


class Sums(msgspec.Struct, frozen=True):
    """What an account paid and received, less what went back, in minor units, and in how many payments."""

    paid_minor: int
    paid: int
    received_minor: int
    received: int


async def sums(tx: Tx, account_id: UUID, first: date, last: date, zone: ZoneInfo) -> Sums:
    """Over the days from `first` to `last` of the bank's zone, both included."""
    until = _midnight(last + timedelta(1), zone)
    return Sums(*await store.sums_of_owner(tx, account_id, _midnight(first, zone), until))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)


async def _ends(tx: Tx, wanted: Filter) -> tuple[UUID | None, UUID | None]:
    """The accounts whose indexes find the payments: a merchant is paid on its takings account."""
    named = {i for i in (wanted.merchant_id, wanted.party_id) if i}
    shops = await merchants.find(tx, named) if named else {}
    if wanted.merchant_id and wanted.merchant_id not in shops:
        raise no.MERCHANT_UNKNOWN()
    ends = [wanted.account_id]
    if wanted.merchant_id:
        ends.append(shops[wanted.merchant_id].takings_account_id)
    if wanted.party_id:
        party = shops.get(wanted.party_id)
        ends.append(party.takings_account_id if party else wanted.party_id)
    known = list(dict.fromkeys(end for end in ends if end))
    return (known[0] if known else None), (known[1] if len(known) > 1 else None)


async def every(db: Database, wanted: Filter, zone: ZoneInfo) -> AsyncIterator[tuple[Any, ...]]:
    """Every payment as a row of COLUMNS, a page at a time; no connection is held while the client reads."""
    before = NEWEST
    while True:
        async with db.read() as tx:
            page = await records(tx, wanted, zone, before=before, most=_EXPORT_PAGE)
        for payment in page:
            yield _row(payment)
        if len(page) < _EXPORT_PAGE:
            return
        before = place_of(page[-1])


def _row(p: Payment) -> tuple[Any, ...]:
    return (
        p.id,
        p.created_at,
        p.kind,
        p.state,
        p.amount_minor,
        p.currency,
        p.captured_minor,
        p.refunded_minor,
        p.fee_minor,
        None if p.payer_account_id == OUTSIDE else p.payer_account_id,
        p.payee_account_id,
        p.merchant_id,
        p.order_id,
        p.method,
        p.reference,
        p.refusal,
    )

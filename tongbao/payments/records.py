"""What was paid: payments of an account, a merchant or the whole bank, filtered, a page at a time, newest first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import merchants
from tongbao.base.db import Database, Tx
from tongbao.base.money import LARGEST_MINOR, exponent
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.model import OUTSIDE, Kind, Method, Payment, State

Place = tuple[datetime, UUID]

NEWEST: Final[Place] = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
_EXPORT_PAGE: Final = 1000

COLUMNS: Final = (
    "id", "created_at", "kind", "state", "amount", "currency", "captured", "refunded", "fee", "payer_account_id",
    "payee_account_id", "merchant_id", "order_id", "method", "reference", "code",
)  # fmt: skip


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`first` and `last` are days of the bank's zone, both included; amounts in minor units, both included.

    `party_id` is the other side: an account, or a merchant.
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


def place_of(payment: Payment) -> Place:
    return payment.created_at, payment.id


async def records(tx: Tx, wanted: Filter, zone: ZoneInfo, *, before: Place = NEWEST, most: int = 50) -> list[Payment]:
    """A page; the next one is asked for with `before` = the place of the last payment. Refuses `merchant_unknown`."""
    account_id, party_id = await _ends(tx, wanted)
    return await store.records(
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
    )


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


async def export(db: Database, wanted: Filter, zone: ZoneInfo) -> AsyncIterator[tuple[object, ...]]:
    """Every payment as a row of COLUMNS, a page at a time; no connection is held while the client reads."""
    before = NEWEST
    while True:
        async with db.read() as tx:
            page = await records(tx, wanted, zone, before=before, most=_EXPORT_PAGE)
        for payment in page:
            yield _row(payment, zone)
        if len(page) < _EXPORT_PAGE:
            return
        before = place_of(page[-1])


def _row(p: Payment, zone: ZoneInfo) -> tuple[object, ...]:
    amounts = (p.captured_minor, p.refunded_minor, p.fee_minor)
    return (
        p.id,
        p.created_at.astimezone(zone).isoformat(timespec="seconds"),
        p.kind,
        p.state,
        decimal(p.amount_minor, p.currency),
        p.currency,
        *(decimal(amount, p.currency) for amount in amounts),
        None if p.payer_account_id == OUTSIDE else p.payer_account_id,
        p.payee_account_id,
        p.merchant_id,
        p.order_id,
        p.method,
        p.reference,
        p.refusal,
    )


def decimal(amount_minor: int, currency: str) -> str:
    """An amount as a spreadsheet reads it: 123450 fen as 1234.50."""
    digits = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    return ("-" if amount_minor < 0 else "") + (f"{whole}.{part:0{digits}d}" if digits else str(whole))

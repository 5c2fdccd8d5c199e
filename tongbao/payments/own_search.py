"""A customer's own records by what they say: who stood on the other side, as he is shown them; the reference; the amount."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity, merchants
from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR, exponent
from tongbao.identity import Account
from tongbao.payments import own_store as store
from tongbao.payments.model import OUTSIDE, Payment
from tongbao.payments.records import NEWEST, Filter, Place

AMONG: Final = 2_000
"""Payments of each side that are looked through, the newest of the days asked for."""
_AMOUNT: Final = re.compile(r"[¥￥]? ?([0-9]{1,12}(?:,[0-9]{3})*(?:\.[0-9]{1,3})?)元?")
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)


async def search(
    tx: Tx, account: Account, text: str, wanted: Filter, zone: ZoneInfo, *, before: Place = NEWEST, most: int = 50
) -> list[Payment]:
    """A page of what `records` would give, of those that say `text`. Names are compared as he is shown them, with what is hidden
    hidden: whoever types a whole name finds nobody by it.
    """
    plain = _plain(text)
    others, shops = await _called(tx, account, plain)
    where: dict[str, Any] = {
        "since": _midnight(wanted.first, zone) if wanted.first else _FIRST,
        "until": _midnight(wanted.last + timedelta(1), zone) if wanted.last else NEWEST[0],
        "smallest": wanted.smallest_minor,
        "largest": wanted.largest_minor,
        "state": wanted.state.value if wanted.state else None,
        "kind": wanted.kind.value if wanted.kind else None,
        "amount": amount_in(text, account.currency),
    }
    page = {"before": before[0], "before_id": before[1], "most": most, "among": AMONG}
    found = await store.records_like(tx, account.id, plain, others=others, shops=shops, **where, **page)
    for payment in found:
        if payment.payer_account_id == account.id:
            payment.fee_minor = 0
    return found


async def _called(tx: Tx, account: Account, plain: str) -> tuple[set[UUID], set[UUID]]:
    """Accounts and shops with which this account dealt lately and whose names, as its owner sees them, have this in them."""
    met = await store.others_of(tx, account.id, AMONG)
    known = await merchants.find(tx, {shop for _, shop in met if shop})
    people = {other for other, shop in met if other and other != OUTSIDE and shop is None}
    accounts = await identity.find_accounts(tx, people)
    owners = await identity.find_customers(tx, {one.customer_id for one in accounts.values()})
    names = await identity.names_for_others(tx, owners.values())
    others = {id_ for id_, one in accounts.items() if plain in _plain(names[one.customer_id])}
    return others, {id_ for id_, shop in known.items() if plain in _plain(shop.name)}


def amount_in(text: str, currency: str) -> int | None:
    """The amount that a text is, such as `12.8`, `¥1,280.00` or `500元`, in minor units; None where it is none."""
    found = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    minor = Decimal(found[1].replace(",", "")).scaleb(exponent(currency))
    return int(minor) if minor == minor.to_integral_value() and minor <= LARGEST_MINOR else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)

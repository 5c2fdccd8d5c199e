"""Paying once more what was paid before: to the same payee, the same amount, from the same account."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity, merchants
from tongbao.base import say
from tongbao.base.db import Tx
from tongbao.payments import records
from tongbao.payments.model import OUTSIDE, Kind, Payment, State

Asked = dict[str, str]
"""What the way to pay is asked for, so that the last look before the press stands there at once."""
_LOOKED_AT = 50


async def again(tx: Tx, payment: Payment) -> Asked | None:
    """None where it cannot be paid so: money from outside, an order of a shop's, a card of another bank's, a payee who is gone,
    and what was not paid the first time.
    """
    return (await again_all(tx, [payment])).get(payment.id)


async def again_all(tx: Tx, found: Sequence[Payment]) -> dict[UUID, Asked]:
    """The same of several at once, by payment; those that cannot be paid so are left out."""
    paid = [p for p in found if p.state == State.COMPLETED and p.order_id is None and p.method != "card"]
    shop_ids = {p.merchant_id for p in paid if p.kind == Kind.PAYMENT and p.merchant_id}
    shops = await merchants.find(tx, shop_ids) if shop_ids else {}
    ends = {p.payee_account_id for p in paid if p.kind == Kind.TRANSFER and p.payee_account_id not in (None, OUTSIDE)}
    payees = await identity.find_accounts(tx, {end for end in ends if end}) if ends else {}
    asked: dict[UUID, Asked] = {}
    for p in paid:
        shop, payee = shops.get(p.merchant_id or OUTSIDE), payees.get(p.payee_account_id or OUTSIDE)
        if p.kind == Kind.PAYMENT and shop and shop.takes_payments:
            asked[p.id] = {**_sum(p), "merchant": str(shop.id)}
        elif p.kind == Kind.TRANSFER and payee and payee.effective is not identity.Standing.CLOSED:
            asked[p.id] = {**_sum(p), "to": payee.number, **({"reference": p.reference} if p.reference else {})}
    return asked


def _sum(payment: Payment) -> Asked:
    amount = say.amount(payment.amount_minor, payment.currency, grouped=False)
    return {"account": str(payment.payer_account_id), "amount": amount}


async def lately(tx: Tx, account_id: UUID, zone: ZoneInfo, *, most: int) -> list[tuple[Payment, Asked]]:
    """The last payment to each of the last payees that can be paid once more, the newest first."""
    wanted = records.Filter(account_id=account_id, state=State.COMPLETED, of_owner=True)
    newest = await records.records(tx, wanted, zone, most=_LOOKED_AT)
    own = [p for p in newest if p.payer_account_id == account_id]
    asked = await again_all(tx, own)
    by_payee: dict[UUID | None, Payment] = {}
    for p in own:
        if p.id in asked:
            by_payee.setdefault(p.merchant_id or p.payee_account_id, p)
    return [(p, asked[p.id]) for p in list(by_payee.values())[:most]]

"""Orders that a card of another bank pays for: money for the owner's own account, or for a shop by way of that account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from tongbao.base.db import Database
from tongbao.base.principal import PERMISSION_MISSING, Principal
from tongbao.base.settings import Settings
from tongbao.identity import may_see_account
from tongbao.payments import cards, rail_calls, store
from tongbao.payments import refusals as no
from tongbao.payments.bodies import Reference
from tongbao.payments.card_model import RAIL
from tongbao.payments.model import OUTSIDE, Kind, Method, Order, Over
from tongbao.web.body import Amount, Body, Currency, canonical_hash


class CardTopUp(Body, frozen=True, kw_only=True):
    """Money from a card into an account of its owner's."""

    account_id: UUID
    amount: Amount
    currency: Currency


class CardPayment(Body, frozen=True, kw_only=True):
    """Money from a card to a shop, by way of `account_id`, to which a refund goes."""

    account_id: UUID
    merchant_id: UUID
    amount: Amount
    currency: Currency
    order_id: UUID | None = None
    """The merchant's order that is paid."""
    reference: Reference | None = None
    confirm: Annotated[
        bool, msgspec.Meta(description="Nothing is asked of the card before the payer has confirmed.")
    ] = False


async def card_order(
    db: Database,
    settings: Settings,
    principal: Principal,
    card_id: UUID,
    body: CardTopUp | CardPayment,
    *,
    id: UUID,
    at: datetime,
) -> Order:
    """The order that a body asks for. Leaves no trace where it refuses.

    Refuses `permission_missing`, `card_network_missing`, `card_unknown`, `account_not_found`, and `rail_down` for one that is not
    known yet.
    """
    if principal.subject_id is None:
        raise PERMISSION_MISSING("a customer has cards")
    if not settings.card_network:
        raise no.CARD_NETWORK_MISSING()
    async with db.read() as tx:
        known = await store.payments(tx, [id])
        if not known:
            await cards.card_to_pay_with(tx, principal, card_id)
            await may_see_account(tx, principal, body.account_id)
            await rail_calls.check_up(tx, RAIL, at)
    shop = body if isinstance(body, CardPayment) else None
    return Order(
        id=id,
        principal_id=principal.id,
        request_hash=canonical_hash(body, "card", card_id),
        payer_account_id=body.account_id if shop else OUTSIDE,
        payee_account_id=None if shop else body.account_id,
        merchant_id=shop.merchant_id if shop else None,
        order_id=shop.order_id if shop else None,
        amount_minor=body.amount,
        currency=body.currency,
        kind=Kind.PAYMENT if shop else Kind.TOPUP,
        method=Method.CARD,
        confirm=bool(shop and shop.confirm),
        reference=shop.reference if shop else None,
        payer_id=principal.subject_id if shop else None,
        device_known=principal.device_id is not None,
        over=Over(rail=RAIL, account=str(card_id), within_s=settings.stuck_after_s),
    )

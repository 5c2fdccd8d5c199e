"""A payment that its payer did not make: his account pays nothing more, and somebody of the bank looks at it first of all."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from tongbao import identity, payments, risk
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.care import help as helping
from tongbao.care import refusals as no
from tongbao.care import store, tip_store
from tongbao.care.model import Context, Kind, Request


async def not_mine(
    tx: Tx, principal: Principal, payment_id: UUID, text: str, context: Context, *, id: UUID, at: datetime
) -> Request:
    """Freezes the account that paid, and opens an urgent matter. Reported again it is the same matter, and as frozen as before.

    Refuses payments' `payment_unknown`, `not_the_payer`, and what `ask` and `freeze_account` refuse.
    """
    seen = await payments.may_see_payment(tx, principal, payment_id)
    if seen.side is not payments.Side.PAYER or seen.payment.payer_account_id not in seen.own:
        raise no.NOT_THE_PAYER()
    found = await store.open_request_about(tx, payment_id)
    if found is None:
        about = replace(context, payment_id=payment_id)
        found = await helping.ask(tx, principal, Kind.NOT_MINE, text, about, id=id, at=at)
        payee_id = seen.payment.merchant_id or seen.payment.payee_account_id
        if payee_id is not None:
            await tip_store.add_report(tx, found.id, payee_id, found.customer_id, at)
        await risk.label(
            tx,
            payment_id,
            id=found.id,
            is_fraud=True,
            source=risk.LabelSource.CUSTOMER,
            reason="not_mine",
            by=principal,
            at=at,
        )
    account = (await identity.find_accounts(tx, [seen.payment.payer_account_id]))[seen.payment.payer_account_id]
    if account.effective is identity.Standing.OPEN and account.product is identity.Product.CURRENT:
        reason = f"payment {payment_id} was not made by its payer"
        await identity.freeze_account(tx, account.id, reason=reason, by=principal, at=at)
    return found

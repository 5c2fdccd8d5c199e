"""The proof that a payment was made: who paid whom, how much, when, in figures and in words; names and numbers masked."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import identity, merchants
from tongbao.base import say
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.payments import refusals as no
from tongbao.payments import words
from tongbao.payments.model import OUTSIDE, Payment
from tongbao.web.pdf import Pair
from tongbao.web.sheet import About
from tongbao.web.voucher import Voucher


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a payment as the other may see it; neither name nor number where the money came from outside."""

    name: str | None
    number: str | None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` is what was captured, in minor units, before any refund; `amount_in_words` is for renminbi alone."""

    payment_id: UUID
    payer: Party
    payee: Party
    amount: int
    amount_in_words: str | None
    refunded: int
    currency: str
    kind: str
    method: str
    reference: str | None
    paid_at: datetime
    booking_date: date


async def receipt(tx: Tx, payment: Payment) -> Receipt:
    """Whoever may see the payment may have it. Refuses `no_receipt` where nothing was captured."""
    if not payment.captured_minor:
        raise no.NO_RECEIPT()
    ends = [end for end in (payment.payer_account_id, payment.payee_account_id) if end and end != OUTSIDE]
    accounts = await identity.find_accounts(tx, ends)
    owners = await identity.find_customers(tx, {account.customer_id for account in accounts.values()})
    names = await identity.names_for_others(tx, owners.values())
    shops = await merchants.find(tx, [payment.merchant_id]) if payment.merchant_id else {}

    def party(account_id: UUID | None, shop: str | None = None) -> Party:
        account = accounts.get(account_id) if account_id else None
        if account is None:
            return Party(name=None, number=None)
        name = shop or names[account.customer_id]
        return Party(name=name, number=identity.masked_number(account.number))

    shop = shops.get(payment.merchant_id) if payment.merchant_id else None
    return Receipt(
        payment_id=payment.id,
        payer=party(payment.payer_account_id),
        payee=party(payment.payee_account_id, shop.name if shop else None),
        amount=payment.captured_minor,
        amount_in_words=say.capital(payment.captured_minor) if payment.currency == "CNY" else None,
        refunded=payment.refunded_minor,
        currency=payment.currency,
        kind=payment.kind,
        method=payment.method,
        reference=payment.reference,
        paid_at=payment.decided_at or payment.created_at,
        booking_date=payment.booking_date,
    )


TITLE: Final[dict[Lang, str]] = {"zh": "电子回单", "en": "Proof of payment"}
_SEAL: Final[dict[Lang, str]] = {"zh": "电子回单专用章", "en": "Receipt"}
_NOTE: Final[dict[Lang, str]] = {
    "zh": "本回单由本行系统生成，可凭回单编号向本行核实。户名与账号已作隐藏处理。退款请以退款记录为准。",
    "en": "Made by the bank's books; the bank confirms it by its number. Names and account numbers are masked. "
    "A refund is a record of its own.",
}


def voucher(receipt: Receipt, about: About, zone: ZoneInfo) -> Voucher:
    """How it is printed, in the language of `about`."""
    lang = about.lang
    zh = lang == "zh"

    def known(party: Party) -> list[Pair]:
        outside = "行外账户" if zh else "outside this bank"
        pairs = [("户名" if zh else "Name", party.name or outside)]
        if party.number:
            pairs += [("账号" if zh else "Account", party.number), ("开户行" if zh else "Bank", about.bank)]
        return pairs

    amount = say.money(receipt.amount, receipt.currency, lang)
    lines = [("金额" if zh else "Amount", amount)]
    if receipt.amount_in_words:
        lines.append(("金额大写" if zh else "In words", receipt.amount_in_words))
    if receipt.refunded:
        lines.append(("已退款" if zh else "Refunded", say.money(receipt.refunded, receipt.currency, lang)))
    lines += [
        ("付款时间" if zh else "Paid at", say.moment(receipt.paid_at, zone, lang)),
        ("记账日" if zh else "Booked on", say.date_(receipt.booking_date, lang)),
        (
            "类型" if zh else "Kind",
            f"{words.kind_word(receipt.kind, lang)} · {words.method_word(receipt.method, lang)}",
        ),
    ]
    if receipt.reference:
        lines.append(("附言" if zh else "Reference", receipt.reference))
    return Voucher(
        about=about,
        number=("回单编号" if zh else "Number", str(receipt.payment_id)),
        parties=(
            ("付款人" if zh else "Payer", known(receipt.payer)),
            ("收款人" if zh else "Payee", known(receipt.payee)),
        ),
        lines=lines,
        seal=(about.bank, _SEAL[lang]),
        note=_NOTE[lang],
    )

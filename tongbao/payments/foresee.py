"""Whether a payment could be made now, told to a customer before he says yes. Nothing is locked: paying decides again."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from stdnum.iso7064 import mod_97_10

from tongbao import identity, merchants
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.identity import Product, Standing
from tongbao.payments import limits, store
from tongbao.payments import refusals as no
from tongbao.payments.model import Check, Kind, Method, Scope
from tongbao.payments.own_accounts import Held
from tongbao.payments.set_limits import limits_of


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """A shop by its name, or the owner of an account as others may see him. Either `merchant_id` or `account_id`."""

    name: str
    currency: str
    merchant_id: UUID | None = None
    account_id: UUID | None = None
    number: str | None = None

    @property
    def kind(self) -> Kind:
        return Kind.PAYMENT if self.merchant_id else Kind.TRANSFER

    @property
    def method(self) -> Method:
        return Method.QR if self.merchant_id else Method.ACCOUNT


async def find_shop(tx: Tx, text: str) -> Payee:
    """Refuses `merchant_unknown`, also for what is no id at all."""
    try:
        merchant_id = UUID(text)
    except ValueError:
        raise no.MERCHANT_UNKNOWN() from None
    shop = (await merchants.find(tx, [merchant_id])).get(merchant_id)
    if shop is None:
        raise no.MERCHANT_UNKNOWN()
    return Payee(name=shop.name, currency=shop.currency, merchant_id=shop.id)


async def find_order(tx: Tx, text: str, payment_id: str, at: datetime) -> merchants.Order:
    """An order that this payment may pay, or has paid. Refuses `order_unknown`, `order_expired`, `order_not_open`."""
    try:
        id_ = UUID(text)
    except ValueError:
        raise merchants.ORDER_UNKNOWN() from None
    order = (await merchants.find_orders(tx, [id_])).get(id_)
    if order is None:
        raise merchants.ORDER_UNKNOWN()
    if order.payment_id is not None and str(order.payment_id) == payment_id:
        return order
    if order.state_at(at) is merchants.OrderState.EXPIRED:
        raise merchants.ORDER_EXPIRED()
    if order.state is not merchants.OrderState.OPEN:
        raise merchants.ORDER_NOT_OPEN()
    return order


async def find_owner(tx: Tx, text: str) -> Payee:
    """By an account number as people type it; that of a shop's takings is the shop's own number.

    Refuses `account_number_wrong` and `payee_unknown`.
    """
    number = plain_number(text)
    if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST and mod_97_10.is_valid(number)):
        raise no.ACCOUNT_NUMBER_WRONG(field="to")
    account = await identity.account_by_number(tx, number)
    if account is None:
        raise no.PAYEE_UNKNOWN(field="to")
    if account.product is Product.TAKINGS:
        shop = await merchants.shop_of_takings(tx, account.id)
        if shop is None:
            raise no.PAYEE_UNKNOWN(field="to")
        return Payee(name=shop.name, currency=shop.currency, merchant_id=shop.id)
    owner = (await identity.find_customers(tx, [account.customer_id]))[account.customer_id]
    name = (await identity.names_for_others(tx, [owner]))[owner.id]
    return Payee(name=name, currency=account.currency, account_id=account.id, number=account.number)


_LONGEST: Final = 40
"""Digits that an account number may have."""
_BETWEEN: Final = str.maketrans("", "", " -")


def plain_number(text: str) -> str:
    """The digits of an account number without what stands between them; full-width digits mean the same."""
    return unicodedata.normalize("NFKC", text).translate(_BETWEEN)


async def foresee(tx: Tx, payer: Held, payee: Payee, amount_minor: int, *, at: datetime, day: date) -> None:
    """Refuses what paying would refuse now, with the field of the form that it is about where there is one."""
    scopes = [(Scope.KIND, payee.kind.value), (Scope.METHOD, payee.method.value)]
    if payee.merchant_id:
        scopes.append((Scope.MERCHANT, str(payee.merchant_id)))
        shops = await merchants.find(tx, [payee.merchant_id])
        scopes += [(Scope.COUNTRY, shop.country) for shop in shops.values()]
    scope = await store.stopped(tx, scopes, at)
    if scope is not None:
        raise no.STOPPED[scope]()
    await _may_receive(tx, payee)
    if payee.account_id == payer.account.id:
        raise no.ACCOUNTS_MUST_BE_DIFFERENT(field="to")
    if payee.currency != payer.account.currency:
        raise no.CURRENCY_MISMATCH(field="account")
    if payer.account.effective is Standing.CLOSED:
        raise no.BY_CODE["account_closed"](field="account")
    if payer.account.effective is Standing.FROZEN:
        raise no.ACCOUNT_FROZEN(field="account")
    await _within_limits(tx, payer, amount_minor, day)
    if payer.available_minor < amount_minor:
        raise no.BY_CODE["insufficient_funds"](field="amount")


async def _may_receive(tx: Tx, payee: Payee) -> None:
    if payee.merchant_id is not None:
        if not (await merchants.find(tx, [payee.merchant_id]))[payee.merchant_id].takes_payments:
            raise no.MERCHANT_CLOSED()
    elif payee.account_id is not None:
        account = (await identity.find_accounts(tx, [payee.account_id]))[payee.account_id]
        if account.effective is Standing.CLOSED:
            raise no.BY_CODE["account_closed"](field="to")


async def _within_limits(tx: Tx, payer: Held, amount_minor: int, day: date) -> None:
    found = await limits_of(tx, payer.account.id, day)
    spending = found.spending
    spending.roll(day)
    checks: list[Check] = []
    try:
        limits.check_level(found.level, spending, amount_minor, checks)
        limits.check(found.effective, spending, amount_minor, checks)
    except Refusal as refusal:
        field = None if refusal.kind is no.NOT_VERIFIED else "amount"
        raise refusal.kind(refusal.detail, field=field) from None

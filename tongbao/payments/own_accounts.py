"""What a customer sees of his own: which account he looks at, what moved on it, whom he paid and who paid him."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import identity, ledger, merchants
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.identity import Account, Product, Standing
from tongbao.payments import records, store, words
from tongbao.payments import refusals as no
from tongbao.payments.actions import waits_for
from tongbao.payments.model import OUTSIDE, Kind, Payment
from tongbao.web import i18n

_MOST: Final = 100
"""Accounts that a customer chooses from."""


class Held(msgspec.Struct, frozen=True):
    """An account of the customer's with the money on it."""

    account: Account
    money: ledger.Account

    @property
    def is_open(self) -> bool:
        return self.account.effective is Standing.OPEN

    @property
    def available_minor(self) -> int:
        return self.money.available_minor or 0

    @property
    def seen(self) -> str:
        """Changes whenever the account does: what a page shows that has seen it."""
        return f"{self.money.version}.{self.money.held_minor}.{self.account.effective}"


class Own(msgspec.Struct, frozen=True):
    """The account that is looked at, and all of them to choose from."""

    chosen: Held
    every: tuple[Held, ...]

    @property
    def query(self) -> str:
        """What links keep so that the next page looks at the same account; nothing where there is no choice."""
        return f"?account={self.chosen.account.id}" if len(self.every) > 1 else ""


async def own_accounts(
    tx: Tx, principal: Principal, wanted: str | None = None, *, currency: str | None = None
) -> Own | None:
    """The customer's accounts and the one whose id is `wanted`, else one that pays, in `currency` where he has one.

    None where he has no account. Refuses `account_not_found` for what is not his. What a shop takes is not among them.
    """
    assert principal.subject_id is not None
    found = [a for a in await identity.accounts_of(tx, principal.subject_id, most=_MOST) if _is_shown(a)]
    if wanted:
        asked = await identity.may_see_account(tx, principal, _id(wanted))
        found = found if any(a.id == asked.id for a in found) else [*found, asked]
    if not found:
        return None
    found.sort(key=lambda a: (a.effective is Standing.CLOSED, a.product is not Product.CURRENT))
    money = await ledger.accounts(tx, [a.ledger_id for a in found])
    every = tuple(Held(a, money[a.ledger_id]) for a in found)
    if wanted:
        return Own(next(held for held in every if held.account.id == _id(wanted)), every)
    fitting = [held for held in every if currency in (None, held.account.currency)]
    return Own((fitting or every)[0], every)


def _is_shown(account: Account) -> bool:
    return account.product is not Product.TAKINGS


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise no.ACCOUNT_NOT_FOUND() from None


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the account's owner reads it. `who` and `number` None: the bank itself, or somebody outside it.

    `payment_id`: the payment behind it; None where none is.
    """

    entry: ledger.Entry
    who: str | None
    number: str | None
    payment_id: UUID | None


async def movements(tx: Tx, account: Account, *, most: int) -> list[Movement]:
    """The newest movements of an account, newest first."""
    entries = await ledger.entries(tx, account.ledger_id, most=most)
    return await as_movements(tx, await identity.statement_lines(tx, entries))


async def as_movements(tx: Tx, lines: Sequence[identity.Line]) -> list[Movement]:
    """Lines of a statement with the shop and the payment behind each, in their order."""
    transfers = {line.entry.transfer_id for line in lines}
    asked = await store.operations(tx, transfers) if transfers else {}
    behind = {id_: asked[id_][1] if id_ in asked else id_ for id_ in transfers}
    known = await store.payments(tx, set(behind.values())) if behind else {}
    shops = await _shops(tx, known.values())

    def told(line: identity.Line) -> Movement:
        payment = known.get(behind[line.entry.transfer_id])
        shop = shops.get(payment.merchant_id) if payment and payment.merchant_id else None
        is_sold = payment is not None and line.account_id not in (payment.payer_account_id, None)
        name = shop.name if shop and is_sold else line.name
        return Movement(entry=line.entry, who=name, number=line.number, payment_id=payment.id if payment else None)

    return [told(line) for line in lines]


OWN_STATE_MESSAGES: Final = {
    "confirmation": "Waits for your confirmation",
    "arrival": "On its way",
    "capture": "Set aside",
    "person": "Being reviewed",
    "completed": "Paid",
    "declined": "Not paid",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "received": "Received",
}


def own_state(payment: Payment, *, is_payer: bool, lang: Lang) -> str:
    """How a payment stands, in the words of its payer or of its payee."""
    other = "received" if payment.captured_minor else payment.state
    stands = waits_for(payment) or payment.state if is_payer else other
    said = OWN_STATE_MESSAGES.get(stands)
    return i18n.say(said, lang) if said else words.state_word(payment.state, lang)


async def _shops(tx: Tx, found: Collection[Payment]) -> dict[UUID, merchants.Merchant]:
    ids = {p.merchant_id for p in found if p.merchant_id}
    return await merchants.find(tx, ids) if ids else {}


async def others(tx: Tx, found: Sequence[Payment], own: Collection[UUID]) -> dict[UUID, str | None]:
    """By payment, who stands on its other side as the owner of `own` may see him; None for somebody outside the bank."""
    ends = {p.id: p.payee_account_id if p.payer_account_id in own else p.payer_account_id for p in found}
    accounts = await identity.find_accounts(tx, {end for end in ends.values() if end and end != OUTSIDE})
    owners = await identity.find_customers(tx, {a.customer_id for a in accounts.values()}) if accounts else {}
    names = await identity.names_for_others(tx, owners.values())
    shops = await _shops(tx, found)

    def name(payment: Payment) -> str | None:
        shop = shops.get(payment.merchant_id) if payment.merchant_id else None
        if shop and payment.payer_account_id in own:
            return shop.name
        account = accounts.get(end) if (end := ends[payment.id]) else None
        return names[account.customer_id] if account else None

    return {p.id: name(p) for p in found}


async def shops_lately(tx: Tx, account: Account, zone: ZoneInfo, *, most: int) -> list[merchants.Merchant]:
    """Shops that this account paid lately and can pay again, the last one first."""
    wanted = records.Filter(account_id=account.id, kind=Kind.PAYMENT, of_owner=True)
    paid = await records.records(tx, wanted, zone, most=50)
    shops = await _shops(tx, paid)
    ids = dict.fromkeys(p.merchant_id for p in paid if p.payer_account_id == account.id and p.merchant_id)
    known = [shops[i] for i in ids if i in shops]
    return [shop for shop in known if shop.takes_payments and shop.currency == account.currency][:most]

"""Open accounts for customers, and look them up. An account's public number says where its bank is and checks itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from stdnum.iso7064 import mod_97_10

from tongbao import ledger
from tongbao.base.db import Tx
from tongbao.base.money import is_currency
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, store
from tongbao.identity import refusals as no
from tongbao.identity.model import FULL_LEVEL, GL_LINES, Account, Customer, Made, NewAccount, Product, Standing
from tongbao.web.body import canonical_hash
from tongbao.web.refusals import CURRENCY_UNKNOWN

_SERIAL_DIGITS = 12


def account_number(bank_code: str, serial: int) -> str:
    """19 digits: bank code (5), serial number (12), check digits (2, ISO 7064 MOD 97-10, as an IBAN's)."""
    stem = f"{bank_code}{serial:0{_SERIAL_DIGITS}d}"
    return stem + mod_97_10.calc_check_digits(stem)


async def open_accounts(
    tx: Tx, new: Sequence[NewAccount], *, by: Principal, at: datetime, bank_code: str
) -> list[Made[Account] | Refusal]:
    """Opens accounts here and in the ledger; an outcome each, in order.

    Refuses `id_taken`, `id_reused`, `customer_unknown`, `customer_frozen`, `customer_closed`, `currency_unknown`, and
    `level_too_low`: whom nobody has seen has one account, so that the limits of his level hold for all that he pays.
    """
    asked = [(a.id, canonical_hash(a)) for a in new]
    verdicts = await claims.known(tx, "account", asked, by)
    waiting = [i for i, verdict in enumerate(verdicts) if verdict is claims.NEW]
    customers = await store.hold_customers(tx, {new[i].customer_id for i in waiting}) if waiting else {}
    have_one = await _have_their_account(tx, customers)
    for i in waiting:
        refusal = _refused(new[i], customers, have_one)
        if refusal is not None:
            verdicts[i] = refusal
    waiting = [i for i in waiting if verdicts[i] is claims.NEW]
    if waiting:
        claimed = await claims.claim(tx, "account", [asked[i] for i in waiting], by, at)
        for i, verdict in zip(waiting, claimed, strict=True):
            verdicts[i] = verdict
    fresh = [a for a, verdict in zip(new, verdicts, strict=True) if verdict is claims.NEW]
    if fresh:
        await _open(tx, fresh, at, bank_code)
    opened = await store.accounts(
        tx, {a.id for a, verdict in zip(new, verdicts, strict=True) if not isinstance(verdict, Refusal)}
    )
    return [
        verdict if isinstance(verdict, Refusal) else Made(opened[account.id], replayed=verdict)
        for account, verdict in zip(new, verdicts, strict=True)
    ]


async def _have_their_account(tx: Tx, customers: dict[UUID, Customer]) -> set[UUID]:
    """Those whose level allows no other account than the one they have. Two who open one at once wait for each other."""
    low = [id_ for id_, customer in customers.items() if customer.level < FULL_LEVEL]
    if not low:
        return set()
    await store.lock_customers(tx, low)
    return await store.customers_with_accounts(tx, low)


def _refused(new: NewAccount, customers: dict[UUID, Customer], have_one: set[UUID]) -> Refusal | None:
    customer = customers.get(new.customer_id)
    if customer is None:
        return no.CUSTOMER_UNKNOWN(field="customer_id")
    if customer.status is Standing.FROZEN:
        return no.CUSTOMER_FROZEN()
    if customer.status is Standing.CLOSED:
        return no.CUSTOMER_CLOSED()
    if not is_currency(new.currency):
        return CURRENCY_UNKNOWN(field="currency")
    if customer.level < FULL_LEVEL:
        if new.customer_id in have_one:
            return no.LEVEL_TOO_LOW()
        have_one.add(new.customer_id)
    return None


async def _open(tx: Tx, new: Sequence[NewAccount], at: datetime, bank_code: str) -> None:
    serials = await store.next_numbers(tx, len(new))
    ledger_ids = await ledger.open_accounts(
        tx,
        [
            # Everybody who pays a shop meets on its takings account: locked last, like the bank's own.
            ledger.NewAccount(
                currency=a.currency, gl_line=GL_LINES[a.product], at=at, hottest=a.product is Product.TAKINGS
            )
            for a in new
        ],
    )
    await store.add_accounts(tx, new, ledger_ids, [account_number(bank_code, serial) for serial in serials], at)


async def find_accounts(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Account]:
    """Accounts by id; unknown ids are left out."""
    return await store.accounts(tx, ids)


async def account_by_number(tx: Tx, number: str) -> Account | None:
    """The account with a public number; None too for a number whose check digits are wrong."""
    return await store.account_by_number(tx, number) if mod_97_10.is_valid(number) else None


async def accounts_of(tx: Tx, customer_id: UUID, *, after: UUID | None = None, most: int = 50) -> list[Account]:
    """A customer's accounts in the order of their ids, from behind `after`."""
    return await store.accounts_of(tx, customer_id, after, most)


async def accounts_of_ledger(tx: Tx, ledger_ids: Iterable[int]) -> dict[int, UUID]:
    """From the ledger's numbers to account ids; the bank's own accounts are left out."""
    return await store.accounts_of_ledger(tx, ledger_ids)

"""Who plays which part in the demo: the customer who pays, the noodle shop that is paid, the staff who look on.

A city that is founded now names its own; one that was founded before parts were known is looked through. Everybody is made up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao import identity
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.history import store
from tongbao.identity import Role

LI, NOODLE_SHOP = "li", "noodle_shop"
_SURNAME, _NAME, _PHONE, _CATEGORY = "李", "李伟", "+8610099999999", "noodles"
_MOST, _CHUNK = 20_000, 1_000

STAFF: Final[dict[str, tuple[str, str, frozenset[Role]]]] = {
    "operator": ("zhou.lan", "周岚", frozenset({Role.OPERATOR, Role.AUDITOR})),
    "accountant": ("wang.jin", "王瑾", frozenset({Role.ACCOUNTANT})),
    "second_accountant": ("chen.xu", "陈序", frozenset({Role.ACCOUNTANT})),
    "auditor": ("shen.yan", "沈砚", frozenset({Role.AUDITOR, Role.ADMIN})),
}
"""User name, name and roles of each part. Two accountants, because nobody approves what he proposed."""


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """`li_account_id` is the account that the guided walk pays from, `noodle_shop_id` the merchant that it pays."""

    li_customer_id: UUID
    li_account_id: UUID
    li_name: str
    noodle_shop_id: UUID
    noodle_shop_name: str
    operator: identity.Staff
    accountant: identity.Staff
    second_accountant: identity.Staff
    auditor: identity.Staff

    @property
    def staff(self) -> tuple[identity.Staff, ...]:
        return self.operator, self.accountant, self.second_accountant, self.auditor


async def cast(tx: Tx, currency: str, *, at: datetime) -> Cast | None:
    """Everybody's part; None while one of them is not filled."""
    parts = await store.parts(tx)
    if not {LI, NOODLE_SHOP, *STAFF} <= parts.keys():
        return None
    purses = await store.open_purses(tx, currency, 1, parts[LI])
    shop = await store.open_shop(tx, currency, _CATEGORY, parts[NOODLE_SHOP])
    staff = await identity.find_staff(tx, [parts[name] for name in STAFF])
    if not purses or shop is None or len(staff) < len(STAFF):
        return None
    li = await identity.find_customers(tx, [parts[LI]])
    names = await identity.details_of(tx, li.values(), by=SYSTEM, reason="the demo tells who plays which part", at=at)
    return Cast(
        li_customer_id=parts[LI],
        li_account_id=purses[0][1],
        li_name=names[parts[LI]].name,
        noodle_shop_id=shop[0],
        noodle_shop_name=shop[1],
        **{name: staff[parts[name]] for name in STAFF},
    )


async def part(tx: Tx, name: str) -> UUID | None:
    """Who or what plays a part."""
    return (await store.parts(tx)).get(name)


async def give_part(tx: Tx, name: str, id: UUID) -> None:
    """Whoever had it has it no longer."""
    await store.give_part(tx, name, id)


async def choose_li(
    tx: Tx, currency: str, *, customer_id: UUID, account_id: UUID, bank_code: str, at: datetime
) -> UUID:
    """Who pays: whoever was named, while he can; else whoever of that surname has the fullest purse; else somebody new.

    The ids are those of somebody new, who brings nothing along. The customer's id.
    """
    named = (await store.parts(tx)).get(LI)
    if named is not None and await store.open_purses(tx, currency, 1, named):
        return named
    chosen = await _of_the_surname(tx, currency)
    if chosen is None:
        chosen = customer_id
        person = identity.NewCustomer(id=customer_id, kind=identity.CustomerKind.PERSON, name=_NAME, phone=_PHONE)
        account = identity.NewAccount(id=account_id, customer_id=customer_id, currency=currency)
        for outcome in (
            *await identity.register_customers(tx, [person], by=SYSTEM, at=at),
            *await identity.open_accounts(tx, [account], by=SYSTEM, at=at, bank_code=bank_code),
        ):
            if isinstance(outcome, Refusal):
                raise outcome
    await store.give_part(tx, LI, chosen)
    return chosen


async def _of_the_surname(tx: Tx, currency: str) -> UUID | None:
    purses = await store.open_purses(tx, currency, _MOST)
    for start in range(0, len(purses), _CHUNK):
        some = [customer for customer, _ in purses[start : start + _CHUNK]]
        known = await identity.find_customers(tx, set(some))
        names = await identity.masked_details(tx, known.values())
        for customer in some:
            if names[customer].name.startswith(_SURNAME):
                return customer
    return None


async def choose_noodle_shop(tx: Tx, currency: str) -> UUID | None:
    """Who is paid: whoever was named, while it is open; else the oldest noodle shop, or the oldest shop of all.

    None where nobody takes payments in that currency.
    """
    named = (await store.parts(tx)).get(NOODLE_SHOP)
    shop = await store.open_shop(tx, currency, _CATEGORY, named) if named else None
    shop = shop or await store.open_shop(tx, currency, _CATEGORY)
    if shop is None:
        return None
    await store.give_part(tx, NOODLE_SHOP, shop[0])
    return shop[0]


async def vacancies(tx: Tx) -> list[str]:
    """Parts of staff that nobody plays, or somebody who has been shut out."""
    parts = await store.parts(tx)
    there = await identity.find_staff(tx, [parts[name] for name in STAFF if name in parts])
    active = {staff.id for staff in there.values() if staff.status == "active"}
    return [name for name in STAFF if parts.get(name) not in active]


async def hire(tx: Tx, name: str, *, staff_id: UUID, password_hash: str, at: datetime) -> identity.Staff:
    """Makes a member of staff for a part. A user name that somebody has already is told apart by a number."""
    username, who, roles = STAFF[name]
    number, wanted = 1, username
    while await identity.password_of(tx, wanted) is not None:
        number += 1
        wanted = f"{username}{number}"
    new = identity.NewStaff(id=staff_id, username=wanted, name=who, roles=roles)
    made = await identity.create_staff(tx, new, password_hash, by=SYSTEM, at=at)
    await store.give_part(tx, name, staff_id)
    return made.thing

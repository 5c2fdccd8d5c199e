"""Customers as staff find and see them: by name and number, masked in lists, in full where somebody says why."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.console.house import HOSTILE
from tongbao import identity, vault
from tongbao.identity import Role

if TYPE_CHECKING:
    from tests.console.house import House

LI, PHONE = "李雪伟", "+8613912345678"


async def registered(house: House, name: str = LI, phone: str | None = PHONE) -> UUID:
    new = identity.NewCustomer(id=house.id(), kind=identity.CustomerKind.PERSON, name=name, phone=phone)
    async with house.db.tx() as tx:
        (made,) = await identity.register_customers(tx, [new], by=house.bank, at=house.at)
    assert isinstance(made, identity.Made)
    return new.id


async def reasons(house: House, subject_id: UUID) -> list[str]:
    async with house.db.read() as tx:
        return [one.reason for one in await vault.readings(tx, subject_id=subject_id)]


@pytest.mark.parametrize("typed", [LI, f" {LI} ", "139 1234 5678", PHONE])
async def test_somebody_is_found_by_name_and_by_number(house: House, typed: str) -> None:
    li = await registered(house)
    other = await registered(house, "王芳", "+8613800138000")
    staff = house.staff(Role.OPERATOR)
    page = await house.look(f"/staff/customers?find={quote(typed)}", staff)
    assert f"/staff/customers/{li}" in page.links()
    assert f"/staff/customers/{other}" not in page.links()
    assert "李**" in page.text
    assert "139****5678" in page.text
    assert LI not in page.html.replace(f'value="{typed}"', ""), "but for what was typed"
    assert await reasons(house, li) == [], "a mask is no reading"


async def test_who_is_looked_at_in_full_is_written_down(house: House) -> None:
    li = await registered(house)
    page = await house.look(f"/staff/customers/{li}", house.staff(Role.OPERATOR))
    assert (LI in page.text, PHONE in page.text) == (True, True)
    assert await reasons(house, li) == ["looked at the customer's page"]


async def test_of_an_account_its_owner_is_masked(house: House) -> None:
    li = await registered(house)
    new = identity.NewAccount(id=house.id(), customer_id=li, currency="CNY")
    async with house.db.tx() as tx:
        await identity.open_accounts(tx, [new], by=house.bank, at=house.at, bank_code="90001")
    page = await house.look(f"/staff/accounts/{new.id}", house.staff(Role.OPERATOR, Role.AUDITOR))
    assert (page.status, "李**" in page.text, LI in page.html) == (200, True, False)
    assert f"/staff/customers/{li}" in page.links()
    assert await reasons(house, li) == []


@pytest.mark.parametrize("text", ["李", "13912345679", *HOSTILE])
async def test_who_is_not_there_is_said_and_everybody_is_listed(house: House, text: str) -> None:
    li = await registered(house)
    page = await house.look(f"/staff/customers?find={quote(text)}", house.staff(Role.OPERATOR))
    assert page.status == 200
    assert "Nobody is called so or has this number or id." in page.text
    assert f"/staff/customers/{li}" in page.links()
    assert "<script>alert" not in page.html


async def test_who_may_not_see_customers_finds_nobody(house: House) -> None:
    await registered(house)
    page = await house.look(f"/staff/customers?find={quote(LI)}", house.staff(Role.ADMIN))
    assert page.status == 403
    assert "李" not in page.text

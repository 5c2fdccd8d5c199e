"""A bank with customers who need help, and staff who give it."""

from __future__ import annotations

import pytest

from tests.console.house import House
from tests.govern.conftest import Somebody
from tests.govern.conftest import house as house
from tongbao import identity


@pytest.fixture
async def wang(house: House) -> Somebody:
    """Who has a telephone."""
    new = identity.NewCustomer(id=house.id(), kind=identity.CustomerKind.PERSON, name="王小明", phone="+8613800138000")
    account = identity.NewAccount(id=house.id(), customer_id=new.id, currency="CNY")
    by, at = house.bank, house.at
    async with house.db.tx() as tx:
        await identity.register_customers(tx, [new], level=identity.FULL_LEVEL, by=by, at=at)
        (made,) = await identity.open_accounts(tx, [account], by=by, at=at, bank_code=house.settings.bank_code)
    assert isinstance(made, identity.Made)
    return Somebody(house, made.thing)

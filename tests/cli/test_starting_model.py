"""The model that a demo begins with: learned from its city's past by a process of its own, beside the rules, by two people."""

from __future__ import annotations

from datetime import timedelta

from tests.cli.test_starting_rules import cast
from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_learn import labelled, remembered
from tongbao import risk
from tongbao.cli import starting_model
from tongbao.risk.models_model import Role


async def begin(house: House, database: str) -> str | None:
    return await starting_model.begin(house.db, house.settings, await cast(house), {"TONGBAO_DATABASE_URL": database})


async def test_it_learns_once_and_judges_beside_the_rules(house: House, fresh_database: str) -> None:
    now = house.settings.make_clock().now()
    made = await remembered(house, now - timedelta(days=2))
    await labelled(house, made, now - timedelta(days=1))
    assert await begin(house, fresh_database) is None
    async with house.db.read() as tx:
        (model,) = await risk.registered_models(tx)
    assert model.role is Role.CHALLENGER
    assert await begin(house, fresh_database) is None
    async with house.db.read() as tx:
        assert len(await risk.registered_models(tx)) == 1


async def test_a_city_too_small_to_learn_from_goes_on_without(house: House, fresh_database: str) -> None:
    said = await begin(house, fresh_database)
    assert said is not None
    assert "too few to learn from" in said
    async with house.db.read() as tx:
        assert await risk.registered_models(tx) == []

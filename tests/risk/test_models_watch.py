"""What is paid now against what a model learned from, and champion against challenger on the same payments."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import numpy as np
import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.models_made import stump
from tests.risk.models_small import facts
from tests.risk.test_labels import say
from tests.risk.test_models import PATH, put
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.console import vitals
from tongbao.console.figures import samples
from tongbao.identity import Role
from tongbao.risk import jobs, models_watch
from tongbao.risk.learn_measures import shares_of
from tongbao.risk.models_drift import psi, shares
from tongbao.risk.models_facts import Facts, Spread


def test_psi_is_nought_where_nothing_changed_and_large_where_all_did() -> None:
    then = Spread(cuts=(10, 20), shares=(5_000, 3_000, 1_500, 500))
    assert psi(then, then.shares) == 0
    assert shares((10, 20), [1, 9, 10, 19, 20, None]) == (3_333, 3_333, 1_667, 1_667)
    assert shares((10, 20), []) == (0, 0, 0, 0)
    little, much = psi(then, (4_800, 3_100, 1_600, 500)), psi(then, (500, 1_500, 3_000, 5_000))
    assert 0 < little < 100
    assert much > 250
    assert psi(then, (0, 0, 0, 10_000)) > much


def test_a_column_is_parted_as_a_list_is() -> None:
    values = [3, None, 10, 9, 2**40, 0, 20, None, 21]
    column = np.array([np.nan if v is None else v for v in values], np.float32)
    for cuts in ((10, 20), (), (1,), (5, 2**39)):
        assert shares_of(cuts, column) == shares(cuts, values)
    assert shares_of((10,), np.empty(0, np.float32)) == (0, 0, 0)


def test_psi_is_the_sum_of_the_textbook() -> None:
    """(0.6 - 0.4) ln(0.6 / 0.4) twice, and nothing is missing in either."""
    then = Spread(cuts=(5,), shares=(4_000, 6_000, 0))
    assert psi(then, (6_000, 4_000, 0)) == 162


async def test_drift_is_told_of_the_payments_that_were_judged_last(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, shop = await house.person(10_000_000), await house.shop()
    for minor in (100, 60_000) * 3:
        await house.pay_by_http(payer, shop, minor)
    as_now = msgspec.structs.replace(
        facts(), spreads={"amount_minor": Spread(cuts=(50_000,), shares=(5_000, 5_000, 0))}
    )
    otherwise = msgspec.structs.replace(
        facts(), spreads={"amount_minor": Spread(cuts=(50_000,), shares=(9_900, 100, 0))}
    )

    async def drift(of: Facts) -> models_watch.Drift:
        async with house.db.read() as tx:
            return await models_watch.drift(tx, of)

    assert await drift(as_now) == models_watch.Drift(6, ()), "six payments say nothing"
    monkeypatch.setattr(models_watch, "FEWEST", 6)
    assert await drift(as_now) == models_watch.Drift(6, (("amount_minor", 0),))
    assert (await drift(otherwise)).inputs[0][1] > 250


async def test_champion_and_challenger_are_compared_on_the_same_payments(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    async with house.db.tx() as tx:
        one = await risk.register_model(tx, stump(), facts(), until=house.at, at=house.at)
        other = await risk.register_model(tx, stump(cut=70_000), facts(), until=house.at, at=house.at)
    await put(desk, one)
    await house.pay_by_http(payer, shop, 60_000)
    async with house.db.read() as tx:
        assert await models_watch.side_by_side(tx) is None
    await put(desk, other, risk.ModelRole.CHALLENGER)
    made = [await house.pay_by_http(payer, shop, minor) for minor in (40_000, 60_000, 60_000, 80_000)]
    for paid in (made[1], made[3]):
        await say(house, UUID(paid["id"]))
    async with house.db.read() as tx:
        found = await models_watch.side_by_side(tx)
    assert found is not None
    champion, challenger, stopped = found
    assert (champion, challenger) == (one, other)
    assert [s.score for s in stopped] == list(models_watch.SCORES)
    for s in stopped:
        assert (s.payments, s.frauds) == (4, 2), "only what both gave a score"
        assert (s.by_one, s.caught_by_one) == (3, 2)
        assert (s.by_other, s.caught_by_other) == (1, 1)
    page = await house.look(PATH, house.staff(Role.AUDITOR))
    for said in ("Champion and challenger", "on the same payments", "100.00%", "50.00%"):
        assert said in page.text, said
    assert "在用模型与挑战者" in (await house.look(PATH, house.staff(Role.AUDITOR), lang="zh")).text


async def test_alerts_hear_how_the_champion_does(
    desk: Desk, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()

    async def health() -> models_watch.Health:
        async with house.db.read() as tx:
            return await models_watch.health(tx, at=house.at)

    assert await health() == models_watch.Health(None, None), "no champion, nothing to hear"
    async with house.db.tx() as tx:
        number = await risk.register_model(tx, stump(), facts(), until=house.at, at=house.at)
    await put(desk, number)
    made = [await house.pay_by_http(payer, shop, minor) for minor in (60_000, 40_000, 40_000, 100)]
    assert await health() == models_watch.Health(None, None), "four payments say nothing"
    monkeypatch.setattr(models_watch, "FEWEST", 4)
    monkeypatch.setattr(models_watch, "FEWEST_FRAUDS", 3)
    for paid in made[:3]:
        await say(house, UUID(paid["id"]))
    found = await health()
    assert found.caught == 370, "one fraud of three was seen, nine of ten were promised"
    assert found.drift is not None
    assert 0 < found.drift < 250, "one payment of four was large, one of ten had been"
    await say(house, UUID(made[0]["id"]), is_fraud=False)
    assert (await health()).caught is None, "two frauds are too few"
    assert await told(house, fresh_database) == {}, "nobody has looked yet"
    await jobs.look_at_models(house.db, house.clock)
    assert await told(house, fresh_database) == {"drift": found.drift / 1_000}, "what is not known is no alarm"
    await say(house, UUID(made[0]["id"]))
    await jobs.look_at_models(house.db, house.clock)
    assert await told(house, fresh_database) == {"drift": found.drift / 1_000, "caught": 0.37}
    house.clock.tick(timedelta(hours=1))
    assert await told(house, fresh_database) == {}, "what nobody has looked at for so long is not known"


async def told(house: House, database: str) -> dict[str, float]:
    """What `/metrics` says of the champion, from whichever process is asked."""
    found = samples(await vitals.take(database, house.settings, house.clock))
    name = "tongbao_risk_model_"
    return {one.name.removeprefix(name): float(one.value) for one in found if one.name.startswith(name)}

"""Without a single label it is learned how unlike others a payment is."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from tests.govern.conftest import house as house
from tests.risk.models_made import INPUTS, any_row, history, learned, rows_of
from tests.risk.test_models import code_of, propose, put
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.identity import Role
from tongbao.risk import models_trees
from tongbao.risk.in_force import LOOK
from tongbao.risk.learn import Sample
from tongbao.risk.learn_odd import learn_odd
from tongbao.risk.models_code import compiled, compiled_margins
from tongbao.risk.models_facts import LearnError
from tongbao.risk.models_trees import UNIT


def unlabelled(size: int = 6_000) -> Sample:
    some = history(size)
    return Sample(some.inputs, some.values, np.zeros(size, np.bool_), some.at_s)


def odd_is_fraud() -> Sample:
    """The same payments: those that are large in many of their figures were fraud."""
    some = history()
    sizes = np.log1p(np.nan_to_num(some.values)).sum(axis=1)
    return Sample(some.inputs, some.values, sizes > np.quantile(sizes, 0.93), some.at_s)


MODEL, FACTS = learn_odd(unlabelled())


def test_it_orders_payments_as_the_library_does() -> None:
    """scikit-learn's own score of the same forest falls where ours rises."""
    first = unlabelled().values[:5_100].astype(np.float64)
    logarithms = np.where(np.isnan(first), -1.0, np.log1p(np.maximum(first, 0)))
    forest = IsolationForest(n_estimators=50, max_samples=64, random_state=0, n_jobs=1).fit(logarithms)  # pyright: ignore[reportArgumentType]
    theirs = forest.score_samples(logarithms[:1_000])
    ours = np.array(compiled_margins(MODEL, INPUTS)(rows_of(unlabelled(), 1_000))) / UNIT
    mean_length = np.array([-margin / 50 for margin in ours])
    rest = 2 * (np.log(63) + 0.5772156649) - 2 * 63 / 64
    assert np.abs(theirs + 2 ** (-mean_length / rest)).max() < 1e-6


def test_a_score_is_the_share_of_payments_that_are_more_usual() -> None:
    found = compiled(MODEL, INPUTS)(rows_of(unlabelled(), 5_100))
    assert 40 <= np.median(found) <= 60
    assert 0.08 < np.mean(np.array(found) >= 90) < 0.12
    chance = Random(3)
    strange = compiled(MODEL, INPUTS)([any_row(chance) for _ in range(50)])
    assert min(strange) >= 95, "what was never like this is odd"


def test_the_same_payments_make_the_same_model_and_few_make_none() -> None:
    assert models_trees.write(learn_odd(unlabelled())[0]) == models_trees.write(MODEL)
    with pytest.raises(LearnError, match=r"^999 payments are too few to tell what is usual; it takes 1000"):
        learn_odd(unlabelled(999))


def test_labels_only_measure_it() -> None:
    model, facts = learn_odd(odd_is_fraud())
    assert models_trees.write(model) == models_trees.write(MODEL)
    assert (FACTS.auc, FACTS.roc, FACTS.thresholds) == (0, (), ())
    assert facts.auc > 6_500, "what is large in many ways is odd, and it is the fraud among these"
    assert facts.roc


async def test_rules_may_ask_how_odd_a_payment_is(desk: Desk) -> None:
    house = desk.house
    async with house.db.tx() as tx:
        number = await risk.register_model(tx, MODEL, FACTS, until=house.at, at=house.at)
        boosted = await risk.register_model(tx, learned().model, learned().facts, until=house.at, at=house.at)
    assert await code_of(propose(desk, number, risk.ModelRole.CHAMPION)) == "model_unfit"
    assert await code_of(propose(desk, boosted, risk.ModelRole.OUTLIER)) == "model_unfit"
    await put(desk, number, risk.ModelRole.OUTLIER)
    deny = desk.change(expression="odd_score >= 0 and amount_minor > 500.00 CNY", action=risk.Action.DENY)
    await desk.approve(await desk.propose(deny))
    house.clock.tick(LOOK)
    payer, shop = await house.person(1_000_000), await house.shop()
    assert (await house.pay_by_http(payer, shop, 60_000)).status == 403
    paid = await house.pay_by_http(payer, shop, 40_000)
    by = house.staff(Role.OPERATOR)
    page = await house.look(f"/staff/risk/payments/{paid['id']}", by)
    assert "How unlike others" in page.text
    assert "are more usual" in page.text
    model = await house.look(f"/staff/risk/models/{number}", by)
    assert model.status == 200
    assert "says how unlike other payments one is" in model.text
    assert "champion: its score counts" not in model.text

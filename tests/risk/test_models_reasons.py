"""What each input adds to a score is what the library says it adds, and comes to the margin."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import xgboost

from tests.risk.models_made import INPUTS, any_row, history, learned, rows_of, stump
from tongbao.risk.models_code import compiled_margins
from tongbao.risk.models_reasons import reasons
from tongbao.risk.models_trees import UNIT


@pytest.mark.parametrize("kind", ["learned", "any"])
def test_contributions_are_those_of_the_library(kind: str) -> None:
    chance = Random(11)
    rows = rows_of(history(), 60) if kind == "learned" else [any_row(chance) for _ in range(60)]
    data = xgboost.DMatrix(np.array(rows, dtype=np.float32))
    expected = learned().booster.predict(data, pred_contribs=True)
    for row, theirs in zip(rows, expected, strict=True):
        found = reasons(learned().model, row)
        ours = np.array([found.added[name] for name in INPUTS] + [found.mean]) / UNIT
        assert np.abs(ours - theirs).max() < 1e-4


def test_they_come_to_the_margin() -> None:
    rows = rows_of(history(), 50)
    for row, margin in zip(rows, compiled_margins(learned().model, INPUTS)(rows), strict=True):
        found = reasons(learned().model, row)
        assert abs(found.mean + sum(found.added.values()) - margin) < len(INPUTS)


def test_an_input_that_is_not_asked_for_adds_nothing() -> None:
    above, below = reasons(stump(), [60_000]), reasons(stump(), [40_000])
    assert above.mean == below.mean == (-50_000_000 * 90 + 30_000_000 * 10) // 100
    assert above.added == {"amount_minor": 30_000_000 - above.mean}
    assert below.added == {"amount_minor": -50_000_000 - below.mean}
    found = reasons(learned().model, rows_of(history(), 1)[0])
    asked_for = {INPUTS[n] for tree in learned().model.trees for n, b in zip(tree.inputs, tree.below, strict=True) if b}
    assert {name for name, part in found.added.items() if part} <= asked_for

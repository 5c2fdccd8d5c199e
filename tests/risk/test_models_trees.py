"""Trees of whole numbers say what the library says that made them, and a model that was tampered with is not read."""

from __future__ import annotations

from random import Random

import msgspec
import numpy as np
import pytest
import xgboost

from tests.risk.models_made import INPUTS, any_row, history, learned, rows_of, stump
from tongbao.risk import models_trees
from tongbao.risk.learn import Sample, learn, whole_cut
from tongbao.risk.models_code import compiled, compiled_margins
from tongbao.risk.models_facts import LearnError
from tongbao.risk.models_trees import UNIT, BrokenModelError, Model


def of_library(rows: list[tuple[int | None, ...]]) -> np.ndarray:
    values = np.array(rows, dtype=np.float32)
    return learned().booster.predict(xgboost.DMatrix(values), output_margin=True)


@pytest.mark.parametrize("kind", ["learned", "any"])
def test_margins_are_those_of_the_library(kind: str) -> None:
    chance = Random(7)
    rows = rows_of(history(), 2_000) if kind == "learned" else [any_row(chance) for _ in range(2_000)]
    ours = np.array(compiled_margins(learned().model, INPUTS)(rows)) / UNIT
    assert np.abs(ours - of_library(rows)).max() < 1e-5
    assert len(set(ours.tolist())) > 100, "the rows are told apart"


@pytest.mark.parametrize("split", [0.5, 1.0, 3.25, 16_777_216.0, 16_777_218.0, 1e12, 2.0**62])
def test_a_cut_parts_whole_numbers_as_the_split_parts_their_floats(split: float) -> None:
    cut = whole_cut(split)
    for near in (cut - 2, cut - 1, cut, cut + 1, cut + 2):
        assert (np.float32(near) < np.float32(split)) == (near < cut), near


def test_a_score_is_the_chance_in_percent() -> None:
    low, high = compiled(stump(), ("amount_minor",))([(49_999,), (50_000,)])
    assert (low, high) == (1, 95)
    assert compiled(stump(), ("amount_minor",))([(None,)]) == [1], "what is missing goes below"
    groups = learned().facts.calibration
    assert sum(g.payments for g in groups) == learned().facts.validated.payments
    for group in groups:
        share = 10_000 * group.frauds // group.payments
        assert abs(share - group.expected) < 1_500 or group.payments < 60, group


def test_what_was_written_is_read_again_and_nothing_else() -> None:
    model = learned().model
    artefact = models_trees.write(model)
    assert models_trees.read(artefact, models_trees.hash_of(artefact)) == model
    with pytest.raises(BrokenModelError, match="hash"):
        models_trees.read(artefact.replace(b"1", b"2", 1), models_trees.hash_of(artefact))
    for odd in (b"", b"[]", b"{", b"[" * 100_000, b'{"format": 2}'):
        with pytest.raises(BrokenModelError):
            models_trees.read(odd, models_trees.hash_of(odd))


def _with_tree(**other: object) -> Model:
    model = stump()
    return msgspec.structs.replace(model, trees=(msgspec.structs.replace(model.trees[0], **other),))


@pytest.mark.parametrize(
    "model",
    [
        _with_tree(below=(0, 0, 0)),
        _with_tree(below=(2, 0, 0)),
        _with_tree(below=(1, 1, 0), above=(2, 2, 0)),
        _with_tree(below=(1, 0, 0), above=(9, 0, 0)),
        _with_tree(inputs=(1, 0, 0)),
        _with_tree(cuts=(-1, 0, 0)),
        _with_tree(values=(0, 2**70, 0)),
        _with_tree(covers=(0, 1, 1)),
        _with_tree(cuts=(1,)),
        msgspec.structs.replace(stump(), trees=()),
        msgspec.structs.replace(stump(), trees=stump().trees * 401),
        msgspec.structs.replace(stump(), inputs=("__import__",)),
        msgspec.structs.replace(stump(), inputs=("currency",)),
        msgspec.structs.replace(stump(), inputs=("amount_minor", "amount_minor")),
        msgspec.structs.replace(stump(), scores=stump().scores[::-1]),
        msgspec.structs.replace(stump(), scores=(1, 2)),
    ],
    ids=range(16),
)
def test_a_model_that_does_not_hold_together_is_refused(model: Model) -> None:
    with pytest.raises(BrokenModelError):
        models_trees.write(model)
    bytes_ = msgspec.json.encode(model)
    with pytest.raises(BrokenModelError):
        models_trees.read(bytes_, models_trees.hash_of(bytes_))
    with pytest.raises(BrokenModelError):
        compiled(model, ("amount_minor", "currency"))


def test_it_learns_what_there_is_to_learn_and_says_how_well() -> None:
    facts = learned().facts
    assert facts.auc > 8_500
    assert facts.average_precision > 4_000
    assert {name for name, _ in facts.gain[:3]} == {"amount_minor", "payer_count_10m", "payer_since_first"}
    assert facts.learned.until_s < facts.calibrated.from_s < facts.calibrated.until_s < facts.validated.from_s
    assert facts.roc[0] == (0, 0)
    assert facts.roc[-1] == (10_000, 10_000)
    assert all(a <= b for a, b in zip(facts.roc, facts.roc[1:], strict=False))
    caught = [t.caught for t in facts.thresholds]
    assert caught == sorted(caught, reverse=True)
    assert all(sum(s.shares) in range(9_990, 10_011) for s in facts.spreads.values())
    assert facts.drift[0][1] < 250, "nothing has drifted within this history"


def test_the_same_payments_make_the_same_model() -> None:
    again = learn(history(), label_delay_days=7)
    assert models_trees.write(again.model) == models_trees.write(learned().model)
    assert again.facts == learned().facts


def test_too_few_labels_are_said_to_be_too_few() -> None:
    some = history()
    few = Sample(INPUTS, some.values, some.is_fraud & (np.cumsum(some.is_fraud) <= 10), some.at_s)
    with pytest.raises(LearnError, match=r"^7 frauds and \d+ good payments are too few to learn from; it takes 30"):
        learn(few, label_delay_days=7)
    with pytest.raises(LearnError, match="too few to learn from"):
        learn(some.cut(0, 0), label_delay_days=7)


def test_frauds_that_are_all_known_from_the_first_days_still_make_three_parts() -> None:
    some = history()
    early = Sample(INPUTS, some.values, some.is_fraud & (np.arange(len(some.at_s)) < 3_000), some.at_s)
    facts, frauds = learn(early, label_delay_days=7).facts, int(early.is_fraud.sum())
    assert (facts.learned.frauds, facts.calibrated.frauds) == (
        frauds * 70 // 100,
        frauds * 85 // 100 - frauds * 70 // 100,
    )
    assert facts.validated.until_s == some.at_s[-1]


def test_frauds_that_come_at_once_leave_no_good_payments_to_compare_with() -> None:
    some = history()
    at_once = Sample(INPUTS, some.values, np.arange(len(some.at_s)) < 100, some.at_s)
    with pytest.raises(LearnError, match=r"^70 frauds and 0 good payments are too few to learn from"):
        learn(at_once, label_delay_days=7)


def test_scores_that_mean_the_opposite_of_what_came_later_are_no_model() -> None:
    some = history()
    turned = some.is_fraud.copy()
    lowest = np.argsort(some.values[4_200:, 0], kind="stable")[: int(turned[:4_200].sum()) * 3 // 7]
    turned[4_200:] = False
    turned[4_200 + lowest] = True
    with pytest.raises(LearnError, match="tells nothing"):
        learn(Sample(INPUTS, some.values, turned, some.at_s), label_delay_days=7)

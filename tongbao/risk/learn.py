"""Learn a model from payments of which it became known what they were: boosted trees, calibrated, tried on what came later.

Time is never shuffled: the first part is learned from, the next one says what a margin means, the last one measures. Needs the
extra `risk`; nothing that serves imports this.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tongbao.risk import learn_measures as measure
from tongbao.risk.catalogue import VERSION
from tongbao.risk.models_facts import Facts, LearnError
from tongbao.risk.models_trees import LARGEST, SCORES, UNIT, Model, Tree, check

LEARNED: Final = 70
CALIBRATED: Final = 15
"""Of 100 frauds, the oldest first, with the payments around them; what remains measures. Frauds come in clusters and become known
late: parts of equal time could be without any."""
FEWEST_FRAUDS: Final = (30, 5, 5)
"""In each part: with fewer nothing can be said."""
FEWEST_GOOD: Final = 30
MOST_FOR_EXACT: Final = 100_000
"""Payments up to which every split is tried, and above which 4,096 of an input."""
_TREES: Final[dict[str, Any]] = {
    "objective": "binary:logistic",
    "base_score": 0.5,
    "max_depth": 4,
    "learning_rate": 0.1,
    "min_child_weight": 1,
    "reg_lambda": 2,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "seed": 0,
    "nthread": 1,
}
ROUNDS: Final = 100


@dataclasses.dataclass(frozen=True)
class Sample:
    """Payments in the order of time: a column of `values` for each of `inputs`, NaN for what is missing."""

    inputs: tuple[str, ...]
    values: NDArray[np.float32]
    is_fraud: NDArray[np.bool_]
    at_s: NDArray[np.int64]

    def cut(self, start: int, end: int) -> Sample:
        return Sample(self.inputs, self.values[start:end], self.is_fraud[start:end], self.at_s[start:end])


@dataclasses.dataclass(frozen=True)
class Learned:
    model: Model
    facts: Facts
    booster: xgboost.Booster


def learn(sample: Sample, *, label_delay_days: int) -> Learned:
    """The same payments make the same model. Raises LearnError where they are too few."""
    first, second, last = _parts(sample)
    booster = _trees(first)
    slope, offset = _platt(_margins(booster, second), second.is_fraud)
    scores = _scores(slope, offset)
    base, trees = convert(booster)
    model = Model(catalogue=VERSION, inputs=sample.inputs, base=base, trees=trees, scores=scores)
    check(model)
    facts = _facts(booster, model, (first, second, last), (slope, offset), label_delay_days)
    return Learned(model, facts, booster)


def _parts(sample: Sample) -> tuple[Sample, Sample, Sample]:
    frauds_at = np.flatnonzero(sample.is_fraud)
    shares = (LEARNED, LEARNED + CALIBRATED)
    cuts = [int(frauds_at[max(0, len(frauds_at) * share // 100 - 1)]) + 1 if len(frauds_at) else 0 for share in shares]
    ends = [0, *cuts, len(sample.at_s)]
    parts = [sample.cut(start, end) for start, end in pairwise(ends)]
    purposes = ("to learn from", "to calibrate with", "to validate with")
    for part, purpose, fewest in zip(parts, purposes, FEWEST_FRAUDS, strict=True):
        frauds = int(part.is_fraud.sum())
        good = len(part.is_fraud) - frauds
        if frauds < fewest or good < FEWEST_GOOD:
            raise LearnError(
                f"{frauds} frauds and {good} good payments are too few {purpose}; it takes {fewest} and {FEWEST_GOOD}. "
                "Label more payments, or wait until there are more."
            )
    return parts[0], parts[1], parts[2]


def _trees(part: Sample) -> xgboost.Booster:
    exact = len(part.at_s) <= MOST_FOR_EXACT
    how = {"tree_method": "exact"} if exact else {"tree_method": "hist", "max_bin": 4_096}
    data = xgboost.DMatrix(part.values, label=part.is_fraud, nthread=1)
    return xgboost.train({**_TREES, **how}, data, num_boost_round=ROUNDS)


def _margins(booster: xgboost.Booster, part: Sample) -> NDArray[np.float32]:
    return booster.predict(xgboost.DMatrix(part.values, nthread=1), output_margin=True)


def _platt(margins: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset by which a margin becomes the log-odds that it stands for."""
    fitted = LogisticRegression(C=1e6, max_iter=1_000).fit(margins.reshape(-1, 1).astype(np.float64), is_fraud)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        raise LearnError("What was learned tells nothing of the payments that came after: frauds do not score higher.")
    return slope, offset


def _scores(slope: float, offset: float) -> tuple[int, ...]:
    """From which margin on the chance rounds to each of 1 to 100 percent."""
    halves = (np.arange(1, SCORES + 1) - 0.5) / 100
    margins = (np.log(halves / (1 - halves)) - offset) / slope
    return tuple(int(np.ceil(margin * UNIT)) for margin in margins)


def convert(booster: xgboost.Booster) -> tuple[int, tuple[Tree, ...]]:
    """The trees in whole numbers, and what their sum begins with."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    score = float(learner["learner_model_param"]["base_score"].strip("[]"))
    base = round(float(np.log(score / (1 - score))) * UNIT)
    return base, tuple(_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"])


def _tree(tree: dict[str, Any]) -> Tree:
    """Nodes in the order of depth, so that each comes before its children."""
    order = [0]
    for node in order:
        if tree["left_children"][node] >= 0:
            order += [tree["left_children"][node], tree["right_children"][node]]
    place = {node: n for n, node in enumerate(order)}
    leaf = [tree["left_children"][node] < 0 for node in order]
    splits = [tree["split_conditions"][node] for node in order]
    return Tree(
        inputs=tuple(0 if end else tree["split_indices"][node] for node, end in zip(order, leaf, strict=True)),
        cuts=tuple(0 if end else whole_cut(split) for split, end in zip(splits, leaf, strict=True)),
        below=tuple(0 if end else place[tree["left_children"][n]] for n, end in zip(order, leaf, strict=True)),
        above=tuple(0 if end else place[tree["right_children"][n]] for n, end in zip(order, leaf, strict=True)),
        missing_below=tuple(bool(tree["default_left"][node]) for node in order),
        values=tuple(round(split * UNIT) if end else 0 for split, end in zip(splits, leaf, strict=True)),
        covers=tuple(round(tree["sum_hessian"][node] * UNIT) for node in order),
    )


def whole_cut(split: float) -> int:
    """The least whole number, not below 0, whose 32 bits of float are not below this split: those bits are what was compared."""
    wanted = np.float32(split)
    low, high = -1, LARGEST
    while high - low > 1:
        middle = (low + high) // 2
        if np.float32(middle) < wanted:
            low = middle
        else:
            high = middle
    return high


def _facts(
    booster: xgboost.Booster,
    model: Model,
    parts: tuple[Sample, Sample, Sample],
    platt: tuple[float, float],
    label_delay_days: int,
) -> Facts:
    first, _, last = parts
    margins = _margins(booster, last)
    log_odds = margins.astype(np.float64) * platt[0] + platt[1]
    scores = np.searchsorted(np.array(model.scores), np.round(margins.astype(np.float64) * UNIT), side="right")
    roc, precision_recall = measure.curves(margins, last.is_fraud)
    spreads = {name: measure.spread(first.values[:, n]) for n, name in enumerate(model.inputs)}
    return Facts(
        library=f"xgboost {xgboost.__version__}",
        label_delay_days=label_delay_days,
        learned=measure.part(first.at_s, first.is_fraud),
        calibrated=measure.part(parts[1].at_s, parts[1].is_fraud),
        validated=measure.part(last.at_s, last.is_fraud),
        auc=measure.auc(margins, last.is_fraud),
        average_precision=measure.average_precision(margins, last.is_fraud),
        roc=roc,
        precision_recall=precision_recall,
        calibration=measure.calibration(scores, 1 / (1 + np.exp(-log_odds)), last.is_fraud),
        thresholds=measure.thresholds(scores, last.is_fraud),
        drift=measure.drift(model.inputs, spreads, last.values),
        spreads=spreads,
        gain=_gain(booster, model.inputs),
    )


def _gain(booster: xgboost.Booster, inputs: Sequence[str]) -> tuple[tuple[str, int], ...]:
    found = booster.get_score(importance_type="total_gain")
    gains = {name: float(np.mean(found.get(f"f{n}", 0.0))) for n, name in enumerate(inputs)}
    total = sum(gains.values()) or 1.0
    shared = [(name, measure.of_whole(gain / total)) for name, gain in gains.items()]
    return tuple(sorted((pair for pair in shared if pair[1]), key=lambda pair: -pair[1]))

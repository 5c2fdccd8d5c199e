"""Learn without labels how unlike others a payment is: an isolation forest, in the same trees of whole numbers.

Liu, Ting, Zhou, "Isolation Forest" (2008): what is unlike others is parted from them by few random cuts. Amounts and spans of
time are looked at by their logarithms. Needs the extra `risk`; nothing that serves imports this.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from tongbao.risk import learn_measures as measure
from tongbao.risk.catalogue import VERSION
from tongbao.risk.learn import Sample
from tongbao.risk.models_facts import Facts, LearnError
from tongbao.risk.models_trees import SCORES, UNIT, Model, Tree, check

LEARNED: Final = 85
"""Of 100 payments, the oldest first; what remains measures, where any of them is labelled."""
FEWEST: Final = 1_000
_TREES: Final = 50
_OF: Final = 64
"""Payments that a tree parts; a payment that is parted from these at once is odd."""
_MISSING: Final = -1.0
_EULER: Final = 0.5772156649


def learn_odd(sample: Sample) -> tuple[Model, Facts]:
    """The same payments make the same model. Raises LearnError where they are too few."""
    size = len(sample.at_s)
    if size < FEWEST:
        raise LearnError(f"{size} payments are too few to tell what is usual; it takes {FEWEST}.")
    first, last = sample.cut(0, size * LEARNED // 100), sample.cut(size * LEARNED // 100, size)
    forest = IsolationForest(n_estimators=_TREES, max_samples=_OF, random_state=0, n_jobs=1).fit(_logarithms(first))  # pyright: ignore[reportArgumentType]
    trees = tuple(_tree(one.tree_) for one in forest.estimators_)
    usual = _margins(forest, first)
    scores = tuple(int(cut) for cut in np.ceil(np.quantile(usual, np.arange(1, SCORES + 1) / SCORES) * UNIT))
    model = Model(kind="isolation", catalogue=VERSION, inputs=sample.inputs, base=0, trees=trees, scores=scores)
    check(model)
    return model, _facts(model, first, last, _margins(forest, last))


def _logarithms(part: Sample) -> NDArray[np.float64]:
    return np.where(np.isnan(part.values), _MISSING, np.log1p(np.maximum(part.values.astype(np.float64), 0)))


def _margins(forest: IsolationForest, part: Sample) -> NDArray[np.float64]:
    """The sum of how many cuts it takes, below 0: the greater the odder."""
    values = _logarithms(part).astype(np.float32)
    found = np.zeros(len(values))
    for one in forest.estimators_:
        lengths = np.array([-value / UNIT for value in _tree(one.tree_).values])
        leaf = one.tree_.apply(values)
        found -= lengths[_places(one.tree_)[leaf]]
    return found


def _places(tree: Any) -> NDArray[np.int64]:
    """Where each node of the library's stands among ours."""
    order = _order(tree)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _order(tree: Any) -> list[int]:
    order = [0]
    for node in order:
        if tree.children_left[node] >= 0:
            order += [int(tree.children_left[node]), int(tree.children_right[node])]
    return order


def _tree(tree: Any) -> Tree:
    order = _order(tree)
    place = {node: n for n, node in enumerate(order)}
    depth = dict.fromkeys(order, 0)
    for node in order:
        for child in (int(tree.children_left[node]), int(tree.children_right[node])):
            depth[child] = depth[node] + 1
    leaf = [tree.children_left[node] < 0 for node in order]
    pairs = list(zip(order, leaf, strict=True))
    return Tree(
        inputs=tuple(0 if end else int(tree.feature[node]) for node, end in pairs),
        cuts=tuple(0 if end else _cut(float(tree.threshold[node])) for node, end in pairs),
        below=tuple(0 if end else place[int(tree.children_left[node])] for node, end in pairs),
        above=tuple(0 if end else place[int(tree.children_right[node])] for node, end in pairs),
        missing_below=tuple(True for _ in order),
        values=tuple(-round((depth[n] + _rest(int(tree.n_node_samples[n]))) * UNIT) if end else 0 for n, end in pairs),
        covers=tuple(int(tree.n_node_samples[node]) * UNIT for node in order),
    )


def _cut(threshold: float) -> int:
    """The least whole number whose logarithm lies above; nought where only what is missing lies below."""
    return max(0, int(np.floor(np.expm1(threshold))) + 1)


def _rest(payments: int) -> float:
    """Cuts that it would take on to part so many, on average."""
    if payments <= 2:
        return float(payments == 2)
    return 2 * (np.log(payments - 1) + _EULER) - 2 * (payments - 1) / payments


def _facts(model: Model, first: Sample, last: Sample, margins: NDArray[np.float64]) -> Facts:
    frauds = int(last.is_fraud.sum())
    known = 0 < frauds < len(last.is_fraud)
    scores = np.searchsorted(np.array(model.scores), np.round(margins * UNIT), side="right")
    spreads = {name: measure.spread(first.values[:, n]) for n, name in enumerate(model.inputs)}
    roc, precision_recall = measure.curves(margins.astype(np.float32), last.is_fraud) if known else ((), ())
    return Facts(
        kind="isolation",
        library=f"scikit-learn {sklearn.__version__}",
        label_delay_days=0,
        learned=measure.part(first.at_s, first.is_fraud),
        calibrated=measure.part(first.at_s, first.is_fraud),
        validated=measure.part(last.at_s, last.is_fraud),
        auc=measure.auc(margins.astype(np.float32), last.is_fraud) if known else 0,
        average_precision=measure.average_precision(margins.astype(np.float32), last.is_fraud) if known else 0,
        roc=roc,
        precision_recall=precision_recall,
        calibration=(),
        thresholds=measure.thresholds(scores, last.is_fraud) if known else (),
        drift=measure.drift(model.inputs, spreads, last.values),
        spreads=spreads,
        gain=(),
    )

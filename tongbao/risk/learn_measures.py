"""How well scores tell frauds from good payments, and how far two histories lie apart. Shares are parts of 10,000."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from tongbao.risk.models_drift import psi, rounded
from tongbao.risk.models_facts import Group, Part, Spread, Threshold

Reals = NDArray[np.float32]
Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]

WHOLE: Final = 10_000
_POINTS: Final = 40
"""Of a curve."""
_GROUPS: Final = ((0, 0), (1, 4), (5, 9), (10, 19), (20, 39), (40, 59), (60, 79), (80, 100))
_THRESHOLDS: Final = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90)
_CUTS: Final = 9
"""Of the spread of an input: ten parts of about as many payments each."""


def of_whole(share: Any) -> int:
    return round(float(share) * WHOLE)


def part(at_s: Ints, is_fraud: Truths) -> Part:
    return Part(from_s=int(at_s[0]), until_s=int(at_s[-1]), payments=len(at_s), frauds=int(is_fraud.sum()))


def auc(margins: Reals, is_fraud: Truths) -> int:
    return of_whole(roc_auc_score(is_fraud, margins))


def average_precision(margins: Reals, is_fraud: Truths) -> int:
    return of_whole(average_precision_score(is_fraud, margins))


def curves(margins: Reals, is_fraud: Truths) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """ROC (good stopped, frauds caught) and precision-recall (frauds caught, precision): some points of each."""
    order = np.argsort(-margins, kind="stable")
    caught, stopped = np.cumsum(is_fraud[order]), np.arange(1, len(order) + 1)
    ends = np.flatnonzero(
        np.append(np.diff(margins[order]) != 0, True)
    )  # payments of one margin stand or fall together
    caught, stopped = caught[ends], stopped[ends]
    frauds, good = caught[-1], stopped[-1] - caught[-1]
    wrong = (stopped - caught) / max(good, 1)
    roc = _points([0.0, *wrong], [0.0, *(caught / frauds)])
    recall, precision = caught / frauds, caught / stopped
    return roc, _points(recall, precision)


def _points(along: Any, up: Any) -> tuple[tuple[int, int], ...]:
    """So many points at most, spread along the first axis; its first and its last are among them."""
    along, up = np.asarray(along), np.asarray(up)
    wanted = np.linspace(along[0], along[-1], _POINTS)
    places = np.unique([0, len(along) - 1, *np.minimum(np.searchsorted(along, wanted), len(along) - 1)])
    return tuple(dict.fromkeys((of_whole(along[n]), of_whole(up[n])) for n in places))


def calibration(scores: Ints, chances: Any, is_fraud: Truths) -> tuple[Group, ...]:
    """Groups of scores in which there is any payment."""
    found: list[Group] = []
    for lowest, highest in _GROUPS:
        inside = (scores >= lowest) & (scores <= highest)
        if inside.any():
            found.append(
                Group(
                    lowest=lowest,
                    highest=highest,
                    payments=int(inside.sum()),
                    frauds=int(is_fraud[inside].sum()),
                    expected=of_whole(chances[inside].mean()),
                )
            )
    return tuple(found)


def thresholds(scores: Ints, is_fraud: Truths) -> tuple[Threshold, ...]:
    frauds, good = max(int(is_fraud.sum()), 1), max(int((~is_fraud).sum()), 1)
    found: list[Threshold] = []
    for score in _THRESHOLDS:
        stopped = scores >= score
        caught = int(is_fraud[stopped].sum())
        count = int(stopped.sum())
        found.append(
            Threshold(
                score=score,
                caught=of_whole(caught / frauds),
                annoyed=of_whole((count - caught) / good),
                precision=of_whole(caught / count) if count else 0,
            )
        )
    return tuple(found)


def spread(values: Reals) -> Spread:
    """Of one input: cuts at its tenths, and how many lie between them."""
    present = values[~np.isnan(values)]
    tenths = np.quantile(present, np.arange(1, _CUTS + 1) / (_CUTS + 1)) if len(present) else []
    cuts = tuple(sorted({int(np.floor(cut)) + 1 for cut in tenths}))
    return Spread(cuts=cuts, shares=shares_of(cuts, values))


def drift(inputs: Sequence[str], spreads: dict[str, Spread], later: Reals) -> tuple[tuple[str, int], ...]:
    """PSI of each input in thousandths, the largest first."""
    found = [(n, psi(spreads[n], shares_of(spreads[n].cuts, later[:, k]))) for k, n in enumerate(inputs)]
    return tuple(sorted(found, key=lambda pair: -pair[1]))


def shares_of(cuts: Sequence[int], values: Reals) -> tuple[int, ...]:
    """As `models_drift.shares`, of a column in which NaN is missing."""
    missing = np.isnan(values)
    places = np.searchsorted(np.array(cuts, np.float64), values[~missing].astype(np.float64), side="right")
    counts = [*np.bincount(places, minlength=len(cuts) + 1).tolist(), int(missing.sum())]
    return rounded(counts, len(values))

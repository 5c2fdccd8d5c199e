"""The book's protocol: seven days to learn from, seven left out while labels arrive, seven to be judged on. Needs the extra `risk`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from tongbao.risk.history import Ints
from tongbao_bench import handbook
from tongbao_bench.handbook import Book, HandbookError, Reals

WEEK_D: Final = 7
LASTS_D: Final = 3 * WEEK_D
FOLDS: Final = 4
CARDS: Final = 100
_SEEDS: Final = 5
_OURS: Final[dict[str, Any]] = {
    "n_estimators": 80,
    "learning_rate": 0.05,
    "max_depth": 5,
    "min_child_weight": 3,
    "gamma": 1,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5,
    "tree_method": "hist",
    "max_bin": 1_024,
    "base_score": 0.01,
}


class Scores(msgspec.Struct, frozen=True):
    """Area under the ROC curve, average precision, and of the 100 cards a day with the highest score the share truly compromised."""

    auc: float
    average_precision: float
    card_precision_100: float


class Fold(msgspec.Struct, frozen=True):
    """One run: its days, what it learned from and was judged on, and every model's scores. `perfect`: of who knows the labels."""

    train_from: date
    test_from: date
    test_until: date
    train_rows: int
    train_frauds: int
    test_rows: int
    test_frauds: int
    perfect_precision_100: float
    ours: Scores
    published: dict[str, Scores]
    """The book's models on the book's features, learned anew."""


class Backtest(msgspec.Struct, frozen=True):
    """Means over the folds, of our own model. `differences`: of the book's features from ours, value by value."""

    auc: float
    average_precision: float
    card_precision_100: float
    perfect_precision_100: float
    folds: list[Fold]
    differences: dict[str, int]


def backtest(folder: Path, train_from: date | None, progress: Callable[[str, int, int], None]) -> Backtest:
    """Without a date the four latest weekly folds that fit. Raises HandbookError for a date whose fold does not fit.

    `progress`: told what is done now, how much of it, of how much.
    """
    progress("reading", 0, 1)
    book = handbook.read(folder)
    starts = _starts(book, train_from)
    progress("the book's features", 0, 1)
    theirs = handbook.derived(book)
    differences = handbook.differences(book, folder, theirs)
    progress("features of our own", 0, 1)
    known, own = np.column_stack(list(theirs.values())), handbook.own(book)
    folds: list[Fold] = []
    for start in starts:
        progress("folds", len(folds), len(starts))
        folds.append(_fold(book, start, known, own))
    progress("folds", len(folds), len(starts))

    def mean(of: Callable[[Fold], float]) -> float:
        return float(np.mean([of(fold) for fold in folds]))

    return Backtest(
        auc=mean(lambda fold: fold.ours.auc),
        average_precision=mean(lambda fold: fold.ours.average_precision),
        card_precision_100=mean(lambda fold: fold.ours.card_precision_100),
        perfect_precision_100=mean(lambda fold: fold.perfect_precision_100),
        folds=folds,
        differences=differences,
    )


def _starts(book: Book, train_from: date | None) -> list[int]:
    last = int(book.day[-1]) - LASTS_D + 1
    first = book.first_date.astype(date)
    if train_from is None:
        starts = [last - WEEK_D * n for n in reversed(range(FOLDS)) if last - WEEK_D * n >= 0]
        if not starts:
            raise HandbookError(f"a fold takes {LASTS_D} days; the file has {int(book.day[-1]) + 1}")
        return starts
    start = (train_from - first).days
    if not 0 <= start <= last:
        raise HandbookError(f"--train-from lies between {first} and {first + timedelta(last)}")
    return [start]


def split(book: Book, start: int) -> tuple[Ints, Ints]:
    """Places of what is learned from and of what is judged: without the cards that were known as compromised by then."""
    day, history = book.day, book.history
    learned = np.flatnonzero((day >= start) & (day < start + WEEK_D))
    compromised = set(history.payer[learned][history.is_fraud[learned] == 1].tolist())
    judged: list[Ints] = []
    for n in range(WEEK_D):
        today = np.flatnonzero(day == start + 2 * WEEK_D + n)
        told = np.flatnonzero(day == start + WEEK_D + n - 1)
        compromised |= set(history.payer[told][history.is_fraud[told] == 1].tolist())
        judged.append(today[~np.isin(history.payer[today], list(compromised))])
    return learned, np.concatenate(judged)


def card_precision(day: Ints, card: Ints, is_fraud: Ints, score: Reals, most: int = CARDS) -> float:
    """The mean over days: of the `most` cards of the highest score, the share compromised; cards found are not looked at again."""
    found: list[int] = []
    shares: list[float] = []
    for today in np.unique(day):
        here = (day == today) & ~np.isin(card, found)
        cards, place = np.unique(card[here], return_inverse=True)
        highest, worst = np.full(len(cards), -np.inf), np.zeros(len(cards), np.int64)
        np.maximum.at(highest, place, score[here])
        np.maximum.at(worst, place, is_fraud[here])
        top = np.argsort(-highest, kind="stable")[:most]
        caught = cards[top][worst[top] == 1]
        found += caught.tolist()
        shares.append(len(caught) / most)
    return float(np.mean(shares))


def _fold(book: Book, start: int, known: Reals, own: Reals) -> Fold:
    learned, judged = split(book, start)
    is_fraud = book.history.is_fraud

    def scores(score: Reals) -> Scores:
        truth = is_fraud[judged]
        precision = card_precision(book.day[judged], book.history.payer[judged], truth, score)
        return Scores(float(roc_auc_score(truth, score)), float(average_precision_score(truth, score)), precision)

    scaler = StandardScaler().fit(known[learned])
    seen, unseen = scaler.transform(known[learned]), scaler.transform(known[judged])
    published = {
        name: scores(model.fit(seen, is_fraud[learned]).predict_proba(unseen)[:, 1]) for name, model in _published()
    }
    perfect = card_precision(
        book.day[judged], book.history.payer[judged], is_fraud[judged], is_fraud[judged].astype(np.float64)
    )
    first = book.first_date.astype(date)
    return Fold(
        train_from=first + timedelta(start),
        test_from=first + timedelta(start + 2 * WEEK_D),
        test_until=first + timedelta(start + LASTS_D - 1),
        train_rows=len(learned),
        train_frauds=int(is_fraud[learned].sum()),
        test_rows=len(judged),
        test_frauds=int(is_fraud[judged].sum()),
        perfect_precision_100=perfect,
        ours=scores(our_model(own[learned], is_fraud[learned], own[judged])),
        published=published,
    )


def _published() -> Iterator[tuple[str, Any]]:
    """As the book has them; XGBoost with the exact trees and base score of its day."""
    yield "logistic_regression", LogisticRegression(random_state=0)
    yield "random_forest", RandomForestClassifier(random_state=0, n_jobs=1)
    yield "xgboost", xgboost.XGBClassifier(random_state=0, n_jobs=1, tree_method="exact", base_score=0.5)


def our_model(learned: Reals, is_fraud: Ints, judged: Reals) -> Reals:
    """Scores of what is judged: boosted trees, the mean of several that chance has made differently."""
    models = (xgboost.XGBClassifier(random_state=seed, n_jobs=1, **_OURS) for seed in range(_SEEDS))
    return np.mean([model.fit(learned, is_fraud).predict_proba(judged)[:, 1] for model in models], axis=0)

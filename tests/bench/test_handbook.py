"""A published history of card payments: its authors' features and figures come out of our own definitions."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from tongbao_bench import handbook, handbook_folds
from tongbao_bench.handbook import Book
from tongbao_bench.handbook_folds import card_precision, split

JULY_25 = 115
"""Days after the first, 2018-04-01."""


@pytest.fixture(scope="module")
def folder() -> Path:
    """The folder `fraud` of `TONGBAO_DATA_DIR`. A user without the data may skip; whoever promised it may not."""
    given = os.environ.get("TONGBAO_DATA_DIR")
    folder = Path(given or "data") / "fraud"
    if not folder.is_dir():
        assert given is None, f"{folder} is missing"
        pytest.skip(f"{folder} is missing; set TONGBAO_DATA_DIR")
    return folder


@pytest.fixture(scope="module")
def book(folder: Path) -> Book:
    return handbook.read(folder)


@pytest.fixture(scope="module")
def theirs(book: Book) -> dict[str, handbook.Reals]:
    return handbook.derived(book)


def test_every_published_feature_is_ours(book: Book, theirs: dict[str, handbook.Reals], folder: Path) -> None:
    found = handbook.differences(book, folder, theirs)
    assert found.pop("rows") == 67_240
    assert len(found) == 14
    assert not any(found.values()), found


def test_a_fold_has_the_published_rows(book: Book) -> None:
    learned, judged = split(book, JULY_25)
    is_fraud = book.history.is_fraud
    assert (len(learned), is_fraud[learned].sum()) == (67_240, 598)
    assert (len(judged), is_fraud[judged].sum()) == (58_264, 385)
    truth = is_fraud[judged]
    perfect = card_precision(book.day[judged], book.history.payer[judged], truth, truth.astype(np.float64))
    assert round(perfect, 3) == 0.397


def test_the_published_row_of_logistic_regression_comes_out(book: Book, theirs: dict[str, handbook.Reals]) -> None:
    learned, judged = split(book, JULY_25)
    known, truth = np.column_stack(list(theirs.values())), book.history.is_fraud
    scaler = StandardScaler().fit(known[learned])
    model = LogisticRegression(random_state=0).fit(scaler.transform(known[learned]), truth[learned])
    score = model.predict_proba(scaler.transform(known[judged]))[:, 1]
    precision = card_precision(book.day[judged], book.history.payer[judged], truth[judged], score)
    assert roc_auc_score(truth[judged], score) == pytest.approx(0.871, abs=0.002)
    assert average_precision_score(truth[judged], score) == pytest.approx(0.606, abs=0.002)
    assert precision == pytest.approx(0.291, abs=0.002)


def test_our_features_see_nothing_of_what_comes_later(book: Book) -> None:
    """Whatever happens after a day, what was known on it is the same: labels of the last week included."""
    own = handbook.own(book)
    until = int(np.searchsorted(book.day, 60))
    history = book.history
    short = handbook.History(
        history.at_s[:until],
        history.payer[:until],
        history.payee[:until],
        history.amount_minor[:until],
        np.where(
            book.day[:until] > 60 - 1 - handbook.LABELS_AFTER_D, 1 - history.is_fraud[:until], history.is_fraud[:until]
        ),
    )
    then = handbook.own(Book(book.ids[:until], book.day[:until], book.first_date, short))
    today = book.day[:until] == 59
    assert np.allclose(own[:until][today], then[today], rtol=1e-6, atol=1e-6, equal_nan=True)


def test_cards_that_were_found_are_not_looked_at_again() -> None:
    day = np.array([1, 1, 1, 2, 2, 2])
    card = np.array([7, 7, 8, 7, 8, 9])
    is_fraud = np.array([0, 1, 0, 1, 1, 0])
    score = np.array([0.9, 0.1, 0.2, 0.9, 0.3, 0.8])
    assert card_precision(day, card, is_fraud, score, 1) == 0.5, "7 on the first day; on the second 9, who is none"
    assert card_precision(day, card, is_fraud, score, 2) == 0.5


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "tongbao.cli", "risk", "backtest", "fraud-handbook", *arguments]
    return subprocess.run(line, check=False, capture_output=True, text=True)


def test_what_the_command_cannot_read_it_names(tmp_path: Path) -> None:
    done = command(str(tmp_path))
    assert done.returncode == 1
    assert "transactions.parquet is not there" in done.stderr
    with duckdb.connect() as db:
        db.execute(f"COPY (SELECT 1 AS other) TO '{tmp_path / 'transactions.parquet'}' (FORMAT parquet)")
    assert "is not a file of the handbook" in command(str(tmp_path)).stderr


def test_a_fold_that_does_not_fit_is_refused(folder: Path) -> None:
    done = command(str(folder), "--train-from", "2018-07-26")
    assert done.returncode == 1
    assert "--train-from lies between 2018-04-01 and 2018-07-25" in done.stderr


@pytest.mark.soak
def test_our_model_is_above_the_best_that_was_published(folder: Path) -> None:
    done = command(str(folder), "--train-from", "2018-07-25", "--json")
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout, type=handbook_folds.Backtest)
    (fold,) = found.folds
    assert fold.train_from == date(2018, 7, 25)
    assert (found.auc, found.average_precision, found.card_precision_100) > (0.871, 0.658, 0.291)
    assert found.average_precision > 0.658
    assert found.card_precision_100 > 0.291
    for name, row in {
        "logistic_regression": (0.871, 0.606, 0.291, 0.002),
        "random_forest": (0.867, 0.658, 0.287, 0.01),
        "xgboost": (0.862, 0.639, 0.273, 0.002),
    }.items():
        got = msgspec.structs.astuple(fold.published[name])
        assert got == pytest.approx(row[:3], abs=row[3]), name

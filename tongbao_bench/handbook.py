"""Card payments of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot, Bontempi), looked at through our own definitions.

`derived` are the book's 14 features and its amount; `own` are those of our model, which see the same: everything before a payment's own
moment, and labels seven days late. Needs the extra `risk`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from tongbao.risk.feature import DAY, HOUR, Entity, Feature, Measure
from tongbao.risk.history import History, Ints, Sorted, integers

Reals = NDArray[np.float64]

TRANSACTIONS: Final = "transactions.parquet"
KNOWN_ANSWERS: Final = "features_2018-07-25_31.parquet"
LABELS_AFTER_D: Final = 7
WINDOWS_D: Final = (1, 7, 30)
_READ: Final = """
    SELECT TRANSACTION_ID::bigint AS id, TX_TIME_SECONDS::bigint AS at_s, TX_TIME_DAYS::bigint AS day,
        CUSTOMER_ID::bigint AS payer, TERMINAL_ID::bigint AS payee, round(TX_AMOUNT * 100)::bigint AS amount_minor,
        TX_FRAUD::bigint AS is_fraud, min(TX_DATETIME::date) OVER () AS first_date
    FROM read_parquet($file) ORDER BY at_s, id
"""


class HandbookError(Exception):
    """What is wrong with the files, or with what was asked of them."""


@dataclasses.dataclass(frozen=True)
class Book:
    """Its payments in the order of time; `day` counts from the first, which was `first_date`."""

    ids: Ints
    day: Ints
    first_date: np.datetime64
    history: History

    @property
    def weekday(self) -> Ints:
        """0 for Monday."""
        first = (self.first_date - np.datetime64("1970-01-05", "D")).astype(np.int64)
        return (self.day + first) % 7


def read(folder: Path) -> Book:
    """Raises HandbookError for a file that is missing or is not the book's."""
    found = _columns(folder / TRANSACTIONS, _READ)
    history = History(found["at_s"], found["payer"], found["payee"], found["amount_minor"], found["is_fraud"])
    return Book(found["id"], found["day"], found["first_date"][0].astype("datetime64[D]"), history)


def _columns(file: Path, query: str) -> dict[str, Any]:
    if not file.is_file():
        raise HandbookError(f"{file} is not there")
    try:
        with duckdb.connect() as db:
            found = db.execute(query, {"file": str(file)}).fetchnumpy()
    except duckdb.Error as error:
        raise HandbookError(f"{file} is not a file of the handbook: {str(error).splitlines()[0]}") from None
    return {name: np.asarray(column) for name, column in found.items()}


def definitions() -> tuple[tuple[str, str, Feature], ...]:
    """The book's: the column of a count, the column of what it is divided by, and our definition of both."""
    return (
        *(
            (
                f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW",
                f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW",
                Feature(name=f"payer_mean_{days}d", entity=Entity.PAYER, measure=Measure.MEAN, window_s=days * DAY),
            )
            for days in WINDOWS_D
        ),
        *(
            (
                f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW",
                f"TERMINAL_ID_RISK_{days}DAY_WINDOW",
                Feature(
                    name=f"payee_fraud_share_{days}d",
                    entity=Entity.PAYEE,
                    measure=Measure.FRAUD_SHARE,
                    window_s=days * DAY,
                    delay_s=LABELS_AFTER_D * DAY,
                ),
            )
            for days in WINDOWS_D
        ),
    )


def derived(book: Book) -> dict[str, Reals]:
    """The book's 14 features by its names, and the amount before them. Means in units, shares of one."""
    found: dict[str, Reals] = {
        "TX_AMOUNT": book.history.amount_minor / 100,
        "TX_DURING_WEEKEND": (book.weekday >= 5).astype(np.float64),
        "TX_DURING_NIGHT": (book.history.at_s // HOUR % 24 <= 6).astype(np.float64),
    }
    by = {entity: Sorted(book.history, entity) for entity in (Entity.PAYER, Entity.PAYEE)}
    for count, quotient, feature in definitions():
        counted, amounted = integers(book.history, feature, by[feature.entity])
        found[count] = counted.astype(np.float64)
        found[quotient] = _divided(amounted, counted) / (100 if feature.measure is Measure.MEAN else 1)
    return found


def _divided(amounted: Any, counted: Any) -> Reals:
    return np.where(counted > 0, amounted / np.maximum(counted, 1), 0.0)


def differences(book: Book, folder: Path, ours: dict[str, Reals]) -> dict[str, int]:
    """Of the book's own file: how many values of each feature are others than ours; and `rows`, how many were compared.

    Raises HandbookError for a file that is missing or is not the book's.
    """
    known = _columns(folder / KNOWN_ANSWERS, "SELECT * FROM read_parquet($file)")
    order = np.argsort(book.ids)
    at = order[np.searchsorted(book.ids[order], known["TRANSACTION_ID"])]
    columns = [name for name in ours if name in known]
    if len(columns) != len(ours) - 1 or np.any(book.ids[at] != known["TRANSACTION_ID"]):
        raise HandbookError(f"{folder / KNOWN_ANSWERS} is not of these payments")
    wrong = {name: int(np.sum(~np.isclose(ours[name][at], known[name], rtol=1e-9, atol=1e-9))) for name in columns}
    return {"rows": len(at), **wrong}


def own(book: Book) -> Reals:
    """Features of our model, a column each: the amount against the payer's habit, lately and before; fraud known at the terminal, how
    much of it and since when. What is not known is NaN.
    """
    history = book.history
    amount = history.amount_minor / 100
    payer, payee = Sorted(history, Entity.PAYER), Sorted(history, Entity.PAYEE)
    habit, spread = _habit(payer, history)
    ratio, score = amount / habit, np.clip((amount - habit) / spread, -3, 10)
    columns = [amount, ratio, score]
    one, fraud = np.ones(len(amount)), history.is_fraud.astype(np.float64)
    high, odd = ratio > _TIMES_HABIT, score > _SPREADS
    for days in (1, 3, 7, 14):
        columns += _over(payer, days, 0, high, odd)
        columns += [_divided(a, n) for a, n in [_over(payer, days, 0, score, one)]]
    for days in (1, 7, 30):
        counted, spent = _over(payer, days, 0, one, amount)
        columns += [counted, spent / counted, amount * (counted - 1) / np.maximum(spent - amount, 1)]
    for days in (1, 3, 7, 14, 21, 28, 60):
        counted, known = _over(payee, days, LABELS_AFTER_D, one, fraud)
        columns += [counted, known, _divided(known, counted)]
    columns += _over(payer, 28, LABELS_AFTER_D, fraud)
    columns += _row_of_frauds(payee, history, is_plain=~(high | odd))
    return np.column_stack(columns).astype(np.float64)


_TIMES_HABIT: Final = 2.5
_SPREADS: Final = 3.5
_HABIT_D: Final = 200
_ALWAYS: Final = None


def _row_of_frauds(payee: Sorted, history: History, *, is_plain: NDArray[np.bool_]) -> list[Reals]:
    """Whether frauds known at a terminal follow one another without anything genuine between, and since when.

    `is_plain`: payments that their payer's habit explains: fraud among them is the terminal's, not the card's.
    """
    is_fraud = history.is_fraud == 1
    known = _window(_ALWAYS, LABELS_AFTER_D)
    genuine, fraud = payee.outermost(known, ~is_fraud)[1], payee.outermost(known, is_fraud)[1]
    columns = [_days_since(history, fraud), _days_since(history, genuine)]
    for counted in (np.ones(len(is_fraud)), (is_fraud & is_plain).astype(np.float64)):
        up_to = payee.sums(_window(_ALWAYS, 0), counted)
        columns.append(payee.sums(known, counted) - np.where(genuine >= 0, up_to[genuine], 0))
    for days in (28, 60):
        first, _ = payee.outermost(_window(days, LABELS_AFTER_D), is_fraud & is_plain)
        columns.append(_days_since(history, first))
    return columns


def _days_since(history: History, places: Ints) -> Reals:
    return np.where(places >= 0, (history.at_s - history.at_s[places]) / DAY, np.nan)


def _habit(payer: Sorted, history: History) -> tuple[Reals, Reals]:
    """Mean and spread of what each payer paid that is known to be genuine, in units, NaN while that is little. Sums of minor units are exact."""
    genuine = 1.0 - history.is_fraud
    minor = genuine * history.amount_minor
    counted, spent, squared = _over(payer, _HABIT_D, LABELS_AFTER_D, genuine, minor, minor * history.amount_minor)
    mean = np.where(counted > 3, spent / np.maximum(counted, 1), np.nan)
    variance = squared / np.maximum(counted, 1) - mean * mean
    return mean / 100, np.maximum(np.sqrt(np.maximum(variance, 0)) / 100, 1)


def _window(days: int | None, delay_d: int) -> Feature:
    return Feature(
        name="window",
        entity=Entity.PAYER,
        measure=Measure.COUNT,
        window_s=None if days is None else days * DAY,
        delay_s=delay_d * DAY,
    )


def _over(by: Sorted, days: int, delay_d: int, *columns: Any) -> list[Reals]:
    """Sums of columns over a window of each payment's party; what is not known counts nothing."""
    return [by.sums(_window(days, delay_d), np.nan_to_num(np.asarray(column, np.float64))) for column in columns]

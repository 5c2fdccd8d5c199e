"""Payments whose frauds are known, and models that were trained on them."""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np

from tests.risk.models_small import stump
from tongbao.risk.catalogue import VERSION
from tongbao.risk.learn import Learned, Sample, learn
from tongbao.risk.models_inputs import inputs_of

INPUTS = inputs_of(VERSION)
__all__ = ["INPUTS", "any_row", "history", "learned", "rows_of", "stump"]

_TELLING = ("amount_minor", "payer_count_10m", "payer_since_first")


def history(size: int = 6_000, seed: int = 1) -> Sample:
    """Large payments, many in a short time, of new payers: of those some are fraud. Whole numbers, some of them missing."""
    chance = np.random.default_rng(seed)
    values = np.floor(chance.lognormal(3, 3, (size, len(INPUTS)))).astype(np.float32)
    values[:, 1:5] = chance.integers(0, 2, (size, 4))
    odds = np.zeros(size)
    for name, weight in zip(_TELLING, (1.0, 1.0, -0.6), strict=True):
        odds += weight * np.log1p(values[:, INPUTS.index(name)])
    is_fraud = odds + chance.logistic(size=size) > np.quantile(odds, 0.93)
    values[:, 9:][chance.random((size, len(INPUTS) - 9)) < 0.1] = np.nan
    return Sample(INPUTS, values, is_fraud, np.arange(size, dtype=np.int64) * 60 + 1_760_000_000)


@cache
def learned(seed: int = 1) -> Learned:
    return learn(history(seed=seed), label_delay_days=7)


def rows_of(sample: Sample, most: int) -> list[tuple[int | None, ...]]:
    """Values as the bank has them, in the order of the inputs."""
    return [tuple(None if v != v else int(v) for v in row) for row in sample.values[:most].tolist()]


def any_row(chance: Random) -> tuple[int | None, ...]:
    """Values of any size, some of them just at a power of two, where 32 bits of float no longer tell all of them apart."""
    return tuple(
        None if chance.random() < 0.1 else max(0, 2 ** chance.randrange(62) + chance.randrange(-2, 3)) for _ in INPUTS
    )

"""How far what a model is asked now lies from what it learned: the population stability index (PSI) of each input.

The sum over parts of (now - then) * ln(now / then); below 0.1 nothing has changed, above 0.25 much has.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import log
from typing import Final

from tongbao.risk.models_facts import Spread

WHOLE: Final = 10_000
STEADY: Final = 100
SHIFTED: Final = 250
"""Thousandths of PSI: below the first an input is as it was, from the second on it is another."""
_LEAST: Final = 1
"""Of 10,000, of a part in which there is nothing: the logarithm of nothing is no number."""


def shares(cuts: Sequence[int], values: Sequence[int | None]) -> tuple[int, ...]:
    """Of 10,000 so many below the first cut, from each cut up to the next, from the last on, and missing."""
    counts = [0] * (len(cuts) + 2)
    for value in values:
        counts[-1 if value is None else bisect_right(cuts, value)] += 1
    return rounded(counts, len(values))


def rounded(counts: Sequence[int], total: int) -> tuple[int, ...]:
    """Parts of 10,000, each rounded by itself."""
    total = max(total, 1)
    return tuple((2 * WHOLE * count + total) // (2 * total) for count in counts)


def psi(then: Spread, now: Sequence[int]) -> int:
    """Of one input, in thousandths."""
    pairs = [(max(a, _LEAST), max(b, _LEAST)) for a, b in zip(then.shares, now, strict=True)]
    return round(sum((b - a) * log(b / a) for a, b in pairs) * 1_000 / WHOLE)

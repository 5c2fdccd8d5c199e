"""How unlike his habit somebody has typed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import Final

from tongbao.identity.rhythm_model import Rhythm

FEWEST: Final = 5
NEWEST: Final = 20
"""Earlier measurements of the same form that are his habit: fewer are none."""
LARGEST: Final = 100_000
_OF_TYPICAL: Final = 10
"""Nobody is taken for steadier than a tenth of what is typical of him: a phone's clock is not."""


def unlike(new: Rhythm, before: Sequence[Rhythm]) -> int | None:
    """In thousandths of his usual deviation, at most `LARGEST`: 1,000 is as usual; None where there is no habit yet.

    The scaled Manhattan distance of Killourhy and Maxion (Comparing anomaly-detection algorithms for keystroke dynamics, DSN 2009), the
    mean over two figures: the median pause between presses, and the median hold. A figure that is missing now or then is left out.
    """
    found: list[int] = []
    for now, then in (
        (new.intervals, [one.intervals for one in before]),
        (new.holds, [one.holds for one in before]),
    ):
        habit = [median_low(one) for one in then if one]
        if now and len(habit) >= FEWEST:
            typical = median_low(habit)
            spread = sum(abs(one - typical) for one in habit) // len(habit)
            found.append(abs(median_low(now) - typical) * 1_000 // max(spread, typical // _OF_TYPICAL, 1))
    return min(LARGEST, sum(found) // len(found)) if found else None

"""Forget running totals that no window begins after any more."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tongbao.base.db import Tx
from tongbao.risk import store
from tongbao.risk.catalogue import CATALOGUE
from tongbao.risk.feature import DAY, HOUR
from tongbao.risk.model import TotalKey

LONGEST_S: Final = max(feature.window_s or 0 for feature in CATALOGUE)
_IN_THE_AIR_S: Final = 2 * DAY
"""So late a decision may still be made by an earlier moment: clocks differ, transactions wait."""


async def forget_totals(tx: Tx, after: TotalKey | None, *, at: datetime, most: int) -> TotalKey | None:
    """Looks at the next `most` totals behind `after`; the last of them, None at the end.

    An entity keeps the newest of those that lie before every window: what lies in a window is the difference to it.
    """
    before = (int(at.timestamp()) - LONGEST_S - _IN_THE_AIR_S) // HOUR
    return await store.forget_totals(tx, after, before, most)

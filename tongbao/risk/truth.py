"""What a simulated city says of its own thieves: kept beside what the bank finds out, to be held against it. A real bank knows none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.risk import truth_store
from tongbao.risk.truth_model import Against, Truth

HIGH: Final = 50
"""A score from which on a model takes a payment for fraud rather than not."""
_AT_ONCE: Final = 500


async def tell_truth(tx: Tx, told: Sequence[Truth]) -> None:
    """Of payments of a simulated city; what it has said before stays. Nothing is judged by it."""
    rest = iter(told)
    while some := list(islice(rest, _AT_ONCE)):
        await truth_store.tell(tx, some)


async def label_told(tx: Tx, *, by: Principal, at: datetime, most: int = 10_000) -> int:
    """Labels as outcomes those of its frauds that somebody knows of by now, each at the moment from which on it was known; how many.

    A payment that somebody has labelled keeps what he said, and the same call again changes nothing.
    """
    added = await truth_store.label(tx, by.id, at, most)
    if added:
        said = {"labels": added}
        await audit.record(tx, by, "risk.labels", "city", at=at, reason="a simulated city found out", details=said)
    return added


async def against_truth(tx: Tx, *, since: datetime, until: datetime, currency: str) -> list[Against]:
    """How what was judged in between, while rules were in force, stands against the truth, by kind of fraud; nothing in a real bank."""
    return await truth_store.against(tx, since, until, currency, HIGH)

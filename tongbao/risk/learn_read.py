"""What models learn from: payments as they were known when they were judged, with what became known of them later.

Columns of numbers, a day at a time; nothing is held as objects but the page that is being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from tongbao.base.db import Tx
from tongbao.risk import models_store
from tongbao.risk.catalogue import VERSION
from tongbao.risk.learn import Sample
from tongbao.risk.models_inputs import inputs_of, newest_inputs_of

PAGE: Final = 20_000


async def sample(tx: Tx, *, until: datetime, label_delay: timedelta) -> Sample:
    """Payments, in the order of time, that were made at least `label_delay` before `until`, with the inputs of the newest catalogue:
    what an older one did not know is missing.

    Labels count that were known at `until`; a payment that nobody has said anything of was none.
    """
    before = until - label_delay
    pages: list[tuple[Any, Any, Any]] = []
    for day in await models_store.learning_days(tx, VERSION, before):
        after = None
        while rows := await models_store.to_learn_from(tx, VERSION, day, after, before, until, PAGE):
            pages.append(_columns(rows))
            after = rows[-1][0]
            if len(rows) < PAGE:
                break
    inputs = inputs_of(VERSION)
    if not pages:
        return Sample(inputs, np.empty((0, len(inputs)), np.float32), np.empty(0, np.bool_), np.empty(0, np.int64))
    values, is_fraud, at_s = (np.concatenate(column) for column in zip(*pages, strict=True))
    order = np.argsort(at_s, kind="stable")
    return Sample(inputs, values[order], is_fraud[order], at_s[order])


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, Any, Any]:
    """Values (NaN for what is missing), whether it was fraud, and when it was."""
    values = np.array([newest_inputs_of(*row[3:]) for row in rows], dtype=np.float32)
    return values, np.array([row[2] for row in rows], np.bool_), np.array([row[1] for row in rows], np.int64)

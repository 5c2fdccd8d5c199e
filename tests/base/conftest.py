"""Open pools on the run's databases, and a bank that has a business day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from tongbao.base import days
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DAY = date(2026, 11, 23)


@pytest.fixture
async def db(fresh_database: str) -> AsyncIterator[Database]:
    """A database for this test alone, its bank founded on Monday 2026-11-23."""
    async with Database(fresh_database, size=4) as opened:
        async with opened.tx() as tx:
            await days.found(tx, DAY)
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))

"""A bank that was founded on Monday 2026-11-23, with a database for one test or for a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ledger.bank import DAY, Bank
from tongbao.base import days
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def bank(fresh_database: str) -> AsyncIterator[Bank]:
    async with Database(fresh_database, size=12) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        yield Bank(db)

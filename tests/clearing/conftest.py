"""A street with shops, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.merchants.market import Market, opened


@pytest.fixture
async def market(fresh_database: str) -> AsyncIterator[Market]:
    async with opened(fresh_database) as market:
        yield market

"""A street with shops, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.clearing.till import Till
from tests.clearing.till import opened as open_till
from tests.merchants.market import Market, opened


@pytest.fixture
async def market(fresh_database: str) -> AsyncIterator[Market]:
    async with opened(fresh_database) as market:
        yield market


@pytest.fixture
async def till(fresh_database: str) -> AsyncIterator[Till]:
    async with open_till(fresh_database) as till:
        yield till

"""A town on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.payments.town import Town, opened


@pytest.fixture
async def town(fresh_database: str) -> AsyncIterator[Town]:
    async with opened(fresh_database) as town:
        yield town

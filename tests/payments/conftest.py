"""A town on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.payments.town import Town, opened
from tests.payments.wallet import card_network, wallet

__all__ = ["card_network", "town", "wallet"]


@pytest.fixture
async def town(fresh_database: str) -> AsyncIterator[Town]:
    async with opened(fresh_database) as town:
        yield town

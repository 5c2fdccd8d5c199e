"""A vault with a keyring of its own, on a database for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.vault.house import AT, DAY, House
from tongbao import vault
from tongbao.base import days
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def house(fresh_database: str, tmp_path: Path) -> AsyncIterator[House]:
    keyring = vault.Keyring.create(tmp_path / "keyring", AT)
    vault.use(keyring)
    async with Database(fresh_database, size=12) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        yield House(db, fresh_database, keyring)
    vault.use(None)

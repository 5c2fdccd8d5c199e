"""What care knows of a person, for the document that he may take elsewhere."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.care import tip_store as store

_MOST: Final = 1000


async def learned(tx: Tx, customer_id: UUID) -> list[dict[str, Any]]:
    """What he was warned of, told and taught, newest first; JSON-ready."""
    names = ("what", "which", "at", "opened_at", "dismissed_at", "is_right")
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in await store.known_of(tx, customer_id, _MOST)
    ]

"""What somebody is called, for whoever checks it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tongbao import identity
from tongbao.base.principal import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from tongbao.base.db import Tx


async def called(tx: Tx, *ids: UUID) -> dict[UUID, identity.Details]:
    """In full, by customer."""
    found = await identity.find_customers(tx, ids)
    return await identity.details_of(tx, found.values(), by=SYSTEM, reason="a test looks", at=datetime.now(UTC))


async def names(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, str]:
    return {id_: details.name for id_, details in (await called(tx, *ids)).items()}

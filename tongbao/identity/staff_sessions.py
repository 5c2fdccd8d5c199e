"""Where a member of staff is logged in: he sees it, and ends what he does not know."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import staff_app_store, staff_store
from tongbao.identity.staff_model import OwnSession


async def own_sessions(tx: Tx, by: Principal, *, at: datetime) -> list[OwnSession]:
    """His open ones, the newest first, at most 50."""
    return await staff_store.own_sessions(tx, by.id, at)


async def end_own_session(tx: Tx, by: Principal, id: UUID, *, at: datetime) -> None:
    """Ends one of his own. Nothing happens where it has ended or is somebody else's."""
    if await staff_store.end_own_session(tx, by.id, id, at):
        await audit.record(tx, by, "staff.session_end", by.id, at=at, details={"session_id": str(id)})


async def end_other_sessions(tx: Tx, by: Principal, *, at: datetime) -> None:
    """Ends all of his own but the one that asks."""
    await staff_app_store.end_other_sessions(tx, by.id, by.session_id, at)
    await audit.record(tx, by, "staff.session_end", by.id, at=at, details={"which": "all others"})

"""The only Python that touches customers' devices: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.identity.device_model import Device, Seen
from tongbao.identity.model import Token

Q = sql.load("tongbao.identity", "device")


async def device_seen(
    tx: Tx, customer_id: UUID, browser_hash: bytes, seen: Seen, since: datetime, at: datetime
) -> UUID | None:
    asked = {"customer_id": customer_id, "browser_hash": browser_hash, "since": since, "at": at}
    row = await tx.row(Q["device_seen"], **asked, name=seen.name, place=seen.place)
    return row[0] if row else None


async def know_device(
    tx: Tx,
    device_id: UUID,
    customer_id: UUID,
    browser_hash: bytes,
    seen: Seen,
    *,
    since: datetime,
    trusted_from: datetime,
    at: datetime,
) -> tuple[UUID, datetime]:
    row = await tx.row(
        Q["know_device"],
        id=device_id,
        customer_id=customer_id,
        browser_hash=browser_hash,
        name=seen.name,
        place=seen.place,
        since=since,
        trusted_from=trusted_from,
        at=at,
    )
    assert row is not None
    return row[0], row[1]


async def move_device(tx: Tx, old: bytes, new: bytes) -> None:
    await tx.run(Q["move_device"], old=old, new=new)


async def devices_of(
    tx: Tx,
    customer_id: UUID,
    *,
    session_id: UUID | None,
    since: datetime,
    idle_since: datetime,
    at: datetime,
    most: int,
) -> list[Device]:
    asked = {"customer_id": customer_id, "since": since, "idle_since": idle_since, "at": at, "most": most}
    rows = await tx.rows(Q["devices_of"], **asked, session_id=session_id)
    names = ("id", "name", "place", "known_since", "seen_at", "trusted_from", "sessions", "here")
    return [Device(**dict(zip(names, row, strict=True))) for row in rows]


async def revoke_devices(tx: Tx, customer_id: UUID, device_id: UUID | None, at: datetime) -> list[UUID]:
    """Those that were known until now; without an id all of his."""
    return [row[0] for row in await tx.rows(Q["revoke_devices"], customer_id=customer_id, id=device_id, at=at)]


async def end_other_sessions(tx: Tx, customer_id: UUID, session_id: UUID, at: datetime) -> int:
    return await tx.run(Q["end_other_sessions"], customer_id=customer_id, session_id=session_id, at=at)


async def revoke_other_devices(tx: Tx, customer_id: UUID, session_id: UUID, at: datetime) -> list[UUID]:
    rows = await tx.rows(Q["revoke_other_devices"], customer_id=customer_id, session_id=session_id, at=at)
    return [row[0] for row in rows]


async def count_other_sessions(
    tx: Tx, customer_id: UUID, session_id: UUID, *, idle_since: datetime, at: datetime
) -> int:
    asked = {"customer_id": customer_id, "session_id": session_id, "idle_since": idle_since, "at": at}
    row = await tx.row(Q["count_other_sessions"], **asked)
    assert row is not None
    return row[0]


async def device_exists(tx: Tx, customer_id: UUID, device_id: UUID) -> bool:
    return await tx.row(Q["device_exists"], customer_id=customer_id, id=device_id) is not None


async def end_sessions_in(tx: Tx, customer_id: UUID, device_id: UUID, at: datetime) -> int:
    return await tx.run(Q["end_sessions_in"], customer_id=customer_id, device_id=device_id, at=at)


async def offer_secret(
    tx: Tx, shown: Token, fresh: Token, *, old_since: datetime, lost_since: datetime, at: datetime
) -> datetime | None:
    """When the session ends at the latest, where the new secret is offered."""
    asked = {"public_id": shown.public_id, "shown": shown.secret_hash, "fresh": fresh.secret_hash}
    row = await tx.row(Q["offer_secret"], **asked, old_since=old_since, lost_since=lost_since, at=at)
    return row[0] if row else None


async def take_offer(tx: Tx, shown: Token, at: datetime) -> None:
    await tx.run(Q["take_offer"], public_id=shown.public_id, shown=shown.secret_hash, at=at)


async def count_sessions_in_devices(tx: Tx) -> int:
    row = await tx.row(Q["count_sessions_in_devices"])
    return row[0] if row else 0


async def sessions_in_strange_devices(tx: Tx, most: int) -> list[tuple[UUID, UUID, UUID]]:
    """(session, holder, whose the device is)."""
    return [(row[0], row[1], row[2]) for row in await tx.rows(Q["sessions_in_strange_devices"], most=most)]


async def forget_devices(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_devices"], before=before)

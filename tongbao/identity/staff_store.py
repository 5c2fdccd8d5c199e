"""The only Python that touches passwords, sessions and passkeys of staff: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import SESSION_IDLES, Role
from tongbao.identity.staff_model import OwnSession, StaffOffer, StaffPasskey, StoredPassword

Q = sql.load("tongbao.identity", "staff")
_MOST_SESSIONS = 50


async def staff_password(tx: Tx, staff_id: UUID) -> StoredPassword | None:
    row = await tx.row(Q["staff_password"], staff_id=staff_id)
    return StoredPassword(*row) if row else None


async def set_staff_password(
    tx: Tx, staff_id: UUID, password_hash: str, *, until: datetime | None, at: datetime
) -> None:
    await tx.run(Q["set_staff_password"], staff_id=staff_id, password_hash=password_hash, until=until, at=at)


async def set_staff_roles(tx: Tx, staff_id: UUID, roles: Iterable[Role]) -> None:
    await tx.run(Q["set_staff_roles"], staff_id=staff_id, roles=sorted(roles))


async def own_sessions(tx: Tx, staff_id: UUID, at: datetime) -> list[OwnSession]:
    rows = await tx.rows(
        Q["own_sessions"], staff_id=staff_id, at=at, idle_since=at - SESSION_IDLES, most=_MOST_SESSIONS
    )
    return [OwnSession(*row) for row in rows]


async def end_own_session(tx: Tx, staff_id: UUID, id: UUID, at: datetime) -> bool:
    return await tx.row(Q["end_own_session"], staff_id=staff_id, id=id, at=at) is not None


async def widen_session(tx: Tx, session_id: UUID, staff_id: UUID, *, needs_second: bool) -> None:
    await tx.run(Q["widen_session"], id=session_id, staff_id=staff_id, needs_second=needs_second)


def _passkey(row: tuple[Any, ...]) -> StaffPasskey:
    values = dict(zip(StaffPasskey.__struct_fields__, row, strict=True))
    bare = {name: bytes(values[name]) for name in ("credential_id", "public_key")}
    return StaffPasskey(**{**values, **bare, "transports": tuple(values["transports"])})


async def staff_passkeys(tx: Tx, staff_id: UUID) -> list[StaffPasskey]:
    return [_passkey(row) for row in await tx.rows(Q["staff_passkeys"], staff_id=staff_id)]


async def lock_staff_passkey(tx: Tx, credential_id: bytes) -> StaffPasskey | None:
    rows = await tx.lock(Rank.IDS, Q["lock_staff_passkeys"], [credential_id])
    return _passkey(rows[0]) if rows else None


async def add_staff_passkey(tx: Tx, passkey: StaffPasskey) -> bool:
    row = await tx.row(
        Q["add_staff_passkey"],
        id=passkey.id,
        staff_id=passkey.staff_id,
        credential_id=passkey.credential_id,
        public_key=passkey.public_key,
        transports=list(passkey.transports),
        name=passkey.name,
        sign_count=passkey.sign_count,
        at=passkey.made_at,
    )
    return row is not None


async def staff_passkey_used(tx: Tx, id: UUID, sign_count: int, at: datetime) -> None:
    await tx.run(Q["staff_passkey_used"], id=id, sign_count=sign_count, at=at)


async def suspend_staff_passkey(tx: Tx, id: UUID, at: datetime) -> None:
    await tx.run(Q["suspend_staff_passkey"], id=id, at=at)


async def rename_staff_passkey(tx: Tx, staff_id: UUID, id: UUID, name: str) -> bool:
    return await tx.row(Q["rename_staff_passkey"], staff_id=staff_id, id=id, name=name) is not None


async def revoke_staff_passkeys(tx: Tx, staff_id: UUID, id: UUID | None, at: datetime) -> int:
    return len(await tx.rows(Q["revoke_staff_passkeys"], staff_id=staff_id, id=id, at=at))


async def offer_staff_passkey(tx: Tx, staff_id: UUID, offer: StaffOffer, at: datetime) -> None:
    await tx.run(Q["offer_staff_passkey"], staff_id=staff_id, challenge=offer.challenge, name=offer.name, at=at)


async def staff_passkey_offer(tx: Tx, staff_id: UUID, since: datetime) -> StaffOffer | None:
    row = await tx.row(Q["staff_passkey_offer"], staff_id=staff_id, since=since)
    return StaffOffer(challenge=bytes(row[0]), name=row[1]) if row else None


async def drop_staff_passkey_offer(tx: Tx, staff_id: UUID) -> None:
    await tx.run(Q["drop_staff_passkey_offer"], staff_id=staff_id)


async def forget_staff_passkey_offers(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_staff_passkey_offers"], before=before)

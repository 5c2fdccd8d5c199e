"""The only Python that touches registrations and log-ins that wait for a code: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import (
    PendingLogin,
    Registration,
    RegistrationDay,
    RegistrationSteps,
)

Q = sql.load("tongbao.identity", "registration")

Row = tuple[Any, ...]


def _registration(row: Row) -> Registration:
    id_, fingerprint, sealed, code_id, opened, begun, confirmed, completed, forgotten, forms = row
    return Registration(
        id=id_,
        phone_fingerprint=fingerprint,
        phone_sealed=sealed,
        code_id=code_id,
        opened_at=opened,
        begun_at=begun,
        confirmed_at=confirmed,
        completed_at=completed,
        forgotten_at=forgotten,
        forms=forms,
    )


def _pending_login(row: Row) -> PendingLogin:
    id_, customer_id, code_id, begun_at, ended_at = row
    return PendingLogin(id=id_, customer_id=customer_id, code_id=code_id, begun_at=begun_at, ended_at=ended_at)


async def begin_registration(
    tx: Tx,
    registration_id: UUID,
    form_id: UUID,
    *,
    fingerprint: bytes,
    sealed: bytes,
    browser_hash: bytes,
    code_id: UUID,
    opened_at: datetime,
    at: datetime,
) -> bool:
    row = await tx.row(
        Q["begin_registration"],
        id=registration_id,
        form_id=form_id,
        fingerprint=fingerprint,
        sealed=sealed,
        browser_hash=browser_hash,
        code_id=code_id,
        opened_at=opened_at,
        at=at,
    )
    return row is not None


async def registration_of_form(tx: Tx, form_id: UUID) -> UUID | None:
    row = await tx.row(Q["registration_of_form"], form_id=form_id)
    return row[0] if row else None


async def registration(tx: Tx, registration_id: UUID, browser_hash: bytes) -> Registration | None:
    row = await tx.row(Q["registration"], id=registration_id, browser_hash=browser_hash)
    return _registration(row) if row else None


async def lock_registration(tx: Tx, registration_id: UUID, browser_hash: bytes) -> Registration | None:
    rows = await tx.lock(Rank.IDS, Q["lock_registrations"], [registration_id], browser_hash=browser_hash)
    return _registration(rows[0]) if rows else None


async def lock_registrations_of_phone(tx: Tx, fingerprint: bytes) -> None:
    await tx.lock(Rank.IDS, Q["lock_registrations_of_phones"], [fingerprint])


async def unfinished_registration(tx: Tx, browser_hash: bytes, since: datetime) -> UUID | None:
    row = await tx.row(Q["unfinished_registration"], browser_hash=browser_hash, since=since)
    return row[0] if row else None


async def registration_form(
    tx: Tx, registration_id: UUID, *, code_id: UUID | None = None, confirmed_at: datetime | None = None
) -> None:
    await tx.run(Q["registration_form"], id=registration_id, code_id=code_id, confirmed_at=confirmed_at)


async def complete_registration(tx: Tx, registration_id: UUID, at: datetime) -> None:
    await tx.run(Q["complete_registration"], id=registration_id, at=at)


async def abandoned_registrations(tx: Tx, before: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["abandoned_registrations"], before=before, most=most)]


async def forget_registration_people(tx: Tx, ids: Sequence[UUID], at: datetime) -> None:
    await tx.run(Q["forget_registration_people"], ids=list(ids), at=at)


async def forget_registrations(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_registrations"], before=before)


async def forget_pending_logins(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_pending_logins"], before=before)


async def forget_browsers(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_browsers"], before=before)


async def registration_days(tx: Tx, since: datetime, zone: str) -> list[RegistrationDay]:
    return [RegistrationDay(*row) for row in await tx.rows(Q["registration_days"], since=since, zone=zone)]


async def registration_spread(tx: Tx, since: datetime, bounds_s: Sequence[int]) -> dict[int, int]:
    """From the number of a bucket to how many ended in it."""
    rows = await tx.rows(Q["registration_spread"], since=since, bounds=list(bounds_s))
    return {row[0]: row[1] for row in rows}


async def registration_steps(tx: Tx, since: datetime) -> RegistrationSteps:
    row = await tx.row(Q["registration_steps"], since=since)
    assert row is not None
    return RegistrationSteps(*row)


async def customers_by_phone(tx: Tx, ids: Iterable[UUID], phone: str) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["customers_by_phone"], ids=list(ids), phone=phone)]


async def move_registrations(tx: Tx, old: bytes, new: bytes) -> None:
    await tx.run(Q["move_registrations"], old=old, new=new)


async def begin_login(
    tx: Tx, login_id: UUID, customer_id: UUID, browser_hash: bytes, code_id: UUID, at: datetime
) -> bool:
    asked = {"id": login_id, "customer_id": customer_id, "browser_hash": browser_hash, "code_id": code_id, "at": at}
    return await tx.row(Q["begin_login"], **asked) is not None


async def pending_login(tx: Tx, login_id: UUID, browser_hash: bytes) -> PendingLogin | None:
    row = await tx.row(Q["pending_login"], id=login_id, browser_hash=browser_hash)
    return _pending_login(row) if row else None


async def pending_login_of(
    tx: Tx, browser_hash: bytes, since: datetime, customer_id: UUID | None = None
) -> PendingLogin | None:
    row = await tx.row(Q["pending_login_of"], browser_hash=browser_hash, since=since, customer_id=customer_id)
    return _pending_login(row) if row else None


async def lock_pending_login(tx: Tx, login_id: UUID, browser_hash: bytes) -> PendingLogin | None:
    rows = await tx.lock(Rank.IDS, Q["lock_pending_logins"], [login_id], browser_hash=browser_hash)
    return _pending_login(rows[0]) if rows else None


async def pending_login_code(tx: Tx, login_id: UUID, code_id: UUID) -> None:
    await tx.run(Q["pending_login_code"], id=login_id, code_id=code_id)


async def end_pending_login(tx: Tx, login_id: UUID, at: datetime) -> None:
    await tx.run(Q["end_pending_login"], id=login_id, at=at)

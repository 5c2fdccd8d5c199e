"""Passwords of staff: what is shown of them, changed by their holder, made by the bank for a day after two people agreed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import refusals as no
from tongbao.identity import staff_app, staff_app_store, staff_store, store, tries
from tongbao.identity.staff_model import ONE_TIME_LASTS, Shown, StoredPassword


async def stored_password(tx: Tx, staff_id: UUID) -> StoredPassword | None:
    """For `verify_password` outside of the transaction; `prove` sees whether it is the same still."""
    return await staff_store.staff_password(tx, staff_id)


async def prove(tx: Tx, by: Principal, shown: Shown, *, at: datetime) -> Refusal | None:
    """Whether who asks is who logged in: his password and, where he has an app, a code of it.

    None, or the answer `factor_locked`, `factor_wrong`, returned so that it is counted. A password that the bank made was shown with
    a code a moment ago and is taken alone. Refuses `permission_missing`.
    """
    if by.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("staff alone have a password here")
    guarding = tries.guarding("staff password", by.id.hex)
    number = await tries.take(tx, guarding, at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(field="current", retry_after_s=number.retry_after_s)
    await store.lock_staff(tx, by.id)
    stored = await staff_store.staff_password(tx, by.id)
    if stored is None or not shown.is_right or stored.hash != shown.stored:
        return no.FACTOR_WRONG(field="current")
    if stored.until is None and await staff_app.check(tx, by.id, shown.code, at=at) is False:
        return no.FACTOR_WRONG(field="code")
    await tries.forgive(tx, guarding)
    return None


async def change_password(
    tx: Tx, by: Principal, shown: Shown, password_hash: str, *, needs_second: bool, at: datetime
) -> Refusal | None:
    """His own, from now on; his other sessions end. As `prove`, whose answers it gives."""
    wrong = await prove(tx, by, shown, at=at)
    if wrong is not None:
        return wrong
    await staff_store.set_staff_password(tx, by.id, password_hash, until=None, at=at)
    await staff_app_store.end_other_sessions(tx, by.id, by.session_id, at)
    if by.session_id is not None:
        await staff_store.widen_session(tx, by.session_id, by.id, needs_second=needs_second)
    await audit.record(tx, by, "staff.password_change", by.id, at=at)
    return None


async def give_password(
    tx: Tx,
    staff_id: UUID,
    password_hash: str,
    *,
    reason: str,
    by: Principal,
    at: datetime,
    seconded: Approval | None = None,
) -> datetime:
    """A password that the bank made, in place of the one before; until when it lets in. Every session of his ends.

    Refuses `staff_unknown`, and staff alone `takes_a_second_person`.
    """
    need_second(by, seconded)
    if await store.lock_staff(tx, staff_id) is None:
        raise no.STAFF_UNKNOWN()
    until = at + ONE_TIME_LASTS
    await staff_store.set_staff_password(tx, staff_id, password_hash, until=until, at=at)
    await staff_app_store.end_other_sessions(tx, staff_id, None, at)
    await audit.record(tx, by, "staff.password_give", staff_id, at=at, reason=reason)
    return until

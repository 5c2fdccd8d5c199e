"""Staff: made by a command, let in by password, shut out at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, store
from tongbao.identity import refusals as no
from tongbao.identity.authenticate import read_token, staff_principal
from tongbao.identity.model import (
    SESSION_LASTS,
    Made,
    NewStaff,
    Session,
    Staff,
    Token,
    lock_after,
)
from tongbao.web.body import canonical_hash

_FORGIVEN_AFTER = timedelta(days=1)


async def create_staff(tx: Tx, new: NewStaff, password_hash: str, *, by: Principal, at: datetime) -> Made[Staff]:
    """Makes a member of staff. Refuses `id_taken`, `id_reused`, `username_taken`."""
    verdict = (await claims.claim(tx, "staff", [(new.id, canonical_hash(new))], by, at))[0]
    if isinstance(verdict, Refusal):
        raise verdict
    if verdict is claims.NEW:
        if not await store.add_staff(tx, new, password_hash, by.id, at):
            raise no.USERNAME_TAKEN(field="username")
        details = {"roles": sorted(new.roles)}
        await audit.record(tx, by, "staff.create", new.id, at=at, details=details)
    return Made((await store.staff(tx, [new.id]))[new.id], replayed=verdict)


async def find_staff(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    """Staff by id; unknown ids are left out."""
    return await store.staff(tx, ids)


async def password_of(tx: Tx, username: str) -> str | None:
    """The stored hash of a user name's password, for `verify_password` outside the transaction."""
    found = await store.staff_by_username(tx, username)
    return found[1] if found else None


async def log_in(
    tx: Tx, username: str, *, password_is_right: bool, session_id: UUID, token: Token, at: datetime
) -> Session | Refusal:
    """Lets a member of staff in, or says no: `login_locked`, `login_refused`. The no is returned, so that it is counted.

    After the fifth wrong password in a row a name is locked, for longer each time, whether it exists or not. A right
    password during a lock is refused too: else many guesses at once would each have had their answer.
    """
    username_hash = sha256(username.encode()).digest()
    failures, locked_until, failed_at = await store.lock_login_guard(tx, username_hash, at)
    if locked_until is not None and locked_until > at:
        return no.LOGIN_LOCKED(retry_after_s=_whole_seconds(locked_until - at))
    found = await store.staff_by_username(tx, username)
    staff = found[0] if found else None
    if not password_is_right or staff is None or staff.status != "active":
        failures = 1 if failed_at + _FORGIVEN_AFTER <= at else failures + 1
        lock = lock_after(failures)
        await store.login_failed(tx, username_hash, failures, at + lock if lock else None, at)
        if staff is not None:
            who = staff_principal(staff.id, staff.roles)
            await audit.record(tx, who, "staff.login_refused", staff.id, at=at, details={"failures": failures})
        return no.LOGIN_REFUSED()
    await store.login_succeeded(tx, username_hash)
    expires_at = at + SESSION_LASTS
    await store.add_session(tx, session_id, staff.id, token, at, expires_at)
    await audit.record(tx, staff_principal(staff.id, staff.roles), "staff.log_in", staff.id, at=at)
    return Session(id=session_id, staff=staff, expires_at=expires_at)


def _whole_seconds(span: timedelta) -> int:
    return -(-span // timedelta(seconds=1))


async def log_out(tx: Tx, text: str, *, by: Principal, at: datetime) -> None:
    """Ends the session of a token; done within 2 s in every process. Nothing happens where it has ended."""
    if await store.end_session(tx, read_token(text).public_id, at):
        await audit.record(tx, by, "staff.log_out", by.id, at=at)


async def disable_staff(tx: Tx, staff_id: UUID, *, reason: str, by: Principal, at: datetime) -> Staff:
    """Shuts a member of staff out and ends every session. Refuses `staff_unknown`."""
    staff = await store.lock_staff(tx, staff_id)
    if staff is None:
        raise no.STAFF_UNKNOWN()
    await store.end_sessions_of(tx, staff_id, at)
    if staff.status != "disabled":
        await store.set_staff_status(tx, staff_id, "disabled")
        await audit.record(tx, by, "staff.disable", staff_id, at=at, reason=reason)
    return (await store.staff(tx, [staff_id]))[staff_id]


async def forget_sessions(tx: Tx, *, before: datetime) -> int:
    """Housekeeping: drops sessions that ended, and wrong passwords that were forgiven, before a moment; how many rows.

    Who logged in and when stays in the audit. `before` lies at least a day back, or running counts would be lost.
    """
    return await store.forget_sessions(tx, before) + await store.forget_login_guards(tx, before)

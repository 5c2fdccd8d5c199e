"""Staff: made by a command, let in by password, shut out at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import (
    claims,
    factor_store,
    passkey_store,
    people,
    staff_app,
    staff_passkeys,
    staff_store,
    store,
    tries,
)
from tongbao.identity import refusals as no
from tongbao.identity.authenticate import read_token, staff_principal
from tongbao.identity.model import (
    SESSION_LASTS,
    Made,
    NewStaff,
    Role,
    Session,
    Staff,
    Token,
)
from tongbao.identity.staff_model import ONE_TIME_LASTS

NO_PASSWORD: Final = "!"
"""The hash of no password."""


async def create_staff(
    tx: Tx, new: NewStaff, password_hash: str, *, by: Principal, at: datetime, is_one_time: bool = False
) -> Made[Staff]:
    """Makes a member of staff. `is_one_time`: the bank made the password, and it is replaced within a day.

    Refuses `id_taken`, `id_reused`, `username_taken`.
    """
    verdict = (await claims.claim_people(tx, "staff", [(new.id, new)], by, at))[0]
    if isinstance(verdict, Refusal):
        raise verdict
    if verdict is claims.NEW:
        if not await store.add_staff(tx, new, password_hash, by.id, at):
            raise no.USERNAME_TAKEN(field="username")
        if is_one_time:
            await staff_store.set_staff_password(tx, new.id, password_hash, until=at + ONE_TIME_LASTS, at=at)
        await people.keep_staff_name(tx, new.id, new.name, at=at)
        details = {"roles": sorted(new.roles)}
        await audit.record(tx, by, "staff.create", new.id, at=at, details=details)
    return Made((await find_staff(tx, [new.id]))[new.id], replayed=verdict)


async def find_staff(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    """Staff by id; unknown ids are left out."""
    return {one.id: one for one in await people.named_staff(tx, (await store.staff(tx, ids)).values())}


async def list_staff(tx: Tx, *, before: UUID | None = None, most: int = 50) -> list[Staff]:
    """A page of staff, newest first, those who were shut out too; the next one is `before` the last id."""
    return await people.named_staff(tx, await store.list_staff(tx, before=before, most=most))


async def password_of(tx: Tx, username: str) -> str | None:
    """The stored hash of a user name's password, for `verify_password` outside the transaction."""
    found = await store.staff_by_username(tx, username)
    return found[1] if found else None


async def staff_id_of(tx: Tx, username: str) -> UUID:
    """Whose a user name is. Refuses `staff_unknown`."""
    found = await store.staff_by_username(tx, username)
    if found is None:
        raise no.STAFF_UNKNOWN()
    return found[0].id


async def log_in(
    tx: Tx,
    username: str,
    *,
    password_is_right: bool,
    session_id: UUID,
    token: Token,
    at: datetime,
    code: str = "",
    needs_app: bool = False,
) -> Session | Refusal:
    """Lets a member of staff in, or says no: `login_locked`, `login_refused`. The no is returned, so that it is counted.

    Whoever has an authenticator app shows a code of it besides; who has passkeys alone comes in by one of them
    (`log_in_by_passkey`). Who needs a second factor and has none, or whose password the bank made, gets a session that may do no
    more than mend that; such a password lets in for a day. A wrong password and a wrong code are one answer and one count. After the fifth in a row a name is locked, for
    longer each time, whether it exists or not; what is right is refused during a lock too: else many guesses at once would each
    have had their answer.
    """
    guarded = tries.guarding(username)
    number = await tries.take(tx, guarded, at=at)
    if isinstance(number, tries.Shut):
        return no.LOGIN_LOCKED(retry_after_s=number.retry_after_s)
    found = await store.staff_by_username(tx, username)
    staff = found[0] if found else None
    app = await staff_app.check(tx, staff.id, code, at=at) if staff else None
    stored = await staff_store.staff_password(tx, staff.id) if staff else None
    is_shut = app is False or (stored is not None and stored.until is not None and stored.until <= at)
    if staff is not None and app is None and await staff_store.staff_passkeys(tx, staff.id):
        is_shut = True  # his passkey is the second factor, and a password alone would set up another one
    if not password_is_right or staff is None or staff.status != "active" or is_shut:
        if staff is not None:
            who = staff_principal(staff.id, staff.roles)
            await audit.record(tx, who, "staff.login_refused", staff.id, at=at, details={"failures": number})
        return no.LOGIN_REFUSED()
    await tries.forgive(tx, guarded)
    limited = (needs_app and app is None) or (stored is not None and stored.until is not None)
    await store.add_session(tx, session_id, staff.id, token, at, at + SESSION_LASTS, limited=limited)
    await audit.record(tx, staff_principal(staff.id, staff.roles), "staff.log_in", staff.id, at=at)
    return await _session(tx, session_id, staff, at + SESSION_LASTS, limited=limited)


async def log_in_by_passkey(
    tx: Tx,
    response: str,
    *,
    browser_hash: bytes,
    settings: Settings,
    session_id: UUID,
    token: Token,
    at: datetime,
) -> Session | Refusal:
    """Lets a member of staff in by a passkey alone: it shows the device, and that it is he. Answers as `shown_at_login`."""
    shown = await staff_passkeys.shown_at_login(tx, response, browser_hash=browser_hash, settings=settings, at=at)
    if isinstance(shown, Refusal):
        return shown
    who = (await store.staff(tx, [shown.staff_id]))[shown.staff_id]
    await store.add_session(tx, session_id, who.id, token, at, at + SESSION_LASTS, limited=False)
    details = {"passkey_id": str(shown.id)}
    await audit.record(tx, staff_principal(who.id, who.roles), "staff.log_in", who.id, at=at, details=details)
    return await _session(tx, session_id, who, at + SESSION_LASTS)


async def _session(tx: Tx, id: UUID, staff: Staff, expires_at: datetime, *, limited: bool = False) -> Session:
    (named,) = await people.named_staff(tx, [staff])
    return Session(id=id, staff=named, expires_at=expires_at, limited=limited)


async def let_in(tx: Tx, staff_id: UUID, *, session_id: UUID, token: Token, by: Principal, at: datetime) -> Session:
    """Opens a session for a member of staff whom somebody else vouches for: the door of a demo. Refuses `staff_unknown`."""
    staff = (await store.staff(tx, [staff_id])).get(staff_id)
    if staff is None or staff.status != "active":
        raise no.STAFF_UNKNOWN()
    expires_at = at + SESSION_LASTS
    await store.add_session(tx, session_id, staff.id, token, at, expires_at, limited=False)
    await audit.record(tx, by, "staff.let_in", staff.id, at=at)
    return await _session(tx, session_id, staff, expires_at)


async def log_out(tx: Tx, text: str, *, by: Principal, at: datetime) -> None:
    """Ends the session of a token; done within 2 s in every process. Nothing happens where it has ended."""
    if await store.end_session(tx, read_token(text).public_id, at):
        await audit.record(tx, by, "staff.log_out", by.id, at=at)


async def disable_staff(tx: Tx, staff_id: UUID, *, reason: str, by: Principal, at: datetime) -> Staff:
    """Shuts a member of staff out and ends every session. Refuses `not_yourself`, `staff_unknown`."""
    if by.id == staff_id:
        raise no.NOT_YOURSELF()
    staff = await store.lock_staff(tx, staff_id)
    if staff is None:
        raise no.STAFF_UNKNOWN()
    await store.end_sessions_of(tx, staff_id, at)
    if staff.status != "disabled":
        await store.set_staff_status(tx, staff_id, "disabled")
        await audit.record(tx, by, "staff.disable", staff_id, at=at, reason=reason)
    return (await find_staff(tx, [staff_id]))[staff_id]


async def enable_staff(
    tx: Tx, staff_id: UUID, *, reason: str, by: Principal, at: datetime, seconded: Approval | None = None
) -> None:
    """Lets somebody be a member of staff again, or for the first time; no password of before opens anything.

    Refuses `staff_unknown`, `staff_active`, and staff alone `takes_a_second_person`.
    """
    need_second(by, seconded)
    who = await store.lock_staff(tx, staff_id)
    if who is None:
        raise no.STAFF_UNKNOWN()
    if who.status == "active":
        raise no.STAFF_ACTIVE()
    await staff_store.set_staff_password(tx, staff_id, NO_PASSWORD, until=at, at=at)
    await store.set_staff_status(tx, staff_id, "active")
    await audit.record(tx, by, "staff.enable", staff_id, at=at, reason=reason)


async def set_roles(
    tx: Tx,
    staff_id: UUID,
    roles: frozenset[Role],
    *,
    reason: str,
    by: Principal,
    at: datetime,
    seconded: Approval | None = None,
) -> None:
    """What somebody may do, within two seconds in every process. Refuses `staff_unknown`, and staff alone `takes_a_second_person`."""
    need_second(by, seconded)
    who = await store.lock_staff(tx, staff_id)
    if who is None:
        raise no.STAFF_UNKNOWN()
    if who.roles == roles:
        return
    await staff_store.set_staff_roles(tx, staff_id, roles)
    details = {"from": sorted(who.roles), "to": sorted(roles)}
    await audit.record(tx, by, "staff.roles", staff_id, at=at, reason=reason, details=details)


async def hire(tx: Tx, new: NewStaff, *, by: Principal, at: datetime) -> Made[Staff]:
    """Writes down somebody who shall be a member of staff, shut out until two people have agreed. Refuses as `create_staff`."""
    made = await create_staff(tx, new, NO_PASSWORD, by=by, at=at)
    if not made.replayed:
        await store.set_staff_status(tx, new.id, "disabled")
    return Made((await find_staff(tx, [new.id]))[new.id], replayed=made.replayed)


async def forget_sessions(tx: Tx, *, before: datetime) -> int:
    """Housekeeping: drops sessions of staff and of visitors that ended, tries that were forgiven, codes and seeds that are over,
    before a moment; how many rows.

    Who logged in and when stays in the audit. `before` lies at least a day back, or running counts would be lost.
    """
    return sum(
        [
            await store.forget_visitor_sessions(tx, before),
            await store.forget_sessions(tx, before),
            await factor_store.forget_tries(tx, before),
            await factor_store.forget_codes(tx, before),
            await factor_store.forget_totp_offers(tx, before),
            await passkey_store.forget_passkey_offers(tx, before),
            await passkey_store.forget_passkey_logins(tx, before),
            await staff_store.forget_staff_passkey_offers(tx, before),
        ]
    )

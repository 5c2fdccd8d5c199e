"""How customers come in: telephone number and password, and a code where the browser is new.

A number that nobody has is tried, counted, compared and refused like one that somebody has: neither the answer nor the time
tells which it is. A browser is known by a cookie, of which the bank keeps a SHA-256; it changes whenever a code was right.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import device_store, registration_store, store
from tongbao.identity import refusals as no
from tongbao.identity.codes import check_code, new_code
from tongbao.identity.device_model import COOLS_OFF, Seen
from tongbao.identity.devices import know_device, tell_of_device
from tongbao.identity.factors import attempt, factors_of, settle_attempt
from tongbao.identity.model import (
    BROWSER_KNOWN,
    LOGIN_LASTS,
    CodePurpose,
    FactorKind,
    Guarded,
    PendingLogin,
    Token,
    VisitorKind,
    VisitorSession,
)
from tongbao.identity.people import own_details
from tongbao.identity.registration import customers_of_phone, himself
from tongbao.identity.sessions import open_session

NOTHING_SEEN: Final = Seen()


async def try_password(tx: Tx, phone: str, *, at: datetime) -> Guarded | Refusal:
    """Takes one try at the password of whoever has this number (E.164), or answers `factor_locked`.

    The edge commits, compares by `verify_password` outside of any transaction, and goes on with `log_in`.
    """
    return await attempt(tx, await _holder(tx, phone, at), FactorKind.PASSWORD, at=at)


async def _holder(tx: Tx, phone: str, at: datetime) -> UUID:
    """Whose password is asked for; for a number that nobody has an id that is made of it, so that tries are counted alike."""
    found = await customers_of_phone(tx, phone)
    if len(found) > 1:
        own = await factors_of(tx, found)
        found = [id_ for id_ in found if any(factor.kind is FactorKind.PASSWORD for factor in own[id_])]
    if len(found) == 1:
        return found[0]
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    return UUID(bytes=fingerprint[:16])


async def log_in(
    tx: Tx,
    guarded: Guarded,
    *,
    password_is_right: bool,
    phone: str,
    browser_hash: bytes,
    login_id: UUID,
    code_id: UUID,
    code: str,
    session_id: UUID,
    token: Token,
    at: datetime,
    seen: Seen = NOTHING_SEEN,
    lang: Lang = "zh",
) -> VisitorSession | PendingLogin | Refusal:
    """Lets a customer in; or, in a browser that he never confirmed, sends a code and waits for it; or says no.

    Answers `customer_login_refused`, and `code_too_soon` where his telephone was sent one a moment ago for something else.
    """
    wrong = await settle_attempt(tx, guarded, password_is_right, at=at, lang=lang)
    if wrong is not None:
        return no.CUSTOMER_LOGIN_REFUSED()
    customer_id = guarded.holder_id
    device_id = await device_store.device_seen(tx, customer_id, browser_hash, seen, at - BROWSER_KNOWN, at)
    if device_id is not None:
        return await _open(tx, customer_id, session_id, token, at, device_id)
    waiting = await registration_store.pending_login_of(tx, browser_hash, at - LOGIN_LASTS, customer_id)
    if waiting is not None:
        return waiting
    refusal = await _send_code(tx, customer_id, phone, code_id=code_id, code=code, at=at, lang=lang)
    if refusal is not None:
        return refusal
    await registration_store.begin_login(tx, login_id, customer_id, browser_hash, code_id, at)
    return PendingLogin(id=login_id, customer_id=customer_id, code_id=code_id, begun_at=at, ended_at=None)


async def _send_code(
    tx: Tx, customer_id: UUID, phone: str, *, code_id: UUID, code: str, at: datetime, lang: Lang
) -> Refusal | None:
    log_in = CodePurpose.LOGIN
    return await new_code(
        tx, id=code_id, purpose=log_in, subject_id=customer_id, phone=phone, code=code, at=at, lang=lang
    )


async def _open(
    tx: Tx, customer_id: UUID, session_id: UUID, token: Token, at: datetime, device_id: UUID
) -> VisitorSession:
    kind, by = VisitorKind.CUSTOMER, himself(customer_id)
    made: Any = {"session_id": session_id, "token": token, "device_id": device_id}
    return await open_session(tx, kind, customer_id, **made, by=by, at=at)


async def find_pending_login(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> PendingLogin:
    """The log-in that waits in this browser, or has ended well. Refuses `login_over`, for another browser's too."""
    return _still(await registration_store.pending_login(tx, id, browser_hash), at)


def _still(found: PendingLogin | None, at: datetime) -> PendingLogin:
    if found is None or (found.ended_at is None and found.begun_at + LOGIN_LASTS <= at):
        raise no.LOGIN_OVER()
    return found


async def waiting_login(tx: Tx, browser_hash: bytes, *, at: datetime) -> UUID | None:
    """What this browser may go on with."""
    found = await registration_store.pending_login_of(tx, browser_hash, at - LOGIN_LASTS)
    return found.id if found else None


async def send_login_code_again(
    tx: Tx, id: UUID, *, browser_hash: bytes, code_id: UUID, code: str, at: datetime, lang: Lang = "zh"
) -> None:
    """Another code, in place of the one before; under the same `code_id` it does nothing. Refuses `login_over`, `code_too_soon`."""
    found = _still(await registration_store.lock_pending_login(tx, id, browser_hash), at)
    if found.ended_at is not None or found.code_id == code_id:
        return
    customer = (await store.customers(tx, [found.customer_id]))[found.customer_id]
    number = (await own_details(tx, customer, by=himself(customer.id))).phone
    if number is None:
        raise no.LOGIN_OVER()
    refusal = await _send_code(tx, customer.id, number, code_id=code_id, code=code, at=at, lang=lang)
    if refusal is not None:
        raise refusal
    await registration_store.pending_login_code(tx, id, code_id)


async def confirm_login(
    tx: Tx,
    id: UUID,
    code: str,
    *,
    browser_hash: bytes,
    new_browser_hash: bytes,
    session_id: UUID,
    token: Token,
    at: datetime,
    seen: Seen = NOTHING_SEEN,
    cool_off: timedelta = COOLS_OFF,
    lang: Lang = "zh",
) -> VisitorSession | Refusal | None:
    """The code: lets the customer in, knows the browser from now on, trusts it after `cool_off`, and tells him. None where this log-in has ended well already.

    Answers as `check_code`, not raised, so that it is counted. Refuses `login_over`.
    """
    found = _still(await registration_store.lock_pending_login(tx, id, browser_hash), at)
    if found.ended_at is not None:
        return None
    login = CodePurpose.LOGIN
    checked = await check_code(tx, found.code_id, code, purpose=login, at=at, subject_id=found.customer_id)
    if isinstance(checked, Refusal):
        return checked
    await registration_store.end_pending_login(tx, id, at)
    await tell_of_device(tx, found.customer_id, "new", seen.name, lang=lang, at=at)
    return await enter_known(
        tx,
        found.customer_id,
        browser_hash=browser_hash,
        new_browser_hash=new_browser_hash,
        session_id=session_id,
        token=token,
        at=at,
        seen=seen,
        cool_off=cool_off,
    )


async def enter_known(
    tx: Tx,
    customer_id: UUID,
    *,
    browser_hash: bytes,
    new_browser_hash: bytes,
    session_id: UUID,
    token: Token,
    at: datetime,
    seen: Seen = NOTHING_SEEN,
    cool_off: timedelta = COOLS_OFF,
) -> VisitorSession:
    """Lets somebody in who has just read a code on his telephone, in a browser that is known from now on by a new cookie.

    A new one: what somebody else may have put there before never becomes known.
    """
    await registration_store.move_registrations(tx, browser_hash, new_browser_hash)
    await device_store.move_device(tx, browser_hash, new_browser_hash)
    device_id = await know_device(tx, customer_id, new_browser_hash, seen=seen, trusted_from=at + cool_off, at=at)
    return await _open(tx, customer_id, session_id, token, at, device_id)

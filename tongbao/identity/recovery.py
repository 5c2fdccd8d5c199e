"""Whoever has lost his password regains access: identity number and a code, a time to wait, then a new password.

The waiting is for the owner, who is told at its start and end and can stop it in his own session. What nobody is known by goes the
same way as what somebody is known by, but for the code, which nobody is sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang, moment
from tongbao.identity import recovery_store, store, tries, verification_store
from tongbao.identity import refusals as no
from tongbao.identity.codes import check_code, new_code
from tongbao.identity.devices import log_out_everywhere
from tongbao.identity.factors import set_password
from tongbao.identity.model import CodePurpose
from tongbao.identity.recovery_model import CAUTION, CODE_LASTS, RIPE_LASTS, WAITS, Recovery, RecoveryStep
from tongbao.identity.registration import customers_of_phone, himself
from tongbao.identity.tell import tell_customer
from tongbao.identity.verification import id_number_of
from tongbao.web import i18n

_KEPT: Final = timedelta(days=30)
_REASON: Final = "access regained with a new password"

NOBODY, BEGUN, RIPE, CANCELLED, DONE = RECOVERY_MESSAGES = (
    "Somebody asked to regain access to an account with this telephone number and an identity number that does not "
    "belong to it. Nothing was changed. If it was you, check both or come to a branch with your identity card.",
    "Somebody asked to set a new password for your account. It can be set from %(moment)s on. If it was not you, log in, "
    "stop it on the page Safety, and tell the bank at once.",
    "A new password can now be set for your account in the browser where it was asked for. If it was not you, log in, "
    "stop it on the page Safety, and tell the bank at once.",
    "The request to set a new password for your account was stopped.",
    "A new password was set for your account and you were logged out everywhere. Until %(moment)s you can pay less "
    "than usual. If it was not you, tell the bank at once.",
)
"""What a customer is told while access to his account is regained."""


async def begin_recovery(
    tx: Tx,
    id: UUID,
    form_id: UUID,
    phone: str,
    id_number: str,
    *,
    browser_hash: bytes,
    code_id: UUID,
    code: str,
    at: datetime,
    lang: Lang = "zh",
) -> UUID | Refusal:
    """Sends a code to the number (E.164) if it and the identity number are of one customer; the recovery's id either way.

    One try of this telephone number, taken before anything is looked up: five, then one after each wait; answers `factor_locked`
    and `code_too_soon`, which are returned, so that the try is counted. Refuses `id_number_malformed` and, where another browser
    sent this form, `recovery_over`.
    """
    number = id_number_of(id_number)
    before = await _of_form(tx, form_id, browser_hash)
    if before is not None:
        return before
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    taken = await tries.take(tx, _guarding(fingerprint), at=at)
    if isinstance(taken, tries.Shut):
        return no.FACTOR_LOCKED(retry_after_s=taken.retry_after_s)
    # Whoever sent the form twice at once waited at the count for the other one, which has begun it.
    before = await _of_form(tx, form_id, browser_hash)
    if before is not None:
        return before
    customer_id = await _whose(tx, phone, number)
    refusal = await new_code(
        tx,
        id=code_id,
        purpose=CodePurpose.RECOVER,
        subject_id=id,
        phone=phone,
        code=code,
        at=at,
        lang=lang,
        instead=None if customer_id else i18n.say(NOBODY, lang),
    )
    if refusal is not None:
        return refusal
    made = await recovery_store.add_recovery(
        tx, id, form_id, customer_id, browser_hash=browser_hash, code_id=code_id, lang=lang, at=at
    )
    assert made, "the form was looked for behind the lock"
    return id


async def _of_form(tx: Tx, form_id: UUID, browser_hash: bytes) -> UUID | None:
    before = await recovery_store.recovery_of_form(tx, form_id, browser_hash)
    if before is not None and not before[1]:
        raise no.RECOVERY_OVER()
    return before[0] if before else None


def _guarding(phone_fingerprint: bytes) -> bytes:
    return tries.guarding("recover", phone_fingerprint.hex())


async def _whose(tx: Tx, phone: str, id_number: str) -> UUID | None:
    """The one customer who has both."""
    named = await vault.find(tx, vault.Kind.ID_NUMBER, id_number)
    of_phone = await customers_of_phone(tx, phone)
    found = set(of_phone) & set(await verification_store.identified(tx, set(named)))
    return found.pop() if len(found) == 1 else None


async def find_recovery(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> Recovery:
    """How far this browser's recovery has come. Refuses `recovery_over`, for another browser's too."""
    return _still(await recovery_store.recovery(tx, id, browser_hash), at)


def _still(found: Recovery | None, at: datetime) -> Recovery:
    if found is None or found.step(at) is RecoveryStep.OVER:
        raise no.RECOVERY_OVER()
    return found


async def waiting_recovery(tx: Tx, browser_hash: bytes, *, waits: timedelta = WAITS, at: datetime) -> UUID | None:
    """What this browser may go on with."""
    return await recovery_store.recovery_of_browser(tx, browser_hash, at - CODE_LASTS - waits - RIPE_LASTS)


async def confirm_recovery(
    tx: Tx,
    id: UUID,
    code: str,
    *,
    browser_hash: bytes,
    zone: ZoneInfo,
    waits: timedelta = WAITS,
    at: datetime,
    lang: Lang = "zh",
) -> Refusal | None:
    """The code: the waiting begins, and the owner is told. A wrong one is answered as by `check_code`, so that it is counted.

    Refuses `recovery_over`. Once confirmed, any code does. An older recovery of the same customer is over by this one.
    """
    found = _still(await recovery_store.lock_recovery(tx, id, browser_hash), at)
    if found.confirmed_at is not None:
        return None
    checked = await check_code(tx, found.code_id, code, purpose=CodePurpose.RECOVER, at=at, subject_id=id)
    if isinstance(checked, Refusal):
        return checked
    ripe_at = at + waits
    if found.customer_id is None:
        await recovery_store.confirm_recovery(tx, id, at, ripe_at)
        return None
    customer_id = found.customer_id
    await store.lock_customer(tx, customer_id)
    await tries.forgive(tx, _guarding(checked.phone_fingerprint))
    await recovery_store.end_recoveries_of(tx, customer_id, "replaced", at)
    await recovery_store.confirm_recovery(tx, id, at, ripe_at)
    details = {"recovery_id": str(id), "ripe_at": ripe_at.isoformat()}
    await audit.record(tx, himself(customer_id), "recovery.begin", customer_id, at=at, details=details)
    text = i18n.say(BEGUN, lang, moment=moment(ripe_at, zone, lang))
    await tell_customer(tx, customer_id, text, about="recovery begun", at=at)
    return None


async def complete_recovery(
    tx: Tx,
    id: UUID,
    password_hash: str,
    *,
    browser_hash: bytes,
    zone: ZoneInfo,
    caution: timedelta = CAUTION,
    at: datetime,
    lang: Lang = "zh",
) -> None:
    """Sets the new password, ends every session, forgets every device, and bounds what is paid for `caution`.

    Refuses `recovery_over`, `recovery_waits`, and as `set_password`. Done before, it does nothing.
    """
    found = _still(await recovery_store.lock_recovery(tx, id, browser_hash), at)
    step = found.step(at)
    if step is RecoveryStep.DONE:
        return
    if step is not RecoveryStep.RIPE:
        raise no.RECOVERY_WAITS()
    if found.customer_id is None:
        raise no.RECOVERY_OVER()
    customer_id, by = found.customer_id, himself(found.customer_id)
    await recovery_store.end_recovery(tx, id, at)
    await set_password(tx, customer_id, password_hash, by=by, at=at, lang=lang)
    await log_out_everywhere(tx, customer_id, reason=_REASON, by=by, at=at, lang=lang)
    until = at + caution
    if caution > timedelta(0):
        await recovery_store.be_cautious(tx, customer_id, until)
    details = {"recovery_id": str(id), "cautious_until": until.isoformat()}
    await audit.record(tx, by, "recovery.complete", customer_id, at=at, details=details)
    text = i18n.say(DONE, lang, moment=moment(until, zone, lang))
    await tell_customer(tx, customer_id, text, about="recovery done", at=at)


async def open_recovery(tx: Tx, customer_id: UUID, *, at: datetime) -> Recovery | None:
    """What somebody has begun in this customer's name and its owner may stop."""
    return await recovery_store.open_recovery(tx, customer_id, at - RIPE_LASTS)


async def cautious_until(tx: Tx, customer_id: UUID) -> datetime | None:
    """Until when a customer who has regained access pays less than usual; None where he pays as ever."""
    return await recovery_store.cautious_until(tx, customer_id)


async def cancel_recovery(tx: Tx, customer_id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh") -> bool:
    """The owner stops it, whoever began it; whether there was one."""
    ended = await recovery_store.end_recoveries_of(tx, customer_id, "cancelled", at)
    for id_ in ended:
        await audit.record(tx, by, "recovery.cancel", customer_id, at=at, details={"recovery_id": str(id_)})
    if ended:
        text = i18n.say(CANCELLED, lang)
        await tell_customer(tx, customer_id, text, about="recovery cancelled", at=at)
    return bool(ended)


async def tell_ripe(tx: Tx, *, at: datetime, most: int = 50) -> int:
    """Housekeeping: tells whoever's waiting is over; how many."""
    ripe = await recovery_store.take_ripe(tx, at, most)
    for customer_id, lang in ripe:
        text = i18n.say(RIPE, lang)
        await tell_customer(tx, customer_id, text, about="recovery ripe", at=at)
    return len(ripe)


async def end_caution(tx: Tx, *, at: datetime) -> int:
    """Housekeeping: whoever has been cautious long enough pays as before; how many."""
    return await recovery_store.end_caution(tx, at)


async def forget_recoveries(tx: Tx, *, at: datetime, most: int = 50) -> int:
    """Housekeeping: of a recovery a month ago nothing is known any more; how many there were."""
    ids = await recovery_store.old_recoveries(tx, at - _KEPT, most)
    for id_ in ids:
        await vault.erase(tx, id_, by=SYSTEM, reason="the recovery is long over", at=at)
    return await recovery_store.forget_recoveries(tx, ids) if ids else 0

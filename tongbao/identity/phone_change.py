"""Another telephone number: by the customer himself, or by a clerk who has seen him and a second person (`phone_change_staff.py`).

By himself: his password, a code to the new number, then a time to wait, of which the old number is told and in which he can stop it in
any session. Who has shown an app or a passkey as well, and not one that was set up a moment ago, waits for nothing. Where the new
number is somebody else's, all goes the same way but for the code, which nobody is sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang, moment
from tongbao.identity import (
    erase_store,
    factor_store,
    passkey_store,
    phone_change_store,
    recovery_store,
    store,
    tries,
    verification_store,
)
from tongbao.identity import refusals as no
from tongbao.identity.codes import check_code, new_code
from tongbao.identity.devices import log_out_everywhere
from tongbao.identity.factors import must_be_open, set_sms
from tongbao.identity.model import CodePurpose, FactorKind, Guarded
from tongbao.identity.passkey_model import OFFER_LASTS
from tongbao.identity.people import own_details
from tongbao.identity.phone_change_model import PhoneChange, PhoneStep
from tongbao.identity.recovery_model import CAUTION, WAITS
from tongbao.identity.registration import customers_of_phone, himself, hold_number
from tongbao.identity.tell import send, telephone_of, tell_customer
from tongbao.identity.totp import check_totp
from tongbao.web import i18n

_KEPT: Final = timedelta(days=30)
_STALE_AFTER: Final = timedelta(days=1)
_REASON: Final = "another telephone number"

KNOWN, BEGUN, OLD_DONE, NEW_DONE, CAUTIOUS, CANCELLED = PHONE_MESSAGES = (
    "Somebody wanted to make this the telephone number of another account. Nothing was changed: it is a customer's already. "
    "If it was you, come to a branch with your identity card.",
    "Somebody asked to give your account another telephone number. It holds from %(moment)s on. If it was not you, log in, stop "
    "it on the page Safety, and tell the bank at once.",
    "Your account has another telephone number now, and this one is yours at the bank no more. If it was not you, tell the bank "
    "at once.",
    "This is the telephone number of your account now. You were logged out everywhere. If it was not you, tell the bank at once.",
    "This is the telephone number of your account now. You were logged out everywhere, and for %(days)s days you can pay less than "
    "usual. If it was not you, tell the bank at once.",
    "The telephone number of your account was not changed: what was asked for is stopped.",
)
"""What is said to the old number and to the new one."""


async def begin_phone_change(
    tx: Tx,
    id: UUID,
    form_id: UUID,
    customer_id: UUID,
    phone: str,
    *,
    browser_hash: bytes,
    code_id: UUID,
    code: str,
    by: Principal,
    at: datetime,
    lang: Lang = "zh",
) -> UUID | Refusal:
    """Sends a code to the new number (E.164), unless it is another customer's; the change's id either way.

    The caller has seen the customer's password. Answers `factor_locked` after five changes that were not brought to an end, and
    `code_too_soon`; returned, so that it is counted. Refuses `phone_same`, `customer_unknown`, `customer_closed`, and
    `phone_change_over` where another browser sent this form.
    """
    await must_be_open(tx, customer_id, by)
    before = await phone_change_store.phone_change_of_form(tx, form_id, browser_hash)
    if before is not None:
        if not before[1]:
            raise no.PHONE_CHANGE_OVER()
        return before[0]
    customer = (await store.customers(tx, [customer_id]))[customer_id]
    if (await own_details(tx, customer, by=himself(customer_id))).phone == phone:
        raise no.PHONE_SAME(field="new_phone")
    taken = await tries.take(tx, _guarding(customer_id), at=at)
    if isinstance(taken, tries.Shut):
        return no.FACTOR_LOCKED(retry_after_s=taken.retry_after_s)
    is_free = not set(await customers_of_phone(tx, phone)) - {customer_id}
    sent: Any = {"id": code_id, "purpose": CodePurpose.PHONE, "subject_id": customer_id, "phone": phone, "code": code}
    refusal = await new_code(tx, **sent, at=at, lang=lang, instead=None if is_free else i18n.say(KNOWN, lang))
    if refusal is not None:
        return refusal
    sealed = await vault.seal(tx, customer_id, phone.encode(), bound=bound(id), at=at)
    made: Any = {"browser_hash": browser_hash, "code_id": code_id, "sealed": sealed, "is_strong": False, "lang": lang}
    added = await phone_change_store.add_phone_change(tx, id, form_id, customer_id, **made, at=at)
    assert added, "the form was looked for behind the customer's lock"
    return id


def bound(id: UUID) -> str:
    return f"identity.phone_change {id}"


def _guarding(customer_id: UUID) -> bytes:
    return tries.guarding("phone change", customer_id.hex)


async def owner_of(tx: Tx, guarded: Guarded, *, password_is_right: bool, phone: str, id_number: str) -> UUID | None:
    """Whose try at the password it was (`try_password`), where identity number and telephone are his as well; else None.

    The caller settles the try as right only where this finds somebody: a wrong identity number is a wrong try.
    """
    found = set(await vault.find(tx, vault.Kind.ID_NUMBER, id_number)) & set(await customers_of_phone(tx, phone))
    known = await verification_store.identified(tx, found)
    return guarded.holder_id if password_is_right and guarded.holder_id in known else None


async def find_phone_change(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> PhoneChange:
    """How far this browser's change has come. Refuses `phone_change_over`, for another browser's too."""
    return _still(await phone_change_store.phone_change(tx, id, browser_hash), at)


def _still(found: PhoneChange | None, at: datetime) -> PhoneChange:
    if found is None or found.step(at) is PhoneStep.OVER:
        raise no.PHONE_CHANGE_OVER()
    return found


async def open_phone_change(tx: Tx, customer_id: UUID) -> PhoneChange | None:
    """What waits for this customer and its owner may stop."""
    return await phone_change_store.open_phone_change(tx, customer_id)


async def show_app(
    tx: Tx, customer_id: UUID, code: str, *, waits: timedelta = WAITS, at: datetime, lang: Lang = "zh"
) -> bool | Refusal:
    """Whether a code of his app counts as strong: it is right, and the app has been there for as long as one would wait.

    Answers as `check_totp`, returned, so that it is counted.
    """
    found = await factor_store.factor(tx, customer_id, FactorKind.TOTP)
    wrong = await check_totp(tx, customer_id, code, at=at, lang=lang)
    if wrong is not None:
        return wrong
    assert found is not None
    return found[1] + waits <= at


async def take_challenge(tx: Tx, place: bytes, *, at: datetime) -> bytes | None:
    """What a passkey was to sign, once and within ten minutes."""
    taken = await passkey_store.take_passkey_login(tx, place)
    return taken[0] if taken is not None and taken[1] > at - OFFER_LASTS else None


async def strengthen(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> None:
    """More than the password was shown: the change need not wait. Refuses `phone_change_over`; of one that waits already, too."""
    found = _still(await phone_change_store.lock_phone_change(tx, id, browser_hash), at)
    if found.step(at) is not PhoneStep.BEGUN:
        raise no.PHONE_CHANGE_OVER()
    await phone_change_store.strengthen_phone_change(tx, id)


async def confirm_phone_change(
    tx: Tx,
    id: UUID,
    code: str,
    *,
    browser_hash: bytes,
    zone: ZoneInfo,
    waits: timedelta = WAITS,
    caution: timedelta = CAUTION,
    at: datetime,
    lang: Lang = "zh",
) -> Refusal | None:
    """The code from the new number: it holds now, where enough was shown, or after `waits`, and the old number is told.

    A wrong one is answered as by `check_code`, so that it is counted. Refuses `phone_change_over`. Once confirmed, any code does.
    """
    found = _still(await phone_change_store.lock_phone_change(tx, id, browser_hash), at)
    if found.confirmed_at is not None:
        return None
    customer_id = found.customer_id
    phone_code = CodePurpose.PHONE
    checked = await check_code(tx, found.code_id, code, purpose=phone_code, at=at, subject_id=customer_id)
    if isinstance(checked, Refusal):
        return checked
    ripe_at = at if found.is_strong else at + waits
    await store.lock_customer(tx, customer_id)
    await tries.forgive(tx, _guarding(customer_id))
    await phone_change_store.end_phone_changes_of(tx, customer_id, "replaced", at)
    await phone_change_store.confirm_phone_change(tx, id, at, ripe_at)
    details = {"phone_change_id": str(id), "ripe_at": ripe_at.isoformat(), "strong": found.is_strong}
    await audit.record(tx, himself(customer_id), "phone.begin", customer_id, at=at, details=details)
    if ripe_at <= at:
        await complete_phone_change(tx, id, caution=caution, at=at)
        return None
    text = i18n.say(BEGUN, lang, moment=moment(ripe_at, zone, lang))
    await tell_customer(tx, customer_id, text, about="phone change begun", at=at)
    return None


async def complete_phone_change(tx: Tx, id: UUID, *, caution: timedelta = CAUTION, at: datetime) -> bool:
    """The waiting is over: the new number holds, unless the password by which it was asked for is no more, or the number has become
    another customer's. Whether it holds by this.
    """
    found = await phone_change_store.lock_phone_change(tx, id, None)
    if found is None or found.outcome is not None or found.ripe_at is None or found.ripe_at > at:
        return False
    customer_id, lang, by = found.customer_id, cast("Lang", found.lang), himself(found.customer_id)
    assert found.sealed is not None
    phone = (await vault.open_sealed(tx, customer_id, found.sealed, bound=bound(id))).decode()
    password = await factor_store.factor(tx, customer_id, FactorKind.PASSWORD)
    try:
        if password is not None and password[1] > found.begun_at and not found.is_strong:
            raise no.PHONE_CHANGE_OVER()
        await write_phone(tx, customer_id, phone, by=by, reason=_REASON, caution=caution, at=at, lang=lang)
    except Refusal:
        await phone_change_store.end_phone_change(tx, id, "cancelled", at)
        await _cancelled(tx, customer_id, id, by=by, at=at, lang=lang)
        return False
    await phone_change_store.end_phone_change(tx, id, "done", at)
    return True


async def write_phone(
    tx: Tx,
    customer_id: UUID,
    phone: str,
    *,
    by: Principal,
    reason: str,
    caution: timedelta = CAUTION,
    details: dict[str, str] | None = None,
    at: datetime,
    lang: Lang = "zh",
) -> None:
    """Another number (E.164) from now on: both are told, every session ends, what the old one was asked for is over, and less is paid
    for `caution`. Refuses `customer_unknown`, `customer_closed`, `phone_of_another`, before anything is written.
    """
    await must_be_open(tx, customer_id, by)
    await hold_number(tx, phone)
    if set(await customers_of_phone(tx, phone)) - {customer_id}:
        raise no.PHONE_OF_ANOTHER(field="phone")
    old = await telephone_of(tx, customer_id, reason="notice of another telephone number", at=at)
    if old is not None:
        about: Any = {"kind": "security", "expires_at": at + _STALE_AFTER, "at": at}
        message_id = derived(customer_id, f"phone left {at.isoformat()}")
        await send(tx, message_id, customer_id, old, i18n.say(OLD_DONE, lang), **about)
    await erase_store.correct_phone(tx, customer_id, phone)
    await vault.keep(tx, [vault.Datum(subject_id=customer_id, kind=vault.Kind.PHONE, text=phone)], at=at)
    await _end_what_the_old_one_began(tx, customer_id, by=by, at=at)
    await log_out_everywhere(tx, customer_id, reason=reason, by=by, at=at, lang=lang)
    days = caution.days
    if days > 0:
        await recovery_store.be_cautious(tx, customer_id, at + caution)
    said = {"cautious_until": (at + caution).isoformat(), **(details or {})}
    await audit.record(tx, by, "phone.change", customer_id, at=at, reason=reason, details=said)
    text = i18n.say(CAUTIOUS, lang, days=days) if days > 0 else i18n.say(NEW_DONE, lang)
    await tell_customer(tx, customer_id, text, about="phone changed", at=at)


async def _end_what_the_old_one_began(tx: Tx, customer_id: UUID, *, by: Principal, at: datetime) -> None:
    """Codes that lie on the old telephone are good no more, nor is access regained by one; codes by SMS count as a new proof."""
    if await factor_store.factor(tx, customer_id, FactorKind.SMS) is not None:
        await set_sms(tx, customer_id, by=by, at=at)
    for purpose in (CodePurpose.LOGIN, CodePurpose.PAY):
        await factor_store.end_codes(tx, customer_id, purpose, at)
    for id_ in await recovery_store.end_recoveries_of(tx, customer_id, "cancelled", at):
        await audit.record(tx, by, "recovery.cancel", customer_id, at=at, details={"recovery_id": str(id_)})


async def cancel_phone_change(tx: Tx, customer_id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh") -> bool:
    """The owner stops it, whoever began it; whether there was one."""
    ended = await phone_change_store.end_phone_changes_of(tx, customer_id, "cancelled", at)
    for id_ in ended:
        await _cancelled(tx, customer_id, id_, by=by, at=at, lang=lang)
    return bool(ended)


async def _cancelled(tx: Tx, customer_id: UUID, id: UUID, *, by: Principal, at: datetime, lang: Lang) -> None:
    await audit.record(tx, by, "phone.cancel", customer_id, at=at, details={"phone_change_id": str(id)})
    await tell_customer(tx, customer_id, i18n.say(CANCELLED, lang), about="phone change cancelled", at=at)


async def ripe_phone_changes(tx: Tx, *, at: datetime, most: int = 50) -> list[UUID]:
    """Housekeeping: whose waiting is over, for `complete_phone_change`, each in a transaction of its own."""
    return await phone_change_store.ripe_phone_changes(tx, at, most)


async def forget_phone_changes(tx: Tx, *, at: datetime) -> int:
    """Housekeeping: of a change a month ago nothing is known any more; how many there were."""
    return await phone_change_store.forget_phone_changes(tx, at - _KEPT)

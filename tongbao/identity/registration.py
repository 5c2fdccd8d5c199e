"""Become a customer by oneself: a telephone number, the code that it is sent, then name, identity number and a password.

Whoever types somebody else's number learns nothing: the pages, the answers and the time are those of an unknown one, and its owner is
told by a message that he is a customer already. Only the browser that began goes on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import device_store, registration_store, store, verification_store
from tongbao.identity import refusals as no
from tongbao.identity.accounts import open_accounts
from tongbao.identity.codes import check_code, new_code
from tongbao.identity.customers import find_customers, register_customers
from tongbao.identity.factors import set_password, set_sms
from tongbao.identity.model import (
    REGISTRATION_FORMS,
    REGISTRATION_LASTS,
    CodePurpose,
    CustomerKind,
    NewAccount,
    NewCustomer,
    Registration,
    RegistrationDay,
    RegistrationStep,
    RegistrationSteps,
)
from tongbao.identity.people import details_of
from tongbao.identity.tell import send
from tongbao.identity.verification import ask_verification, id_number_of
from tongbao.web import i18n

NUMBER_KNOWN, IDENTITY_TRIED = OWNER_MESSAGES = (
    "Somebody asked to open an account with this number, which is a customer's already. If it was you, log in with it and "
    "your password. If not, there is nothing to do: nobody got a code.",
    "Somebody tried to open an account with your identity number. It was refused. If it was not you, tell the bank.",
)
"""What a customer is told when somebody else comes with his telephone number or his identity number."""
_FORGOTTEN_AFTER: Final = timedelta(days=1)
_COUNTED_FOR: Final = timedelta(days=400)
_TOLD_FOR: Final = timedelta(days=1)
_MOST_OF_A_PHONE: Final = 20
_NAME: Final = re.compile(r"[^\W\d_]+(?:[ ·.'’-]+[^\W\d_]+)*\.?")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody types on the last screen; the password is hashed outside of any transaction."""

    name: str
    id_number: str
    password_hash: str

    def __repr__(self) -> str:
        return "Wish()"


def himself(customer_id: UUID) -> Principal:
    """A customer who acts for himself, before he has a session."""
    return Principal(id=customer_id, kind=PrincipalKind.CUSTOMER, subject_id=customer_id)


def read_name(typed: str) -> str:
    """A person's name in one spelling: letters of any script, 2 to 50 of them. Refuses `person_name_malformed`."""
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    letters = "".join(c for c in name if not unicodedata.category(c).startswith("M"))
    if not 2 <= len(name) <= 50 or not _NAME.fullmatch(letters):
        raise no.PERSON_NAME_MALFORMED(field="name")
    return name


async def customers_of_phone(tx: Tx, phone: str) -> list[UUID]:
    """Customers with this number (E.164) who have not left; the bank's own systems may have written one down for several."""
    # The rows before the vault: whoever is moved there in between is found there.
    clear = await store.customers_called(tx, name=None, phone=phone, most=_MOST_OF_A_PHONE)
    sealed = await vault.find(tx, vault.Kind.PHONE, phone)
    return await registration_store.customers_by_phone(tx, {*clear, *sealed}, phone)


async def hold_number(tx: Tx, phone: str) -> None:
    """Of two who would have one number (E.164) at one moment the second waits here for the first, and finds it taken."""
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    await verification_store.hold_identity_number(tx, fingerprint)


async def begin_registration(
    tx: Tx,
    id: UUID,
    form_id: UUID,
    phone: str,
    *,
    browser_hash: bytes,
    code_id: UUID,
    code: str,
    opened_at: datetime,
    at: datetime,
    lang: Lang = "zh",
) -> UUID:
    """The first step: sends a code to the number (E.164); the registration's id, which is `id` unless this form began one before.

    `form_id`: one and the same for a form that is sent twice, and no other number's. `opened_at`: when its page was opened, for
    the count of seconds. Refuses `code_too_soon` for any number, `registration_over` where another browser sent this form.
    """
    before = await registration_store.registration_of_form(tx, form_id)
    if before is not None:
        return (await _of_browser(tx, before, browser_hash, at)).id
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    sealed = await vault.seal(tx, id, phone.encode(), bound=_bound(id), at=at)
    begun = await registration_store.begin_registration(
        tx,
        id,
        form_id,
        fingerprint=fingerprint,
        sealed=sealed,
        browser_hash=browser_hash,
        code_id=code_id,
        opened_at=opened_at,
        at=at,
    )
    if not begun:
        await vault.erase(tx, id, by=SYSTEM, reason="the same form came twice at once", at=at)
        before = await registration_store.registration_of_form(tx, form_id)
        assert before is not None, "who came first has committed"
        return (await _of_browser(tx, before, browser_hash, at)).id
    refusal = await _send_code(tx, id, phone, code_id=code_id, code=code, at=at, lang=lang)
    if refusal is not None:
        raise refusal
    return id


async def _send_code(
    tx: Tx, id: UUID, phone: str, *, code_id: UUID, code: str, at: datetime, lang: Lang
) -> Refusal | None:
    """To a customer's number goes a message without the code: it never becomes right, whoever waits for it."""
    known = await customers_of_phone(tx, phone)
    said = i18n.say(NUMBER_KNOWN, lang)
    register = CodePurpose.REGISTER
    return await new_code(
        tx,
        id=code_id,
        purpose=register,
        subject_id=id,
        phone=phone,
        code=code,
        at=at,
        lang=lang,
        instead=said if known else None,
    )


async def find_registration(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> Registration:
    """How far this browser's registration has come. Refuses `registration_over`, for another browser's too."""
    return await _of_browser(tx, id, browser_hash, at)


async def _of_browser(tx: Tx, id: UUID, browser_hash: bytes, at: datetime, *, lock: bool = False) -> Registration:
    look = registration_store.lock_registration if lock else registration_store.registration
    found = await look(tx, id, browser_hash)
    if found is None or found.step is RegistrationStep.FORGOTTEN:
        raise no.REGISTRATION_OVER()
    if found.step is not RegistrationStep.COMPLETED and _is_over(found, at):
        raise no.REGISTRATION_OVER()
    return found


def _is_over(found: Registration, at: datetime) -> bool:
    return found.begun_at + REGISTRATION_LASTS <= at or found.forms >= REGISTRATION_FORMS


async def unfinished_registration(tx: Tx, browser_hash: bytes, *, at: datetime) -> UUID | None:
    """What this browser began and may go on with."""
    return await registration_store.unfinished_registration(tx, browser_hash, at - REGISTRATION_LASTS)


async def phone_of_registration(tx: Tx, registration: Registration) -> str | None:
    """The number, for the browser that typed it; None once he is a customer."""
    if registration.phone_sealed is None:
        return None
    return (
        await vault.open_sealed(tx, registration.id, registration.phone_sealed, bound=_bound(registration.id))
    ).decode()


async def send_code_again(
    tx: Tx, id: UUID, *, browser_hash: bytes, code_id: UUID, code: str, at: datetime, lang: Lang = "zh"
) -> None:
    """Another code, in place of the one before. Once confirmed, and under the same `code_id`, it does nothing.

    Refuses `registration_over`, `code_too_soon`.
    """
    found = await _of_browser(tx, id, browser_hash, at, lock=True)
    if found.step is not RegistrationStep.BEGUN or found.code_id == code_id:
        return
    phone = await phone_of_registration(tx, found)
    assert phone is not None, "a registration that has begun keeps its number"
    refusal = await _send_code(tx, id, phone, code_id=code_id, code=code, at=at, lang=lang)
    if refusal is not None:
        raise refusal
    await registration_store.registration_form(tx, id, code_id=code_id)


async def confirm_phone(tx: Tx, id: UUID, code: str, *, browser_hash: bytes, at: datetime) -> Refusal | None:
    """The second step: the code from the message. A wrong one is answered, not raised, so that it is counted.

    Answers as `check_code`. Refuses `registration_over`. Once confirmed, any code does.
    """
    found = await _of_browser(tx, id, browser_hash, at, lock=True)
    if found.step is not RegistrationStep.BEGUN:
        return None
    checked = await check_code(tx, found.code_id, code, purpose=CodePurpose.REGISTER, at=at, subject_id=id)
    if isinstance(checked, Refusal):
        await registration_store.registration_form(tx, id)
        return checked
    await registration_store.registration_form(tx, id, confirmed_at=at)
    return None


async def count_form(tx: Tx, id: UUID, *, browser_hash: bytes, at: datetime) -> Registration:
    """The last screen was sent: counted before anything of it is looked at, so that nobody tries identities without end.

    Refuses `registration_over`, `phone_not_confirmed`.
    """
    found = await _of_browser(tx, id, browser_hash, at, lock=True)
    if found.step is RegistrationStep.BEGUN:
        raise no.PHONE_NOT_CONFIRMED()
    if found.step is RegistrationStep.CONFIRMED:
        await registration_store.registration_form(tx, id)
    return found


async def complete_registration(
    tx: Tx, id: UUID, wish: Wish, *, browser_hash: bytes, currency: str, bank_code: str, at: datetime, lang: Lang = "zh"
) -> bool:
    """The last step: a customer of level 0, an account, a password, and the question who he is. Whether it was done just now.

    Refuses `registration_over`, `phone_not_confirmed`, `person_name_malformed`, `id_number_malformed`, `phone_taken`, and
    `identity_unusable` where somebody else is known by this identity number.
    """
    name, id_number = read_name(wish.name), id_number_of(wish.id_number)
    found = await _of_browser(tx, id, browser_hash, at)
    if found.phone_fingerprint is not None:
        # Of two registrations with one number the second waits here, and finds the first to be a customer.
        await registration_store.lock_registrations_of_phone(tx, found.phone_fingerprint)
        found = await _of_browser(tx, id, browser_hash, at)
    if found.step is RegistrationStep.COMPLETED:
        return False
    if found.step is RegistrationStep.BEGUN:
        raise no.PHONE_NOT_CONFIRMED()
    phone = await phone_of_registration(tx, found)
    assert phone is not None, "a confirmed registration keeps its number"
    await hold_number(tx, phone)
    if await customers_of_phone(tx, phone):
        raise no.PHONE_TAKEN()
    by = himself(id)
    new = NewCustomer(id=id, kind=CustomerKind.PERSON, name=name, phone=phone)
    _made(await register_customers(tx, [new], level=0, by=by, at=at))
    await audit.record(tx, by, "customer.register", id, at=at, details={"level": 0})
    await _ask_who(tx, id, name, id_number, by=by, at=at)
    await set_password(tx, id, wish.password_hash, by=by, at=at, lang=lang)
    await set_sms(tx, id, by=by, at=at)
    account = NewAccount(id=derived(id, "account"), customer_id=id, currency=currency)
    _made(await open_accounts(tx, [account], by=by, at=at, bank_code=bank_code))
    await registration_store.complete_registration(tx, id, at)
    return True


def _made(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            raise outcome


async def _ask_who(tx: Tx, id: UUID, name: str, id_number: str, *, by: Principal, at: datetime) -> None:
    question = derived(id, "verification")
    try:
        await ask_verification(tx, id, id=question, name=name, id_number=id_number, by=by, at=at)
    except Refusal as refusal:
        if refusal.kind is no.ID_NUMBER_TAKEN:
            # Said in other words, so that nobody tries out who is a customer.
            raise no.IDENTITY_UNUSABLE() from refusal
        raise


async def tell_owner_of_identity(tx: Tx, id_number: str, *, at: datetime, lang: Lang = "zh") -> None:
    """Tells whoever is known by this identity number, once a day at most, that somebody else tried to be."""
    owners = await verification_store.identified(
        tx, set(await vault.find(tx, vault.Kind.ID_NUMBER, id_number_of(id_number)))
    )
    known = (await find_customers(tx, owners)).values()
    reason = "somebody else came with this identity number"
    for id_, details in (await details_of(tx, known, by=SYSTEM, reason=reason, at=at)).items():
        if details.phone is not None:
            message = derived(id_, f"identity tried {at.date()}")
            said, stale = i18n.say(IDENTITY_TRIED, lang), at + _TOLD_FOR
            await send(tx, message, id_, details.phone, said, kind="security", expires_at=stale, at=at)


async def forget_registrations(tx: Tx, *, at: datetime, most: int = 50) -> int:
    """Housekeeping: of whoever began a day ago and never came to the end nothing is known any more; how many there were."""
    ids = await registration_store.abandoned_registrations(tx, at - _FORGOTTEN_AFTER, most)
    for id_ in ids:
        await vault.erase(tx, id_, by=SYSTEM, reason="the registration was abandoned", at=at)
    if ids:
        await registration_store.forget_registration_people(tx, ids, at)
    return len(ids)


async def forget_rows(tx: Tx, *, at: datetime, browsers_before: datetime) -> int:
    """Housekeeping: old rows of registrations, log-ins that waited, browsers that were not seen for long; how many."""
    gone = await registration_store.forget_registrations(tx, at - _COUNTED_FOR)
    gone += await registration_store.forget_pending_logins(tx, at - _FORGOTTEN_AFTER)
    gone += await registration_store.forget_browsers(tx, browsers_before)
    return gone + await device_store.forget_devices(tx, browsers_before)


async def registration_days(tx: Tx, *, since: datetime, zone: str) -> list[RegistrationDay]:
    """How registrations went, by the day on which they began, newest first."""
    return await registration_store.registration_days(tx, since, zone)


async def registration_steps(tx: Tx, *, since: datetime) -> RegistrationSteps:
    """How many took each step since a moment, and how long the middle one took for it."""
    return await registration_store.registration_steps(tx, since)


async def registration_spread(tx: Tx, bounds_s: Sequence[int], *, since: datetime) -> list[int]:
    """How many came to the end below the first bound of seconds, from there to the second, ..., beyond the last."""
    found = await registration_store.registration_spread(tx, since, bounds_s)
    return [found.get(n, 0) for n in range(len(bounds_s) + 1)]


def _bound(id: UUID) -> str:
    return f"identity.registration {id}"

"""One-time codes by SMS: six digits for one purpose of one person, good once, for five minutes and five tries."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import factor_store, tries
from tongbao.identity import refusals as no
from tongbao.identity.model import Checked, CodePurpose
from tongbao.identity.tell import send
from tongbao.web import i18n
from tongbao.web.refusals import ID_REUSED

LASTS: Final = timedelta(minutes=5)
APART: Final = timedelta(minutes=1)
DAILY: Final = 10
MOST_TRIES: Final = 5

CODE_MESSAGES: Final = {
    CodePurpose.REGISTER: "%(code)s is your code to open an account, good for 5 minutes. Never pass it on: nobody at the "
    "bank will ask you for it. If you did not ask for it, ignore it.",
    CodePurpose.LOGIN: "%(code)s is your code to log in, good for 5 minutes. Never pass it on: nobody at the bank will ask "
    "you for it. If you did not ask for it, tell the bank at once.",
    CodePurpose.PAY: "%(code)s is your code to confirm a payment, good for 5 minutes. Never pass it on: nobody at the bank "
    "will ask you for it. If you are not paying, tell the bank at once.",
    CodePurpose.RECOVER: "%(code)s is your code to regain access to your account, good for 5 minutes. Never pass it on: "
    "nobody at the bank will ask you for it. If you did not ask for it, tell the bank at once.",
    CodePurpose.PHONE: "%(code)s is your code to make this the telephone number of your account, good for 5 minutes. Never pass it "
    "on: nobody at the bank will ask you for it. If you did not ask for it, ignore it.",
}


async def new_code(
    tx: Tx,
    *,
    id: UUID,
    purpose: CodePurpose,
    subject_id: UUID,
    phone: str,
    code: str,
    at: datetime,
    lang: Lang = "zh",
    instead: str | None = None,
) -> Refusal | None:
    """Sends a code to a telephone (E.164) and keeps only an HMAC of it. `code`: six random digits from the edge.

    `subject_id`: the customer, or a registration that may become one; his earlier codes for this purpose are over. A telephone gets
    one a minute and ten in 24 hours, whoever asks: answers `code_too_soon`. Refuses `id_reused`. The same id again sends nothing.
    `instead`: what the message says in place of the code, where nobody is to have it and whoever asked is not to know that.
    """
    assert re.fullmatch("[0-9]{6}", code), "six digits"
    (fingerprint,) = await vault.fingerprint(tx, vault.Kind.PHONE, [phone])
    # Of many requests at once for one telephone, one at a time sees when it was last sent a code.
    await factor_store.lock_tries(tx, tries.guarding("code", fingerprint.hex()), at)
    asked = await factor_store.code_asked(tx, id)
    if asked is not None:
        if asked != (purpose, subject_id, fingerprint):
            raise ID_REUSED()
        return None
    wait = _wait(await factor_store.code_times(tx, fingerprint, DAILY), at)
    if wait > timedelta(0):
        return no.CODE_TOO_SOON(retry_after_s=-(-wait // timedelta(seconds=1)))
    await factor_store.end_codes(tx, subject_id, purpose, at)
    (code_hmac,) = await vault.fingerprint(tx, vault.Kind.SECRET, [_what(id, code)])
    await factor_store.add_code(tx, id, purpose, subject_id, fingerprint, code_hmac, at, at + LASTS)
    text = instead or i18n.say(CODE_MESSAGES[purpose], lang, code=code)
    await send(tx, id, subject_id, phone, text, kind="code", expires_at=at + LASTS, at=at)
    return None


def _wait(sent: list[datetime], at: datetime) -> timedelta:
    """How long a telephone that was sent codes at these moments, newest first, waits for the next one."""
    after_last = sent[0] + APART - at if sent else timedelta(0)
    after_many = sent[DAILY - 1] + timedelta(days=1) - at if len(sent) >= DAILY else timedelta(0)
    return max(after_last, after_many)


def _what(id: UUID, code: str) -> str:
    """What is fingerprinted: without the id, equal codes of two people would be seen to be equal."""
    return f"{id} {code}"


async def check_code(
    tx: Tx, id: UUID, code: str, *, purpose: CodePurpose, at: datetime, subject_id: UUID | None = None
) -> Checked | Refusal:
    """Uses a code, or says no: `code_used`, `code_expired`, `code_locked`, `code_wrong`. The no is returned, so that it is counted.

    The try is taken before the code is compared. For another purpose, or where `subject_id` is given for another person, there
    is no such code, and no try of its owner's is spent.
    """
    found = await factor_store.lock_code(tx, id)
    if found is None or found[0] != purpose or (subject_id is not None and found[1] != subject_id):
        return no.CODE_WRONG(field="code")
    _, owner_id, fingerprint, code_hmac, taken, expires_at, used_at = found
    if used_at is not None:
        return no.CODE_USED(field="code")
    if expires_at <= at:
        return no.CODE_EXPIRED(field="code")
    if taken >= MOST_TRIES:
        return no.CODE_LOCKED(field="code")
    await factor_store.count_code_try(tx, id)
    (shown,) = await vault.fingerprint(tx, vault.Kind.SECRET, [_what(id, code)])
    if not hmac.compare_digest(shown, bytes(code_hmac)):
        return no.CODE_WRONG(field="code")
    await factor_store.code_used(tx, id, at)
    return Checked(subject_id=owner_id, phone_fingerprint=bytes(fingerprint))

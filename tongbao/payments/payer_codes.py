"""Codes that payers show to shops: made for one account in one log-in, good once and for a minute, taken by a terminal.

18 digits: 81, which no large scheme in the country begins with (WeChat Pay 10 to 15, Alipay 25 to 30, UnionPay 62), fifteen of
chance, and the check digit of ISO/IEC 7812-1 (Luhn).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from stdnum import luhn

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.payments import payer_code_store, store
from tongbao.payments import refusals as no
from tongbao.payments.payer_code_model import Collection, ShownCode
from tongbao.web.refusals import ID_REUSED, ID_TAKEN

PREFIX: Final = "81"
CHANCE: Final = 10**15
LENGTH: Final = 18
RENEWED_EVERY: Final = timedelta(seconds=50)
"""A page shows a new code so long after the one before."""
LASTS: Final = timedelta(seconds=75)
GRACE: Final = timedelta(seconds=20)
"""A code is still good so long after the next one was made."""
MOST_WRONG: Final = 30
"""Codes that a terminal may get wrong,"""
WITHIN: Final = timedelta(hours=1)
"""within this time."""
_TRIED_AGAIN_WITHIN: Final = timedelta(minutes=2)
_KEPT: Final = timedelta(days=1)


def digits(chance: int) -> str:
    """The code that `chance` (0 to CHANCE - 1, drawn at the edge) makes."""
    body = f"{PREFIX}{chance:015d}"
    return body + luhn.calc_check_digit(body)


def read_digits(typed: str) -> str | None:
    """What was typed or scanned, without the spaces between; None where it is no code at all."""
    plain = typed.translate(_BETWEEN)
    is_code = len(plain) == LENGTH and plain.isascii() and plain.isdigit() and plain.startswith(PREFIX)
    return plain if is_code and luhn.is_valid(plain) else None


_BETWEEN: Final = str.maketrans("０１２３４５６７８９", "0123456789", " \u3000-")


async def make_code(
    tx: Tx, account_id: UUID, chance: int, *, id: UUID, by: Principal, at: datetime
) -> tuple[ShownCode, str] | None:
    """A code for the customer's own account, which the caller has seen to be his, and its digits. Those that this log-in shows
    already end soon. None where by chance somebody shows the same digits."""
    assert by.subject_id is not None
    assert by.session_id is not None, "a code is bound to a log-in"
    shown = digits(chance)
    (code_hmac,) = await vault.fingerprint(tx, vault.Kind.SECRET, [_what(shown)])
    new = ShownCode(id=id, account_id=account_id, made_at=at, expires_at=at + LASTS)
    is_new = await payer_code_store.add_code(tx, new, by.subject_id, by.session_id, code_hmac, grace=at + GRACE)
    return (new, shown) if is_new else None


async def own_code(tx: Tx, id: UUID, customer_id: UUID) -> ShownCode | None:
    """A code of this customer's, as it stands."""
    return await payer_code_store.code(tx, id, customer_id)


def _what(shown: str) -> str:
    return f"payer's code {shown}"


async def take_code(
    tx: Tx, typed: str, *, id: UUID, merchant_id: UUID, terminal_id: UUID, request_hash: bytes, at: datetime
) -> Collection | Refusal:
    """Uses a payer's code for the payment `id`, which the caller makes next. The same again answers the same.

    Refuses `id_taken` and `id_reused`. Answers `terminal_locked` and `payer_code_wrong`, not raised, so that the try is counted:
    it is taken before the code is looked at, and what is no code at all costs none.
    """
    before = await _before(tx, id, terminal_id, request_hash, at)
    if before is not None:
        return before
    shown = read_digits(typed)
    if shown is None:
        return no.PAYER_CODE_WRONG(field="code")
    (code_hmac,) = await vault.fingerprint(tx, vault.Kind.SECRET, [_what(shown)])
    if not await payer_code_store.take_guess(tx, terminal_id, at, before=at - WITHIN, most=MOST_WRONG):
        since = await payer_code_store.guessing_since(tx, terminal_id) or at
        return no.TERMINAL_LOCKED(retry_after_s=max(1, -((at - since - WITHIN) // timedelta(seconds=1))))
    # The same request may have come twice at once: the other one is through by now.
    before = await _before(tx, id, terminal_id, request_hash, at)
    if before is not None:
        await payer_code_store.give_guess_back(tx, terminal_id)
        return before
    used = await payer_code_store.use_code(tx, code_hmac, at)
    if used is None:
        return no.PAYER_CODE_WRONG(field="code")
    code_id, customer_id, account_id, device_known = used
    await payer_code_store.give_guess_back(tx, terminal_id)
    taken = Collection(
        payment_id=id,
        code_id=code_id,
        merchant_id=merchant_id,
        terminal_id=terminal_id,
        request_hash=request_hash,
        customer_id=customer_id,
        account_id=account_id,
        device_known=device_known,
        collected_at=at,
    )
    if not await payer_code_store.add_collection(tx, taken):
        raise ID_TAKEN()
    return taken


async def _before(
    tx: Tx, id: UUID, terminal_id: UUID, request_hash: bytes, at: datetime
) -> Collection | Refusal | None:
    """What was taken under this id; None where nothing was. A code whose payment was never made is not paid from much later."""
    found = await payer_code_store.collection(tx, id)
    if found is None:
        if await store.payments(tx, [id]):
            raise ID_TAKEN()
        return None
    if found.terminal_id != terminal_id:
        raise ID_TAKEN()
    if found.request_hash != request_hash:
        raise ID_REUSED()
    if not found.is_paid_for and at > found.collected_at + _TRIED_AGAIN_WITHIN:
        return no.PAYER_CODE_WRONG(field="code")
    return found


async def forget_payer_codes(tx: Tx, at: datetime, *, most: int) -> int:
    """Codes and counters of before yesterday; how many of them there were."""
    codes = await payer_code_store.forget_codes(tx, at - _KEPT, most)
    return codes + await payer_code_store.forget_guesses(tx, at - _KEPT, most)

"""Codes of an authenticator app (RFC 6238: SHA-1, 30 seconds, six digits), each good once."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pyotp.totp import TOTP

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import factor_store, tries
from tongbao.identity import refusals as no
from tongbao.identity.factors import bound, guarding, must_be_open, went_wrong, write_factor
from tongbao.identity.model import FactorKind

OFFERED_FOR: Final = timedelta(minutes=10)
_DRIFT: Final = 1
"""Steps that a telephone's clock may be off, either way: RFC 6238 section 5.2 advises one."""
_OFFER: Final = "identity.totp_offer"


def fresh_seed(chance: Callable[[int], bytes]) -> str:
    """A seed of 160 bits in base32, from `chance(n)`, n random bytes: `secrets.token_bytes` at the edge."""
    return b32encode(chance(20)).decode()


def totp_uri(seed: str, *, holder: str, bank: str) -> str:
    """What an authenticator app reads from a QR code; `holder` is what it shows beside the bank's name, such as a masked number."""
    return TOTP(seed).provisioning_uri(name=holder, issuer_name=bank)


def matching_step(seed: str, code: str, at: datetime) -> int | None:
    """The time step that a code belongs to, one before and one after the present one included.

    Every candidate is compared, each in constant time.
    """
    totp = TOTP(seed)
    now, found, shown = totp.timecode(at), None, code.encode(errors="replace")
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), shown):
            found = step
    return found


async def begin_totp(
    tx: Tx, customer_id: UUID, seed: str, *, present: str = "", by: Principal, at: datetime, lang: Lang = "zh"
) -> Refusal | None:
    """Keeps a seed that a customer is shown for ten minutes, in place of one that he never confirmed. What he has works on.

    Whoever has an app shows a code of it, `present`: whoever has only learnt his password does not put another in its place. None,
    or the answer of `check_totp`, returned so that it is counted. Refuses `customer_unknown`, `customer_closed`.
    """
    await must_be_open(tx, customer_id, by)
    if await factor_store.factor(tx, customer_id, FactorKind.TOTP) is not None:
        wrong = await check_totp(tx, customer_id, present, at=at, lang=lang)
        if wrong is not None:
            return wrong.kind(field="present", retry_after_s=wrong.retry_after_s)
    sealed = await vault.seal(tx, customer_id, seed.encode(), bound=_OFFER, at=at)
    await factor_store.offer_totp(tx, customer_id, sealed, at)
    return None


async def offered_seed(tx: Tx, customer_id: UUID, *, at: datetime) -> str | None:
    """The seed that a customer is being shown; None where none was begun in the last ten minutes."""
    offered = await factor_store.totp_offer(tx, customer_id, at - OFFERED_FOR)
    return (await vault.open_sealed(tx, customer_id, offered, bound=_OFFER)).decode() if offered is not None else None


async def confirm_totp(
    tx: Tx, customer_id: UUID, code: str, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> Refusal | None:
    """Takes the seed that was shown last as the customer's app, by a code of it; that code is used by this.

    None, or the answer `totp_not_begun`, `factor_locked`, `factor_wrong`, returned so that it is counted. Refuses as `begin_totp`.
    """
    await must_be_open(tx, customer_id, by)
    offered = await factor_store.totp_offer(tx, customer_id, at - OFFERED_FOR)
    if offered is None:
        return no.TOTP_NOT_BEGUN()
    number = await tries.take(tx, guarding(customer_id, FactorKind.TOTP), at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(field="code", retry_after_s=number.retry_after_s)
    seed = await vault.open_sealed(tx, customer_id, offered, bound=_OFFER)
    step = matching_step(seed.decode(), code, at)
    if step is None:
        await went_wrong(tx, customer_id, FactorKind.TOTP, number, at=at, lang=lang)
        return no.FACTOR_WRONG(field="code")
    await write_factor(tx, customer_id, FactorKind.TOTP, seed, by=by, at=at, lang=lang, used_step=step)
    await factor_store.drop_totp_offer(tx, customer_id)
    return None


async def check_totp(tx: Tx, customer_id: UUID, code: str, *, at: datetime, lang: Lang = "zh") -> Refusal | None:
    """None where a code is right and has not been used, nor a later one; else `factor_locked`, `factor_wrong`, `code_used`.

    The no is returned, so that it is counted. The try is taken before the code is compared, under a lock that lasts until the end
    of the transaction: of many at once with the same right code one is let through.
    """
    number = await tries.take(tx, guarding(customer_id, FactorKind.TOTP), at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(field="code", retry_after_s=number.retry_after_s)
    found = await factor_store.factor(tx, customer_id, FactorKind.TOTP)
    if found is None:
        return no.FACTOR_WRONG(field="code")
    seed = await vault.open_sealed(tx, customer_id, found[0], bound=bound(FactorKind.TOTP))
    step = matching_step(seed.decode(), code, at)
    if step is not None and await factor_store.use_totp_step(tx, customer_id, step):
        await tries.forgive(tx, guarding(customer_id, FactorKind.TOTP))
        return None
    await went_wrong(tx, customer_id, FactorKind.TOTP, number, at=at, lang=lang)
    return no.FACTOR_WRONG(field="code") if step is None else no.CODE_USED(field="code")

"""An app or a passkey is taken away at once where as much remains, or where one was shown; else after a time to wait, of which the
owner is told and in which he can stop it. Whoever has only learnt the password cannot make a customer weaker before he hears of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang, moment
from tongbao.identity import factor_store, passkey_store, removal_store
from tongbao.identity import refusals as no
from tongbao.identity.factors import must_be_open, remove_factor
from tongbao.identity.model import FactorKind
from tongbao.identity.passkeys import remove_passkey
from tongbao.identity.phone_change_model import Removal
from tongbao.identity.recovery_model import WAITS
from tongbao.identity.registration import himself
from tongbao.identity.tell import FACTOR_MESSAGES, tell_customer
from tongbao.web import i18n

_KEPT: Final = timedelta(days=30)

ASKED, STOPPED = REMOVAL_MESSAGES = (
    "Somebody asked to remove your %(factor)s. It is good until %(moment)s. If it was not you, log in, stop it on the page Safety, "
    "and tell the bank at once.",
    "Your %(factor)s stays: its removal was stopped.",
)


async def ask_removal(
    tx: Tx,
    customer_id: UUID,
    kind: FactorKind,
    passkey_id: UUID | None = None,
    *,
    id: UUID,
    shown: bool = False,
    zone: ZoneInfo,
    waits: timedelta = WAITS,
    by: Principal,
    at: datetime,
    lang: Lang = "zh",
) -> bool:
    """Takes an app or passkey away, now or after `waits`; whether it was now. `shown`: it was just shown itself, or an app that
    has been there for as long.

    Now where one was shown, where another one remains that has been there for as long, or where what goes was never any good.
    Refuses `customer_unknown`, `customer_closed`, `factor_unknown`, `passkey_unknown`. Asked again while it waits, it waits on.
    """
    await must_be_open(tx, customer_id, by)
    remaining, is_good = await _strong_ones(tx, customer_id, kind, passkey_id, at - waits)
    if shown or remaining or not is_good or waits <= timedelta(0):
        await _take_away(tx, customer_id, kind, passkey_id, by=by, at=at, lang=lang)
        return True
    ripe_at = at + waits
    if await removal_store.add_removal(tx, id, customer_id, kind, passkey_id, lang=lang, at=at, ripe_at=ripe_at):
        details = {"removal_id": str(id), "kind": kind.value, "ripe_at": ripe_at.isoformat()}
        await audit.record(tx, by, "factor.remove_asked", customer_id, at=at, details=details)
        said = {"factor": i18n.say(FACTOR_MESSAGES[kind], lang), "moment": moment(ripe_at, zone, lang)}
        await tell_customer(tx, customer_id, i18n.say(ASKED, lang, **said), about=f"removal {id}", at=at)
    return False


async def _strong_ones(
    tx: Tx, customer_id: UUID, kind: FactorKind, passkey_id: UUID | None, since: datetime
) -> tuple[bool, bool]:
    """Whether an app or passkey would remain that was there at `since`; and whether what goes is good at all."""
    app = await factor_store.factor(tx, customer_id, FactorKind.TOTP)
    passkeys = await passkey_store.passkeys(tx, [customer_id])
    if kind is FactorKind.TOTP:
        if app is None:
            raise no.FACTOR_UNKNOWN()
        is_good = True
    else:
        gone = next((one for one in passkeys if one.id == passkey_id), None)
        if gone is None:
            raise no.PASSKEY_UNKNOWN()
        is_good = gone.suspended_at is None
    others = [one for one in passkeys if one.id != passkey_id and one.suspended_at is None and one.made_at <= since]
    return bool(others) or (kind is not FactorKind.TOTP and app is not None and app[1] <= since), is_good


async def _take_away(
    tx: Tx, customer_id: UUID, kind: FactorKind, passkey_id: UUID | None, *, by: Principal, at: datetime, lang: Lang
) -> None:
    if kind is FactorKind.TOTP:
        await remove_factor(tx, customer_id, kind, by=by, at=at, lang=lang)
    else:
        assert passkey_id is not None
        await remove_passkey(tx, customer_id, passkey_id, by=by, at=at, lang=lang)


async def open_removals(tx: Tx, customer_id: UUID) -> list[Removal]:
    """What waits, and its owner may stop."""
    return await removal_store.open_removals(tx, customer_id)


async def stop_removal(tx: Tx, customer_id: UUID, id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh") -> bool:
    """The owner stops it, whoever asked; whether it was still to come."""
    found = await removal_store.lock_removal(tx, id)
    if found is None or found.customer_id != customer_id or found.is_over:
        return False
    await removal_store.end_removal(tx, id, "cancelled", at)
    await audit.record(tx, by, "factor.remove_stopped", customer_id, at=at, details={"removal_id": str(id)})
    factor = i18n.say(FACTOR_MESSAGES[FactorKind(found.kind)], lang)
    text = i18n.say(STOPPED, lang, factor=factor)
    await tell_customer(tx, customer_id, text, about=f"removal stopped {id}", at=at)
    return True


async def ripe_removals(tx: Tx, *, at: datetime, most: int = 50) -> list[UUID]:
    """Housekeeping: whose waiting is over, for `complete_removal`, each in a transaction of its own."""
    return await removal_store.ripe_removals(tx, at, most)


async def complete_removal(tx: Tx, id: UUID, *, at: datetime) -> bool:
    """Takes away what has waited; whether it was there to be taken."""
    found = await removal_store.lock_removal(tx, id)
    if found is None or found.is_over or found.ripe_at > at:
        return False
    kind, by = FactorKind(found.kind), himself(found.customer_id)
    app = await factor_store.factor(tx, found.customer_id, FactorKind.TOTP)
    try:
        if kind is FactorKind.TOTP and app is not None and app[1] > found.asked_at:
            raise no.FACTOR_UNKNOWN("another app has taken its place")
        await _take_away(tx, found.customer_id, kind, found.passkey_id, by=by, at=at, lang=cast("Lang", found.lang))
    except Refusal:
        await removal_store.end_removal(tx, id, "cancelled", at)
        return False
    await removal_store.end_removal(tx, id, "done", at)
    return True


async def forget_removals(tx: Tx, *, at: datetime) -> int:
    """Housekeeping: of one that was over a month ago nothing is known any more."""
    return await removal_store.forget_removals(tx, at - _KEPT)

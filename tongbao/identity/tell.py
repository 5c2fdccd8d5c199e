"""Messages to a customer: worded, sealed under his own key and queued in the transaction that gives rise to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from tongbao import notices, vault
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import SYSTEM
from tongbao.base.say import Lang
from tongbao.identity import store
from tongbao.identity.model import FactorKind
from tongbao.identity.people import details_of
from tongbao.identity.preference_model import Tongue
from tongbao.identity.preferences import preferences_of
from tongbao.notices import Choices, Kind, NewNotice, Subscribed, Way
from tongbao.web import i18n

_STALE_AFTER: Final = timedelta(days=1)

FACTOR_MESSAGES: Final = {
    FactorKind.PASSWORD: "password",
    FactorKind.PIN: "payment PIN",
    FactorKind.SMS: "code by SMS",
    FactorKind.TOTP: "authenticator app",
    FactorKind.PASSKEY: "passkey",
    FactorKind.DEVICE: "key of a device",
}
"""What each factor is called in the middle of a sentence."""

NOTICE_MESSAGES: Final = {
    "set": "Your %(factor)s was set or changed. If it was not you, tell the bank at once.",
    "remove": "Your %(factor)s was removed. If it was not you, tell the bank at once.",
    "prefer": "You are now asked for your %(factor)s first. If you did not choose this, tell the bank at once.",
    "shut": "Your %(factor)s was entered wrongly five times in a row and takes no try for a while. "
    "If it was not you, tell the bank at once.",
    "copied": "Somebody seems to have a copy of your %(factor)s, so it is good no more. Remove it, add a new one and tell the bank.",
}
"""What a customer is told when one of his factors changes, or when somebody guesses at it."""


async def tell_of_factor(tx: Tx, customer_id: UUID, what: str, kind: FactorKind, *, lang: Lang, at: datetime) -> None:
    """Tells a customer what became of a factor; nobody where the bank knows no telephone of his."""
    text = i18n.say(NOTICE_MESSAGES[what], lang, factor=i18n.say(FACTOR_MESSAGES[kind], lang))
    about = f"factor {what} {kind.value}"
    await tell_customer(tx, customer_id, text, about=about, at=at, path="/me/safety/factors")


async def tell_customer(
    tx: Tx,
    customer_id: UUID,
    text: str,
    *,
    about: str,
    at: datetime,
    kind: Kind = Kind.SECURITY,
    path: str | None = None,
) -> None:
    """Tells a customer of a change that he must know of, on the ways that he has chosen for this kind: in the app, and by SMS where
    the bank knows a telephone of his.

    `text` is in his language; `about` names the occasion, so that one at one moment is told once; `path` is his page that says more.
    """
    id_ = derived(customer_id, f"{about} {at.isoformat()}")
    phone = await telephone_of(tx, customer_id, reason=f"notice: {about}", at=at)
    if phone is None:
        return
    wanted = (await notices.choices_of(tx, [customer_id]))[customer_id]
    if wanted.wants(kind, Way.APP):
        sealed = await vault.seal(tx, customer_id, text.encode(), bound=notices.bound_notice(id_), at=at)
        new = NewNotice(id=id_, subject_id=customer_id, kind=kind, at=at, sealed_text=sealed, path=path)
        await notices.tell(tx, [new])
    if wanted.wants(kind, Way.SMS):
        await send(tx, id_, customer_id, phone, text, kind=kind.value, expires_at=at + _STALE_AFTER, at=at)
    if wanted.wants(kind, Way.PUSH):
        browsers = await notices.subscriptions_of(tx, [customer_id])
        await _push(tx, id_, browsers, text, kind=kind, path=path, at=at)


async def send_notice(tx: Tx, notice: NewNotice, wanted: Choices, browsers: Sequence[Subscribed]) -> None:
    """Sends what the app tells of somebody's money on the other ways that he wants, in the language that he has chosen: by SMS where
    the bank knows a telephone of his, to `browsers` of his.
    """
    assert notice.what is not None
    assert notice.amount_minor is not None
    assert notice.currency is not None
    lang: Lang = "en" if (await preferences_of(tx, notice.subject_id)).language is Tongue.EN else "zh"
    text = notices.sentence(notice.what, notice.amount_minor, notice.currency, lang)
    to, kind, at = notice.subject_id, notice.kind, notice.at
    if wanted.wants(kind, Way.SMS):
        phone = await telephone_of(tx, to, reason=f"notice: {kind}", at=at)
        if phone is not None:
            await send(tx, notice.id, to, phone, text, kind=kind.value, expires_at=at + _STALE_AFTER, at=at)
    if wanted.wants(kind, Way.PUSH):
        await _push(tx, notice.id, browsers, text, kind=kind, path=notice.path, at=at)


async def _push(
    tx: Tx, about: UUID, browsers: Sequence[Subscribed], text: str, *, kind: Kind, path: str | None, at: datetime
) -> None:
    """To each of a person's browsers; where it is reached and what it says are sealed again, for this message alone."""
    bounds = [notices.bound_subscription(one.id) for one in browsers]
    opened = await vault.open_all(
        tx,
        [
            vault.Sealed(subject_id=one.subject_id, sealed=one.sealed, bound=bound)
            for one, bound in zip(browsers, bounds, strict=True)
        ],
    )
    said = msgspec.json.encode({"id": str(about), "text": text, "path": path or "/me/notices"})
    queued: list[notices.NewMessage] = []
    for browser, where in zip(browsers, opened, strict=True):
        if where is None:
            continue
        id_, subject = derived(about, f"push {browser.id}"), browser.subject_id
        new = notices.NewMessage(
            id=id_,
            subject_id=subject,
            channel=notices.Channel.PUSH,
            kind=kind.value,
            sealed_to=await vault.seal(tx, subject, where, bound=notices.bound_to(id_), at=at),
            sealed_text=await vault.seal(tx, subject, said, bound=notices.bound_text(id_), at=at),
            expires_at=at + _STALE_AFTER,
        )
        queued.append(new)
    await notices.queue(tx, queued, at=at)


async def telephone_of(tx: Tx, customer_id: UUID, *, reason: str, at: datetime) -> str | None:
    """A customer's number (E.164), for the bank itself to write to."""
    customer = (await store.customers(tx, [customer_id])).get(customer_id)
    if customer is None:
        return None
    return (await details_of(tx, [customer], by=SYSTEM, reason=reason, at=at))[customer_id].phone


async def send(
    tx: Tx, id: UUID, subject_id: UUID, phone: str, text: str, *, kind: str, expires_at: datetime, at: datetime
) -> None:
    """Queues an SMS. Number and text are sealed under the subject's key, each for its place in this message alone."""
    message = notices.NewMessage(
        id=id,
        subject_id=subject_id,
        channel=notices.Channel.SMS,
        kind=kind,
        sealed_to=await vault.seal(tx, subject_id, phone.encode(), bound=notices.bound_to(id), at=at),
        sealed_text=await vault.seal(tx, subject_id, text.encode(), bound=notices.bound_text(id), at=at),
        expires_at=expires_at,
    )
    await notices.queue(tx, [message], at=at)

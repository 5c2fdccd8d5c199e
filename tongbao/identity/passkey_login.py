"""How a customer comes in by a passkey alone: it shows the device and that it is he, so no password and no code are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import device_store, passkey_store
from tongbao.identity import refusals as no
from tongbao.identity.customer_login import NOTHING_SEEN, enter_known
from tongbao.identity.device_model import Seen
from tongbao.identity.devices import tell_of_device
from tongbao.identity.model import BROWSER_KNOWN, Token, VisitorKind, VisitorSession
from tongbao.identity.passkey_model import OFFER_LASTS
from tongbao.identity.passkeys import check_any, options_for
from tongbao.identity.registration import himself
from tongbao.identity.sessions import open_session


async def begin_passkey_login(
    tx: Tx, browser_hash: bytes, challenge: bytes, settings: Settings, *, at: datetime
) -> dict[str, Any]:
    """What the browser is asked to sign: any passkey that it has for this bank. `challenge`: 32 random bytes, good once, for ten
    minutes and in this browser; nothing tells who is a customer."""
    await passkey_store.begin_passkey_login(tx, browser_hash, challenge, at)
    return options_for([], challenge, settings)


async def log_in_by_passkey(
    tx: Tx,
    response: str,
    *,
    settings: Settings,
    browser_hash: bytes,
    new_browser_hash: bytes,
    session_id: UUID,
    token: Token,
    at: datetime,
    seen: Seen = NOTHING_SEEN,
    lang: Lang = "zh",
) -> tuple[VisitorSession, bool] | Refusal:
    """The session, and whether this browser is new to the bank: it is known by `new_browser_hash` from now on and he is told of it.

    Answers `passkey_over` and as `check_assertion`, not raised: what was to be signed is used up either way.
    """
    taken = await passkey_store.take_passkey_login(tx, browser_hash)
    if taken is None or taken[1] <= at - OFFER_LASTS:
        return no.PASSKEY_OVER()
    found = await check_any(tx, response, challenge=taken[0], settings=settings, at=at, lang=lang)
    if isinstance(found, Refusal):
        return found
    customer_id = found[0].customer_id
    made: Any = {"session_id": session_id, "token": token}
    device_id = await device_store.device_seen(tx, customer_id, browser_hash, seen, at - BROWSER_KNOWN, at)
    if device_id is not None:
        by = himself(customer_id)
        kind = VisitorKind.CUSTOMER
        return await open_session(tx, kind, customer_id, **made, device_id=device_id, by=by, at=at), False
    await tell_of_device(tx, customer_id, "new", seen.name, lang=lang, at=at)
    session = await enter_known(
        tx,
        customer_id,
        browser_hash=browser_hash,
        new_browser_hash=new_browser_hash,
        **made,
        at=at,
        seen=seen,
        cool_off=timedelta(hours=settings.device_cool_off_h),
    )
    return session, True

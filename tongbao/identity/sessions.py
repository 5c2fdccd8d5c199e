"""Sessions of customers and of merchants' people: opened once somebody has proved who he is, ended when he leaves."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.say import Lang
from tongbao.identity import device_store, store
from tongbao.identity import refusals as no
from tongbao.identity.authenticate import read_token
from tongbao.identity.model import (
    RENEWAL_OVERLAP,
    RENEWED_EVERY,
    SESSION_LASTS,
    Token,
    VisitorKind,
    VisitorSession,
)
from tongbao.identity.tell import tell_customer
from tongbao.web import i18n

(STOLEN,) = STOLEN_MESSAGES = (
    "You were logged out: your log-in was used a second time with an old key, as after a theft. Log in again, look at "
    "the page Your devices, and tell the bank if you see one that you do not know.",
)


async def open_session(
    tx: Tx,
    kind: VisitorKind,
    holder_id: UUID,
    *,
    session_id: UUID,
    token: Token,
    by: Principal,
    at: datetime,
    device_id: UUID | None = None,
) -> VisitorSession:
    """Lets somebody in as a customer, or for a merchant: ten hours, or half an hour without a request, by `token`.

    The caller has seen who he is and, since merchants are not known here, that there is such a merchant. Refuses
    `customer_unknown`. `device_id`: the browser, where the bank knows it (`know_device`). A customer who is frozen or has left may come in and look; paying is refused where money moves.
    """
    assert token.kind == kind, f"a session of a {kind} is opened by a token of a {token.kind}"
    if kind is VisitorKind.CUSTOMER and not await store.customers(tx, [holder_id]):
        raise no.CUSTOMER_UNKNOWN()
    expires_at = at + SESSION_LASTS
    await store.add_visitor_session(tx, session_id, kind, holder_id, token, at, expires_at, device_id)
    await audit.record(tx, by, "session.open", holder_id, at=at, details=_about(kind, session_id))
    return VisitorSession(id=session_id, kind=kind, holder_id=holder_id, expires_at=expires_at, device_id=device_id)


async def end_session(tx: Tx, text: str, *, by: Principal, at: datetime) -> None:
    """Ends the session of a token; done within 2 s in every process. Nothing happens where it has ended."""
    ended = await store.end_visitor_session(tx, read_token(text).public_id, at)
    if ended is not None:
        session_id, kind, holder_id = ended
        await audit.record(tx, by, "session.end", holder_id, at=at, details=_about(kind, session_id))


async def end_sessions(tx: Tx, kind: VisitorKind, holder_id: UUID, *, reason: str, by: Principal, at: datetime) -> int:
    """Ends every session of a customer or of a merchant, as after a telephone was lost; how many there were."""
    ended = await store.end_visitor_sessions_of(tx, kind, holder_id, at)
    if ended:
        details = {"kind": kind.value, "sessions": ended}
        await audit.record(tx, by, "session.end", holder_id, at=at, reason=reason, details=details)
    return ended


async def renew_session(tx: Tx, text: str, fresh: Token, *, at: datetime) -> datetime | None:
    """Offers a session the secret of `fresh` (its public part does not count), where the one shown is in use and old enough.

    When the session ends at the latest; None where nothing is to be done. The one in use is good until the new one was shown.
    """
    shown = read_token(text)
    old_since, lost_since = at - RENEWED_EVERY, at - RENEWAL_OVERLAP
    return await device_store.offer_secret(tx, shown, fresh, old_since=old_since, lost_since=lost_since, at=at)


async def end_stolen(tx: Tx, text: str, *, at: datetime, lang: Lang = "zh") -> None:
    """Ends the session of a token that came back after it was replaced, and tells its owner; once."""
    ended = await store.end_visitor_session(tx, read_token(text).public_id, at)
    if ended is None:
        return
    session_id, kind, holder_id = ended
    await audit.record(tx, SYSTEM, "session.stolen", holder_id, at=at, details=_about(kind, session_id))
    if kind is VisitorKind.CUSTOMER:
        await tell_customer(tx, holder_id, i18n.say(STOLEN, lang), about=f"session stolen {session_id}", at=at)


def _about(kind: VisitorKind, session_id: UUID) -> dict[str, str]:
    return {"kind": kind.value, "session_id": str(session_id)}

"""A customer's devices: the browsers that the bank knows, seen by him and logged out by him."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.say import Lang
from tongbao.identity import device_store
from tongbao.identity import refusals as no
from tongbao.identity.device_model import Device, Seen
from tongbao.identity.model import BROWSER_KNOWN, SESSION_IDLES, VisitorKind
from tongbao.identity.sessions import end_sessions
from tongbao.identity.tell import tell_customer
from tongbao.web import i18n

_MOST: Final = 50

DEVICE_MESSAGES: Final = {
    "new": "A new device came into your account: %(device)s. For its first day the bank trusts it less. "
    "If it was not you, log it out on the page Your devices and tell the bank at once.",
    "out": "A device was logged out of your account: %(device)s. If it was not you, tell the bank at once.",
    "all": "You were logged out on every device. If it was not you, tell the bank at once.",
    "others": "You were logged out on every device but one. If it was not you, tell the bank at once.",
}
"""What a customer is told of his devices."""
(UNKNOWN,) = NAMELESS_MESSAGES = ("an unknown browser",)
"""What one without a name is called in the middle of a sentence."""


async def know_device(
    tx: Tx, customer_id: UUID, browser_hash: bytes, *, seen: Seen, trusted_from: datetime, at: datetime
) -> UUID:
    """Knows a browser (SHA-256 of its cookie) from now on and trusts it with payments from `trusted_from` on; its id.

    The caller has seen that the customer's phone is with him. One that is known already keeps the moment that it has; another
    moment is audited.
    """
    id_ = derived(customer_id, f"device {browser_hash.hex()}")
    since = at - BROWSER_KNOWN
    id_, trusted = await device_store.know_device(
        tx, id_, customer_id, browser_hash, seen, since=since, trusted_from=trusted_from, at=at
    )
    if trusted == trusted_from:
        by = Principal(id=customer_id, kind=PrincipalKind.CUSTOMER, subject_id=customer_id)
        details = {"device_id": str(id_), "trusted_from": trusted.isoformat()}
        await audit.record(tx, by, "device.know", customer_id, at=at, details=details)
    return id_


async def devices_of(tx: Tx, customer_id: UUID, *, session_id: UUID | None = None, at: datetime) -> list[Device]:
    """What he is known in, the last one seen first; the one of session `session_id` is marked."""
    since, idle_since = at - BROWSER_KNOWN, at - SESSION_IDLES
    return await device_store.devices_of(
        tx, customer_id, session_id=session_id, since=since, idle_since=idle_since, at=at, most=_MOST
    )


async def log_out_device(
    tx: Tx, customer_id: UUID, device_id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> int:
    """Ends what is open in a device and knows it no more: it needs a code again. How many sessions; refuses `device_unknown`.

    Done within 2 s in every process. One that was logged out before is left as it is: 0.
    """
    found = {one.id: one for one in await devices_of(tx, customer_id, at=at)}
    if not await device_store.revoke_devices(tx, customer_id, device_id, at):
        if await device_store.device_exists(tx, customer_id, device_id):
            return 0
        raise no.DEVICE_UNKNOWN()
    ended = await device_store.end_sessions_in(tx, customer_id, device_id, at)
    details = {"device_id": str(device_id), "sessions": ended}
    await audit.record(tx, by, "device.log_out", customer_id, at=at, details=details)
    name = found[device_id].name if device_id in found else ""
    await tell_of_device(tx, customer_id, "out", name, lang=lang, at=at)
    return ended


async def log_out_everywhere(
    tx: Tx, customer_id: UUID, *, reason: str, by: Principal, at: datetime, lang: Lang = "zh"
) -> int:
    """Ends every session of a customer and knows none of his devices any more; how many sessions there were."""
    ended = await end_sessions(tx, VisitorKind.CUSTOMER, customer_id, reason=reason, by=by, at=at)
    forgotten = await device_store.revoke_devices(tx, customer_id, None, at)
    if forgotten:
        await audit.record(tx, by, "device.log_out_all", customer_id, at=at, details={"devices": len(forgotten)})
    if ended or forgotten:
        await tell_of_device(tx, customer_id, "all", "", lang=lang, at=at)
    return ended


async def other_sessions(tx: Tx, customer_id: UUID, session_id: UUID, *, at: datetime) -> int:
    """How many sessions of a customer are open besides this one."""
    idle_since = at - SESSION_IDLES
    return await device_store.count_other_sessions(tx, customer_id, session_id, idle_since=idle_since, at=at)


async def log_out_elsewhere(
    tx: Tx, customer_id: UUID, session_id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> int:
    """Ends every session of a customer but this one, and knows no browser of his but the one that it is in; how many sessions."""
    ended = await device_store.end_other_sessions(tx, customer_id, session_id, at)
    forgotten = await device_store.revoke_other_devices(tx, customer_id, session_id, at)
    if ended or forgotten:
        details = {"sessions": ended, "devices": len(forgotten), "kept": str(session_id)}
        await audit.record(tx, by, "device.log_out_others", customer_id, at=at, details=details)
        await tell_of_device(tx, customer_id, "others", "", lang=lang, at=at)
    return ended


async def tell_of_device(tx: Tx, customer_id: UUID, what: str, name: str, *, lang: Lang, at: datetime) -> None:
    """Tells a customer by SMS what became of a device of his."""
    said = {"device": name or i18n.say(UNKNOWN, lang)} if what not in ("all", "others") else {}
    text = i18n.say(DEVICE_MESSAGES[what], lang, **said)
    await tell_customer(tx, customer_id, text, about=f"device {what} {name}", at=at)

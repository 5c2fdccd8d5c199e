"""Passkeys of staff: a second factor that cannot be told to a stranger. One alone lets its holder in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import audit, metrics
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import passkey_store, passkeys, staff_app_store, staff_password, staff_store
from tongbao.identity import refusals as no
from tongbao.identity.passkey_model import OFFER_LASTS
from tongbao.identity.staff_model import MOST_STAFF_PASSKEYS, Shown, StaffOffer, StaffPasskey


async def passkeys_of_staff(tx: Tx, staff_id: UUID) -> list[StaffPasskey]:
    """What he has, suspended ones too, the oldest first."""
    return await staff_store.staff_passkeys(tx, staff_id)


async def offer_staff_passkey(
    tx: Tx, by: Principal, shown: Shown, challenge: bytes, *, name: str, at: datetime
) -> Refusal | None:
    """A passkey is to be made, within ten minutes; `challenge`: 32 random bytes. None, or as `staff_password.prove`.

    Refuses `too_many_of_these`.
    """
    wrong = await staff_password.prove(tx, by, shown, at=at)
    if wrong is not None:
        return wrong
    if len(await staff_store.staff_passkeys(tx, by.id)) >= MOST_STAFF_PASSKEYS:
        raise no.TOO_MANY_OF_THESE()
    await staff_store.offer_staff_passkey(tx, by.id, StaffOffer(challenge=challenge, name=name), at)
    return None


async def creation_options(
    tx: Tx, by: Principal, settings: Settings, *, bank: str, holder: str, at: datetime
) -> dict[str, Any] | None:
    """What the browser is asked to make; None where nothing was begun in the last ten minutes."""
    offer = await staff_store.staff_passkey_offer(tx, by.id, at - OFFER_LASTS)
    if offer is None:
        return None
    has = await staff_store.staff_passkeys(tx, by.id)
    return passkeys.creation_for(by.id, offer.challenge, settings, bank=bank, holder=holder, has=has)


async def add_staff_passkey(
    tx: Tx, by: Principal, response: str, *, passkey_id: UUID, settings: Settings, at: datetime
) -> None:
    """Keeps what an authenticator made for the offer; his other sessions end, and his session may do all that he may.

    Refuses `passkey_over`, `passkey_wrong`, `passkey_taken`.
    """
    offer = await staff_store.staff_passkey_offer(tx, by.id, at - OFFER_LASTS)
    if offer is None:
        raise no.PASSKEY_OVER()
    made = passkeys.verify_made(response, offer.challenge, settings)
    if made is None:
        raise no.PASSKEY_WRONG()
    passkey = StaffPasskey(
        id=passkey_id,
        staff_id=by.id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        transports=passkeys.transports_of(response),
        name=offer.name,
        sign_count=made.sign_count,
        made_at=at,
        used_at=None,
        suspended_at=None,
    )
    if not await staff_store.add_staff_passkey(tx, passkey):
        raise no.PASSKEY_TAKEN()
    await staff_store.drop_staff_passkey_offer(tx, by.id)
    await staff_app_store.end_other_sessions(tx, by.id, by.session_id, at)
    if by.session_id is not None:
        await staff_store.widen_session(tx, by.session_id, by.id, needs_second=True)
    await audit.record(tx, by, "staff.passkey_add", by.id, at=at, details={"passkey_id": str(passkey_id)})


async def rename_staff_passkey(tx: Tx, by: Principal, id: UUID, name: str, *, at: datetime) -> None:
    """The name that it has already changes nothing. Refuses `passkey_unknown`."""
    if any((one.id, one.name) == (id, name) for one in await staff_store.staff_passkeys(tx, by.id)):
        return
    if not await staff_store.rename_staff_passkey(tx, by.id, id, name):
        raise no.PASSKEY_UNKNOWN()
    await audit.record(tx, by, "staff.passkey_rename", by.id, at=at, details={"passkey_id": str(id)})


async def remove_staff_passkey(tx: Tx, by: Principal, shown: Shown, id: UUID, *, at: datetime) -> Refusal | None:
    """Takes one of his own for good. None, or as `staff_password.prove`. Refuses `passkey_unknown`."""
    wrong = await staff_password.prove(tx, by, shown, at=at)
    if wrong is not None:
        return wrong
    if not await staff_store.revoke_staff_passkeys(tx, by.id, id, at):
        raise no.PASSKEY_UNKNOWN()
    await audit.record(tx, by, "staff.passkey_remove", by.id, at=at, details={"passkey_id": str(id)})
    return None


async def begin_login(
    tx: Tx, browser_hash: bytes, challenge: bytes, settings: Settings, *, at: datetime
) -> dict[str, Any]:
    """What the browser is asked to sign: any passkey that it has for this bank, so that it tells nothing of anybody."""
    await passkey_store.begin_passkey_login(tx, browser_hash, challenge, at)
    return passkeys.options_for([], challenge, settings)


async def shown_at_login(
    tx: Tx, response: str, *, browser_hash: bytes, settings: Settings, at: datetime
) -> StaffPasskey | Refusal:
    """Whose passkey has signed what this browser was asked to sign, here and having asked its owner; once.

    Answers `passkey_over`, `passkey_wrong`, `passkey_unknown`, `passkey_suspended`, not raised: what was asked is used up either way,
    and a count that went back suspends it.
    """
    taken = await passkey_store.take_passkey_login(tx, browser_hash)
    if taken is None or taken[1] <= at - OFFER_LASTS:
        return no.PASSKEY_OVER()
    shown = passkeys.shown_in(response)
    if shown is None:
        return no.PASSKEY_WRONG()
    passkey = await staff_store.lock_staff_passkey(tx, shown.raw_id)
    if passkey is None:
        return no.PASSKEY_UNKNOWN()
    if passkey.suspended_at is not None:
        return no.PASSKEY_SUSPENDED()
    if shown.response.user_handle not in (None, b"", passkey.staff_id.bytes):
        return no.PASSKEY_WRONG()
    count = passkeys.signed_count(shown, passkey.public_key, taken[0], settings)
    if count is None:
        return no.PASSKEY_WRONG()
    if (count or passkey.sign_count) and count <= passkey.sign_count:
        return await _suspend(tx, passkey, count, at=at)
    await staff_store.staff_passkey_used(tx, passkey.id, count, at)
    return passkey


async def _suspend(tx: Tx, passkey: StaffPasskey, count: int, *, at: datetime) -> Refusal:
    """A right signature with a count that was there before: somebody has a copy."""
    from_him = Principal(id=passkey.staff_id, kind=PrincipalKind.STAFF)
    await staff_store.suspend_staff_passkey(tx, passkey.id, at)
    details = {"passkey_id": str(passkey.id), "count": count, "was": passkey.sign_count}
    await audit.record(tx, from_him, "staff.passkey_suspend", passkey.staff_id, at=at, details=details)
    metrics.PASSKEYS_SUSPENDED.inc()
    return no.PASSKEY_SUSPENDED()

"""The authenticator app of a member of staff: the second thing that he proves himself with when he logs in."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao import vault
from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import refusals as no
from tongbao.identity import staff_app_store, staff_store, store, tries
from tongbao.identity.totp import OFFERED_FOR, matching_step

_APP: Final = "identity.staff_app"
_OFFER: Final = "identity.staff_app_offer"


async def check(tx: Tx, staff_id: UUID, code: str, *, at: datetime) -> bool | None:
    """Whether a code of his app is right and good still; it is used by this. None where he has no app."""
    sealed = await staff_app_store.staff_app(tx, staff_id)
    if sealed is None:
        return None
    seed = (await vault.open_sealed(tx, staff_id, sealed, bound=_APP)).decode()
    step = matching_step(seed, code, at)
    return step is not None and await staff_app_store.use_staff_step(tx, staff_id, step)


async def has_app(tx: Tx, staff_id: UUID) -> bool:
    return await staff_app_store.staff_app(tx, staff_id) is not None


async def begin(tx: Tx, by: Principal, seed: str, *, code: str, at: datetime) -> Refusal | None:
    """Keeps a seed that is shown for ten minutes. Whoever has an app shows a code of it first.

    None, or the answer `factor_locked`, `factor_wrong`, returned so that it is counted. Refuses `permission_missing`.
    """
    staff_id = _himself(by)
    wrong = await _counted(tx, staff_id, code, at=at) if await has_app(tx, staff_id) else None
    if wrong is None:
        sealed = await vault.seal(tx, staff_id, seed.encode(), bound=_OFFER, at=at)
        await staff_app_store.offer_staff_app(tx, staff_id, sealed, at)
    return wrong


async def offered_seed(tx: Tx, staff_id: UUID, *, at: datetime) -> str | None:
    """The seed that he is being shown; None where none was begun in the last ten minutes."""
    offered = await staff_app_store.staff_app_offer(tx, staff_id, at - OFFERED_FOR)
    return (await vault.open_sealed(tx, staff_id, offered, bound=_OFFER)).decode() if offered is not None else None


async def confirm(tx: Tx, by: Principal, code: str, *, at: datetime) -> Refusal | None:
    """Takes the seed that was shown last, by a code of it. His session may do all that he may from now on, his other ones end.

    None, or the answer `totp_not_begun`, `factor_locked`, `factor_wrong`. Refuses `permission_missing`.
    """
    staff_id = _himself(by)
    seed = await offered_seed(tx, staff_id, at=at)
    if seed is None:
        return no.TOTP_NOT_BEGUN()
    number = await tries.take(tx, _guarding(staff_id), at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(field="code", retry_after_s=number.retry_after_s)
    step = matching_step(seed, code, at)
    if step is None:
        return no.FACTOR_WRONG(field="code")
    await tries.forgive(tx, _guarding(staff_id))
    sealed = await vault.seal(tx, staff_id, seed.encode(), bound=_APP, at=at)
    await staff_app_store.set_staff_app(tx, staff_id, sealed, step, at)
    await staff_app_store.drop_staff_app_offer(tx, staff_id)
    await staff_app_store.end_other_sessions(tx, staff_id, by.session_id, at)
    if by.session_id is not None:
        await staff_store.widen_session(tx, by.session_id, staff_id, needs_second=True)
    await audit.record(tx, by, "staff.app_set", staff_id, at=at)
    return None


async def remove_app(
    tx: Tx, staff_id: UUID, *, reason: str, by: Principal, at: datetime, seconded: Approval | None = None
) -> None:
    """For whoever has lost it, and his passkeys with it: by somebody else, and every session of his ends.

    Refuses `not_yourself`, `staff_unknown`, and staff alone `takes_a_second_person`.
    """
    if by.id == staff_id:
        raise no.NOT_YOURSELF()
    need_second(by, seconded)
    if await store.lock_staff(tx, staff_id) is None:
        raise no.STAFF_UNKNOWN()
    await staff_app_store.end_other_sessions(tx, staff_id, None, at)
    had_app = await staff_app_store.remove_staff_app(tx, staff_id)
    passkeys = await staff_store.revoke_staff_passkeys(tx, staff_id, None, at)
    if had_app or passkeys:
        await audit.record(tx, by, "staff.app_remove", staff_id, at=at, reason=reason, details={"passkeys": passkeys})


async def _counted(tx: Tx, staff_id: UUID, code: str, *, at: datetime) -> Refusal | None:
    number = await tries.take(tx, _guarding(staff_id), at=at)
    if isinstance(number, tries.Shut):
        return no.FACTOR_LOCKED(field="current", retry_after_s=number.retry_after_s)
    if not await check(tx, staff_id, code, at=at):
        return no.FACTOR_WRONG(field="current")
    await tries.forgive(tx, _guarding(staff_id))
    return None


def _himself(by: Principal) -> UUID:
    if by.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("staff alone have an app here")
    return by.id


def _guarding(staff_id: UUID) -> bytes:
    return tries.guarding("staff app", staff_id.hex)

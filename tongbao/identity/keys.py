"""API keys: made, rotated, revoked. The secret is handed in by the edge, shown once and kept only as a hash."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, store
from tongbao.identity import refusals as no
from tongbao.identity.model import KEY_PERMISSIONS, PERMISSIONS, ApiKey, KeyKind, Made, NewKey, Token
from tongbao.web.body import canonical_hash

_GIVERS = (PrincipalKind.STAFF, PrincipalKind.SYSTEM)
"""Who may give more than they hold: people, whose job it is, and the bank itself. A key cannot make a stronger key."""


_ALONE = (KeyKind.MERCHANT,)
"""Kinds of keys that a member of staff makes without a second person."""


async def issue_key(
    tx: Tx, new: NewKey, token: Token, *, by: Principal, at: datetime, seconded: Approval | None = None
) -> Made[ApiKey]:
    """Makes a key that `token` opens. A replay shows the key without its secret: that was shown once.

    Refuses `subject_needed`, `expiry_past`, `permission_unknown`, `permission_not_for_kind`, `permission_not_yours`,
    `id_taken`, `id_reused`; staff alone, but for a merchant's, `takes_a_second_person`.
    """
    if new.kind not in _ALONE:
        need_second(by, seconded)
    asked = [(new.id, canonical_hash(new))]
    verdict = (await claims.known(tx, "key", asked, by))[0]
    if verdict is claims.NEW:
        permissions = check_new_key(new, by, at=at)
        verdict = (await claims.claim(tx, "key", asked, by, at))[0]
        if verdict is claims.NEW:
            key = ApiKey(
                id=new.id,
                public_id=token.public_id,
                principal_id=new.id,
                kind=new.kind,
                subject_id=new.subject_id,
                permissions=permissions,
                note=new.note,
                created_at=at,
                expires_at=new.expires_at,
                revoked_at=None,
                rotated_to=None,
                last_used_on=None,
            )
            return await _add(tx, key, token, "key.issue", by, at)
    return await _replayed(tx, verdict, new.id)


def check_new_key(new: NewKey, by: Principal, *, at: datetime) -> frozenset[str]:
    """The rights of a key that is to be made. Refuses what `issue_key` refuses of what was asked."""
    permissions = _granted(new, by)
    if (new.kind is KeyKind.BANK) != (new.subject_id is None):
        raise no.SUBJECT_NEEDED()
    if new.expires_at is not None and new.expires_at <= at:
        raise no.EXPIRY_PAST(field="expires_at")
    return permissions


def _granted(new: NewKey, by: Principal) -> frozenset[str]:
    most = KEY_PERMISSIONS[new.kind]
    given = most if by.kind in _GIVERS else most & by.permissions
    if new.permissions is None:
        return given
    wanted = frozenset(new.permissions)
    if unknown := wanted - set(PERMISSIONS):
        raise no.PERMISSION_UNKNOWN(", ".join(sorted(unknown)), field="permissions")
    if wrong := wanted - most:
        raise no.PERMISSION_NOT_FOR_KIND(", ".join(sorted(wrong)), field="permissions")
    if missing := wanted - given:
        raise no.PERMISSION_NOT_YOURS(", ".join(sorted(missing)), field="permissions")
    return wanted


async def rotate_key(
    tx: Tx,
    key_id: UUID,
    *,
    new_id: UUID,
    token: Token,
    overlap: timedelta,
    by: Principal,
    at: datetime,
    seconded: Approval | None = None,
) -> Made[ApiKey]:
    """A new key for the same principal with the same rights and expiry; the old one ends after `overlap`.

    Refuses `key_unknown`, `key_over`, `permission_not_yours`, `id_taken`, `id_reused`; staff alone, but for a merchant's,
    `takes_a_second_person`: whoever replaces a key has its rights in his hands.
    """
    digest = sha256(f"{key_id}\n{overlap // timedelta(seconds=1)}".encode()).digest()
    verdict = (await claims.claim(tx, "key", [(new_id, digest)], by, at))[0]
    if verdict is not claims.NEW:
        return await _replayed(tx, verdict, new_id)
    old = await store.lock_key(tx, key_id)
    if old is None:
        raise no.KEY_UNKNOWN()
    if old.kind not in _ALONE:
        need_second(by, seconded)
    if old.is_over(at) or old.rotated_to is not None:
        raise no.KEY_OVER()
    if by.kind not in _GIVERS and not old.permissions <= by.permissions:
        raise no.PERMISSION_NOT_YOURS()
    key = ApiKey(
        id=new_id,
        public_id=token.public_id,
        principal_id=old.principal_id,
        kind=old.kind,
        subject_id=old.subject_id,
        permissions=old.permissions,
        note=old.note,
        created_at=at,
        expires_at=old.expires_at,
        revoked_at=None,
        rotated_to=None,
        last_used_on=None,
    )
    made = await _add(tx, key, token, "key.rotate", by, at)
    await store.key_rotated(tx, key_id, new_id, at + overlap)
    return made


async def _add(tx: Tx, key: ApiKey, token: Token, action: str, by: Principal, at: datetime) -> Made[ApiKey]:
    await store.add_key(tx, key, token, by.id)
    details = {"kind": key.kind, "permissions": sorted(key.permissions)}
    await audit.record(tx, by, action, key.id, at=at, details=details)
    return Made(key)


async def _replayed(tx: Tx, verdict: claims.Verdict, key_id: UUID) -> Made[ApiKey]:
    if isinstance(verdict, Refusal):
        raise verdict
    return Made((await store.keys(tx, [key_id]))[key_id], replayed=True)


async def revoke_key(tx: Tx, key_id: UUID, *, by: Principal, at: datetime) -> ApiKey:
    """Ends a key for ever; done within 2 s in every process. Refuses `key_unknown`. Once revoked, nothing changes."""
    key = await store.lock_key(tx, key_id)
    if key is None:
        raise no.KEY_UNKNOWN()
    if key.revoked_at is None:
        await store.revoke_key(tx, key_id, at)
        await audit.record(tx, by, "key.revoke", key_id, at=at)
    return (await store.keys(tx, [key_id]))[key_id]


async def find_keys(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, ApiKey]:
    """Keys by id; unknown ids are left out."""
    return await store.keys(tx, ids)


async def list_keys(
    tx: Tx, *, subject_id: UUID | None = None, before: UUID | None = None, most: int = 50
) -> list[ApiKey]:
    """Keys, newest id first; of one merchant or partner where `subject_id` says so."""
    return await store.list_keys(tx, subject_id, before, most)

"""From what a caller shows to who he is."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.principal import Look, Principal, PrincipalKind, Rules
from tongbao.base.refusal import Refusal
from tongbao.identity import device_store, store
from tongbao.identity.model import (
    RENEWAL_OVERLAP,
    SEEN_EVERY,
    SESSION_IDLES,
    VISITOR_PERMISSIONS,
    Role,
    Token,
    VisitorKind,
    permissions_of,
)
from tongbao.web.refusals import INVALID_KEY, KEY_EXPIRED, SESSION_STOLEN

_TOKEN = re.compile(r"tb_(bank|merchant|partner|staff|customer|shop)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


def read_token(text: str) -> Token:
    """The parts of a token. Refuses `invalid_key` for what cannot be one, without asking the database."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise INVALID_KEY()
    return Token(found[1], found[2], found[3])


async def authenticate(tx: Tx, text: str, *, at: datetime) -> Principal:
    """The principal of a key or of a session. Refuses `invalid_key`, `key_expired`, `session_stolen`."""
    token = read_token(text)
    if token.kind == PrincipalKind.STAFF:
        return await _by_session(tx, token, at)
    if token.kind in VISITOR_PERMISSIONS:
        return await _by_visit(tx, token, at)
    return await _by_key(tx, token, at)


async def _by_key(tx: Tx, token: Token, at: datetime) -> Principal:
    row = await store.key_shown(tx, token.public_id)
    if row is None:
        raise INVALID_KEY()
    principal_id, kind, subject_id, permissions, secret_hash, expires_at, revoked_at, last_used_on, signed, shown = row
    # The secret first: nobody without it learns whether a key is revoked or expired.
    if not hmac.compare_digest(token.secret_hash, secret_hash) or kind != token.kind or revoked_at is not None:
        raise INVALID_KEY()
    if expires_at is not None and expires_at <= at:
        raise KEY_EXPIRED()
    if last_used_on is None or last_used_on < at.date():
        await store.key_used(tx, token.public_id, at.date())
    return Principal(
        id=principal_id,
        kind=PrincipalKind(kind),
        permissions=frozenset(permissions),
        subject_id=subject_id,
        rules=Rules(signature=signed, certificate=shown) if signed or shown else None,
    )


async def _by_session(tx: Tx, token: Token, at: datetime) -> Principal:
    row = await store.session_shown(tx, token.public_id)
    if row is None:
        raise INVALID_KEY()
    session_id, staff_id, roles, status, secret_hash, seen_at, expires_at, ended_at, limited = row
    if not hmac.compare_digest(token.secret_hash, secret_hash) or ended_at is not None or status != "active":
        raise INVALID_KEY()
    _check_time(seen_at, expires_at, at)
    if seen_at + SEEN_EVERY <= at:
        await store.session_seen(tx, token.public_id, at)
    held = frozenset[Role]() if limited else frozenset(Role(role) for role in roles)
    return msgspec.structs.replace(staff_principal(staff_id, held), session_id=session_id)


def _check_time(seen_at: datetime, expires_at: datetime, at: datetime) -> None:
    if expires_at <= at or seen_at + SESSION_IDLES <= at:
        raise KEY_EXPIRED("the session is over; log in again")


def staff_principal(staff_id: UUID, roles: frozenset[Role]) -> Principal:
    return Principal(id=staff_id, kind=PrincipalKind.STAFF, permissions=permissions_of(roles))


async def _by_visit(tx: Tx, token: Token, at: datetime) -> Principal:
    row = await store.visitor_session_shown(tx, token.public_id, at)
    if row is None:
        raise INVALID_KEY()
    session_id, kind, holder_id, secret_hash, seen_at, expires_at, ended_at, device_id, *secrets, warned, look = row
    offered, renewed_at, spent = secrets
    shown = _which(token, secret_hash, offered, spent or ())
    if shown is None or kind != token.kind or ended_at is not None:
        raise INVALID_KEY()
    _check_time(seen_at, expires_at, at)
    if shown is _Secret.OFFERED:
        await device_store.take_offer(tx, token, at)
    elif shown is _Secret.SPENT or (
        shown is _Secret.LAST and (renewed_at is None or renewed_at + RENEWAL_OVERLAP <= at)
    ):
        raise StolenToken(SESSION_STOLEN)
    if seen_at + SEEN_EVERY <= at:
        await store.visitor_session_seen(tx, token.public_id, at)
    found = visitor_principal(VisitorKind(kind), holder_id, session_id=session_id, device_id=device_id)
    if not warned and look is None:
        return found
    return msgspec.structs.replace(found, warned=warned, look=Look(*look) if look else None)


class _Secret(Enum):
    """Which one of a session's secrets was shown."""

    IN_USE = auto()
    OFFERED = auto()
    LAST = auto()
    """The one before, good for a moment more."""
    SPENT = auto()


def _which(token: Token, in_use: bytes, offered: bytes | None, spent: Sequence[bytes]) -> _Secret | None:
    """None for a wrong one."""
    known = [(in_use, _Secret.IN_USE), *([(offered, _Secret.OFFERED)] if offered else [])]
    known += [(one, _Secret.LAST if one is spent[-1] else _Secret.SPENT) for one in spent]
    return next((which for one, which in known if hmac.compare_digest(token.secret_hash, one)), None)


class StolenToken(Refusal):
    """The right secret of a session, long after it was replaced. Somebody has copied it."""


def visitor_principal(
    kind: VisitorKind, holder_id: UUID, *, session_id: UUID | None = None, device_id: UUID | None = None
) -> Principal:
    """The principal is the holder, not the session: a retry after logging in anew is a replay, not `id_taken`.

    A customer is himself. A merchant's people have no names here yet: whoever is in the shop acts as the merchant.
    """
    acts_as = PrincipalKind.CUSTOMER if kind is VisitorKind.CUSTOMER else PrincipalKind.MERCHANT
    return Principal(
        id=holder_id,
        kind=acts_as,
        permissions=VISITOR_PERMISSIONS[kind],
        subject_id=holder_id,
        session_id=session_id,
        device_id=device_id,
    )

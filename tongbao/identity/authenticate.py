"""From what a caller shows to who he is."""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import store
from tongbao.identity.model import SEEN_EVERY, SESSION_IDLES, Role, Token, permissions_of
from tongbao.web.refusals import INVALID_KEY, KEY_EXPIRED

_TOKEN = re.compile(r"tb_(bank|merchant|partner|staff)_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


def read_token(text: str) -> Token:
    """The parts of a token. Refuses `invalid_key` for what cannot be one, without asking the database."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise INVALID_KEY()
    return Token(found[1], found[2], found[3])


async def authenticate(tx: Tx, text: str, *, at: datetime) -> Principal:
    """The principal of a key or of a session. Refuses `invalid_key`, `key_expired`."""
    token = read_token(text)
    if token.kind == PrincipalKind.STAFF:
        return await _by_session(tx, token, at)
    return await _by_key(tx, token, at)


async def _by_key(tx: Tx, token: Token, at: datetime) -> Principal:
    row = await store.key_shown(tx, token.public_id)
    if row is None:
        raise INVALID_KEY()
    principal_id, kind, subject_id, permissions, secret_hash, expires_at, revoked_at, last_used_on = row
    # The secret first: nobody without it learns whether a key is revoked or expired.
    if not hmac.compare_digest(token.secret_hash, secret_hash) or kind != token.kind or revoked_at is not None:
        raise INVALID_KEY()
    if expires_at is not None and expires_at <= at:
        raise KEY_EXPIRED()
    if last_used_on is None or last_used_on < at.date():
        await store.key_used(tx, token.public_id, at.date())
    return Principal(
        id=principal_id, kind=PrincipalKind(kind), permissions=frozenset(permissions), subject_id=subject_id
    )


async def _by_session(tx: Tx, token: Token, at: datetime) -> Principal:
    row = await store.session_shown(tx, token.public_id)
    if row is None:
        raise INVALID_KEY()
    _, staff_id, roles, status, secret_hash, seen_at, expires_at, ended_at = row
    if not hmac.compare_digest(token.secret_hash, secret_hash) or ended_at is not None or status != "active":
        raise INVALID_KEY()
    if expires_at <= at or seen_at + SESSION_IDLES <= at:
        raise KEY_EXPIRED("the session is over; log in again")
    if seen_at + SEEN_EVERY <= at:
        await store.session_seen(tx, token.public_id, at)
    return staff_principal(staff_id, frozenset(Role(role) for role in roles))


def staff_principal(staff_id: UUID, roles: frozenset[Role]) -> Principal:
    return Principal(id=staff_id, kind=PrincipalKind.STAFF, permissions=permissions_of(roles), subject_id=staff_id)

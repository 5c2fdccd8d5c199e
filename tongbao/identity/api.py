"""What identity brings to the edge: its routes, what they ask for, and who the door takes a token for."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.identity import (
    account_routes,
    customer_routes,
    device_key_routes,
    key_routes,
    member_routes,
    signing_key_routes,
    staff_routes,
    statement_routes,
    verification_routes,
)
from tongbao.identity.authenticate import StolenToken, authenticate, read_token
from tongbao.identity.intake import Wire
from tongbao.identity.model import VISITOR_PERMISSIONS, KeyKind, Token, fresh_token
from tongbao.identity.sessions import end_stolen, renew_session
from tongbao.web.door import Authenticate
from tongbao.web.renewal import Renew


def authenticator(db: Database, clock: Clock) -> Authenticate:
    """What the door asks: a look-up outside of any transaction. The door remembers the answers."""

    async def ask(token: str) -> Principal:
        try:
            async with db.read() as tx:
                return await authenticate(tx, token, at=clock.now())
        except StolenToken:
            await db.retry(lambda tx: end_stolen(tx, token, at=clock.now()))
            raise

    return ask


def renewer(db: Database, clock: Clock) -> Renew:
    """What the door asks of a visitor's cookie once a minute: whether it is to be replaced, and by what for how many seconds."""

    async def renew(text: str) -> tuple[str, int] | None:
        shown = read_token(text)
        if shown.kind not in VISITOR_PERMISSIONS:
            return None
        fresh = Token(shown.kind, shown.public_id, fresh_token(shown.kind, secrets.token_bytes).secret)
        at = clock.now()
        expires_at = await db.retry(lambda tx: renew_session(tx, text, fresh, at=at))
        return (str(fresh), (expires_at - at) // timedelta(seconds=1)) if expires_at is not None else None

    return renew


async def _nobody_known(_tx: Tx, _kind: KeyKind, _subject_id: UUID) -> bool:
    return True


def provided(subject_known: key_routes.SubjectKnown | None = None) -> dict[str, Any]:
    """What these routes ask for besides `db`, `clock` and `settings`."""
    return {"subject_known": subject_known or _nobody_known}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *customer_routes.ROUTES,
    *account_routes.ROUTES,
    *statement_routes.ROUTES,
    *key_routes.ROUTES,
    *signing_key_routes.ROUTES,
    *device_key_routes.ROUTES,
    *staff_routes.ROUTES,
    *member_routes.ROUTES,
    *verification_routes.ROUTES,
)

__all__ = ["ROUTES", "Wire", "authenticator", "provided", "renewer"]

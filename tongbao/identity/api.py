"""What identity brings to the edge: its routes, what they ask for, and who the door takes a token for."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.identity import account_routes, customer_routes, key_routes, staff_routes
from tongbao.identity.authenticate import authenticate
from tongbao.identity.model import KeyKind
from tongbao.web.door import Authenticate


def authenticator(db: Database, clock: Clock) -> Authenticate:
    """What the door asks: a look-up outside of any transaction. The door remembers the answers."""

    async def ask(token: str) -> Principal:
        async with db.read() as tx:
            return await authenticate(tx, token, at=clock.now())

    return ask


async def _nobody_known(_tx: Tx, _kind: KeyKind, _subject_id: UUID) -> bool:
    return True


def provided(subject_known: key_routes.SubjectKnown | None = None) -> dict[str, Any]:
    """What these routes ask for besides `db`, `clock` and `settings`."""
    return {"subject_known": subject_known or _nobody_known}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *customer_routes.ROUTES,
    *account_routes.ROUTES,
    *key_routes.ROUTES,
    *staff_routes.ROUTES,
)

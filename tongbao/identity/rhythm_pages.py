"""Where a customer's page sends how he typed, beside the form that he sends: nothing that he wants done waits for it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import psycopg
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base import log
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.identity import rhythm
from tongbao.identity.rhythm_model import Typed, Typing
from tongbao.web import body as bodies
from tongbao.web.site import By, Db, Now, visitor

LARGEST: Final = 4096

logger = log.get(__name__)


@post("/me/rhythm", guards=[visitor("me", "me:read")], include_in_schema=False, request_max_body_size=LARGEST)
async def measured(data: JSONBody[Typing], principal: By, db: Db, clock: Now) -> Response[bytes]:
    """204 whether it was kept or not: what was on its way when consent was withdrawn is dropped, and nobody waits for an answer."""
    assert principal.subject_id is not None
    async with db.tx() as tx:
        await rhythm.keep_rhythm(tx, principal.subject_id, data, device_id=principal.device_id, at=clock.now())
    return Response(b"", status_code=204)


async def keep_log_in(db: Database, clock: Clock, customer_id: UUID, device_id: UUID | None, raw: str) -> None:
    """What came with a log-in that has succeeded. Nonsense and trouble are dropped: he is in."""
    if not raw:
        return
    try:
        typing = bodies.parse(Typing, raw.encode())
        if typing.form is not Typed.LOG_IN:
            return
        async with db.tx() as tx:
            await rhythm.keep_rhythm(tx, customer_id, typing, device_id=device_id, at=clock.now())
    except (Refusal, psycopg.Error) as error:
        logger.info("rhythm_dropped", exc_info=error)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (measured,)

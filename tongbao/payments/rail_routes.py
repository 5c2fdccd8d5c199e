"""JSON routes of payments that wait for another bank: ask it again, decide it by two people, and how the rails do."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base import approvals
from tongbao.base.db import Database, Tx
from tongbao.base.settings import Settings
from tongbao.payments import asking, rail_calls, store, ways
from tongbao.payments import refusals as no
from tongbao.payments.actions import actions
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import NoOrder, RailReply, ResolutionOrder, ResolutionView, TopUpOrder
from tongbao.payments.model import Over
from tongbao.payments.rail_health import MethodHealth, RailHealth, method_health, rail_health
from tongbao.payments.resolve import MAY_RESOLVE, propose_resolution
from tongbao.payments.seen import may_see_payment, view_of
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD, MISSING_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, Now, made, problems, require


async def over_of(data: TopUpOrder, id: UUID, db: Database, settings: Settings, at: datetime) -> Over | None:
    """The way in that a top-up asks for; None for money that is credited at once. Leaves no trace where it refuses.

    Refuses `missing_field`, `invalid_field`, `rail_unknown`, and `rail_down` for a top-up that is not known yet.
    """
    if data.rail is None:
        if data.outside_account is not None:
            raise INVALID_FIELD("only with `rail`", field="outside_account")
        return None
    if data.outside_account is None:
        raise MISSING_FIELD("the account at the other bank", field="outside_account")
    over = Over(rail=data.rail, account=data.outside_account, within_s=settings.stuck_after_s)
    async with db.read() as tx:
        if await store.payments(tx, [id]):
            return over
        if data.rail not in settings.rail_urls:
            raise no.RAIL_UNKNOWN(field="rail")
        await rail_calls.check_up(tx, data.rail, at)
    return over


@post(
    "/v1/payments/{id:uuid}/ask-again",
    status_code=200,
    guards=[require(MAY_RESOLVE)],
    tags=["payments"],
    summary="Ask the other bank now what became of a payment; no money is asked for",
    operation_id="ask_again",
    response_description="What it said, and the payment after it. No answer changes nothing.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_WAITING_FOR_RAIL, no.RAIL_UNKNOWN, write=True),
)
async def ask_again(
    id: Id, principal: By, db: Db, clock: Now, settings: Config, intake: Pays, data: JSONBody[NoOrder | None] = None
) -> RailReply:
    asked = await asking.ask_again(db, intake, settings, principal, id, clock.now())
    async with db.read() as tx:
        after = await may_see_payment(tx, principal, id)
        return RailReply(
            rail=asked.rail,
            said=asked.call.said,
            reason=asked.call.reason,
            duration_ms=asked.call.duration_ms,
            payment=msgspec.structs.replace(await view_of(tx, after), checks=()),
            actions=actions(after.payment),
        )


@post(
    "/v1/payments/{id:uuid}/resolve",
    guards=[require(MAY_RESOLVE)],
    tags=["payments"],
    summary="Propose how a payment that waits for another bank ended; it ends so when another person approves",
    operation_id="resolve_payment",
    response_description="The proposal. Its id becomes the id of the operation.",
    responses=problems(
        no.PAYMENT_UNKNOWN,
        no.NOT_WAITING_FOR_RAIL,
        approvals.APPROVAL_ID_TAKEN,
        approvals.APPROVAL_NEEDS_A_REASON,
        make=True,
    ),
)
async def resolve_payment(
    id: Id, data: JSONBody[ResolutionOrder], key: Key, principal: By, db: Db, clock: Now
) -> ResolutionView:
    at = clock.now()

    async def propose(tx: Tx) -> Any:
        filed = await propose_resolution(tx, principal, id, data.outcome, id=key, reason=data.reason, at=at)
        view = ResolutionView(
            id=filed.id,
            payment_id=id,
            outcome=data.outcome,
            state=approvals.ApprovalState.PROPOSED,
            reason=filed.reason,
            proposed_by=filed.proposed_by,
            proposed_at=filed.proposed_at,
            expires_at=filed.expires_at,
        )
        return made(view, replayed=filed.proposed_at != at)

    return await db.retry(propose)


@get(
    "/v1/rails",
    guards=[require("events:read")],
    tags=["operations"],
    summary="How each way to another bank does: answers, how long they take, what waits",
    operation_id="list_rails",
    response_description="A row a rail.",
    responses=problems(),
)
async def list_rails(db: Db, clock: Now, settings: Config) -> Page[RailHealth]:
    async with db.read() as tx:
        return Page(items=await rail_health(tx, ways.names(settings), clock.now()))


@get(
    "/v1/methods",
    guards=[require("events:read")],
    tags=["operations"],
    summary="What became of the payments of the last five minutes, by method",
    operation_id="list_methods",
    response_description="A row a method.",
    responses=problems(),
)
async def list_methods(db: Db, clock: Now) -> Page[MethodHealth]:
    async with db.read() as tx:
        return Page(items=await method_health(tx, clock.now()))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (ask_again, resolve_payment, list_rails, list_methods)

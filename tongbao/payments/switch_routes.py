"""JSON routes of kill switches: look at them, throw one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter

from tongbao.base.approvals import BY_KEYS_AT_ONCE, TAKES_A_SECOND_PERSON
from tongbao.base.db import Tx
from tongbao.payments import refusals as no
from tongbao.payments.model import Scope, Switch
from tongbao.payments.switches import resume, stop, switches
from tongbao.web import paging
from tongbao.web.body import Body, Reason
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Db, Now, problems, require

InScope = Annotated[str, PathParameter(description="`kind`, `merchant`, `country` or `method`.")]
OfKey = Annotated[
    str, PathParameter(description="A kind (`transfer`), a merchant's id, a country (`HK`), or a method (`qr`).")
]


class SwitchOrder(Body, frozen=True, kw_only=True):
    stopped: bool
    reason: Reason
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """When a stop ends by itself; else it lasts until somebody resumes."""
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None
    """The `version` that you have seen: refused if somebody has changed it since."""


class SwitchView(msgspec.Struct, frozen=True, kw_only=True):
    """`stopped`: at this moment. `version` counts the changes; 0: nobody has ever thrown it, and the rest is null."""

    scope: Scope
    key: str
    stopped: bool
    since: datetime | None
    by: UUID | None
    reason: str | None
    until: datetime | None
    version: int


def _view(switch: Switch, at: datetime) -> SwitchView:
    return SwitchView(
        scope=switch.scope,
        key=switch.key,
        stopped=switch.stops(at),
        since=switch.since,
        by=switch.by,
        reason=switch.reason,
        until=switch.until,
        version=switch.version,
    )


@get(
    "/v1/switches",
    guards=[require("switches:read")],
    tags=["switches"],
    summary="Kill switches: which kinds, methods, merchants and countries are stopped, since when, by whom and why",
    operation_id="list_switches",
    response_description="Every kind and method, and merchants and countries whose switch was ever thrown; 1,000 at most.",
    responses=problems(),
)
async def list_switches(db: Db, clock: Now) -> list[SwitchView]:
    at = clock.now()
    async with db.read() as tx:
        return [_view(switch, at) for switch in await switches(tx)]


@put(
    "/v1/switches/{of:str}/{name:str}",
    guards=[require("switches:write")],
    tags=["switches"],
    summary="Stop taking payments of a kind, by a method, to a merchant or to a country's merchants; or take them again",
    description=f"Anybody with the right stops at once. To take them again: {BY_KEYS_AT_ONCE}",
    operation_id="throw_switch",
    response_description="The switch. It holds for every payment that arrives from now on.",
    responses=problems(
        no.SWITCH_UNKNOWN, no.MERCHANT_UNKNOWN, no.SWITCH_CHANGED, no.UNTIL_PAST, TAKES_A_SECOND_PERSON, write=True
    ),
)
async def throw_switch(
    of: InScope, name: OfKey, data: JSONBody[SwitchOrder], principal: By, db: Db, clock: Now
) -> SwitchView:
    if of not in tuple(Scope):
        raise INVALID_FIELD("kind, merchant, country or method", field="of")
    if data.until is not None and not data.stopped:
        raise INVALID_FIELD("only a stop has an end", field="until")
    until = paging.moment(data.until, "until")
    scope = Scope(of)

    async def throw(tx: Tx) -> SwitchView:
        at = clock.now()
        if data.stopped:
            done = await stop(
                tx, principal, scope, name, reason=data.reason, until=until, expected=data.expected, at=at
            )
        else:
            done = await resume(tx, principal, scope, name, reason=data.reason, expected=data.expected, at=at)
        return _view(done, at)

    return await db.retry(throw)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_switches, throw_switch)

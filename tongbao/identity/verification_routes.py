"""JSON routes of verification: ask about a customer, see what became of it, give a level, and what each level may pay."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.approvals import BY_KEYS_AT_ONCE, TAKES_A_SECOND_PERSON
from tongbao.base.db import Tx
from tongbao.base.principal import PrincipalKind
from tongbao.identity import customers, people, verification
from tongbao.identity import refusals as no
from tongbao.identity.customer_routes import CustomerView, Name, customer_view
from tongbao.identity.model import Verification, VerificationState
from tongbao.identity.own import may_see_customer, require_or_own
from tongbao.web.body import Body, Reason
from tongbao.web.site import By, Db, Id, Key, Now, made, problems, require

IdNumber = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=40, description="Of an identity card: 18 places", examples=["110101199003070016"]
    ),
]


class VerificationOrder(Body, frozen=True):
    name: Name
    id_number: IdNumber


class LevelOrder(Body, frozen=True):
    level: Annotated[int, msgspec.Meta(ge=0, le=3, examples=[3])]
    reason: Reason


class VerificationView(msgspec.Struct, kw_only=True):
    """Never the name or the number."""

    id: UUID
    customer_id: UUID
    state: VerificationState
    asked_at: datetime
    decided_at: datetime | None


class LevelView(msgspec.Struct, kw_only=True):
    """In minor units of CNY; null: the level sets no bound."""

    level: int
    name: str
    per_payment: int | None
    per_day: int | None


def _view(found: Verification) -> VerificationView:
    return VerificationView(
        id=found.id,
        customer_id=found.customer_id,
        state=found.state,
        asked_at=found.asked_at,
        decided_at=found.decided_at,
    )


@post(
    "/v1/customers/{id:uuid}/verifications",
    guards=[require_or_own("customers:write", "me:pay")],
    tags=["customers"],
    summary="Ask whether a person's name and identity number belong together",
    operation_id="ask_verification",
    response_description="The question: it is answered later. A customer who is verified rises to level 1.",
    responses=problems(
        no.CUSTOMER_UNKNOWN,
        no.CUSTOMER_CLOSED,
        no.VERIFICATION_FOR_PERSONS,
        no.ALREADY_VERIFIED,
        no.ID_NUMBER_MALFORMED,
        no.VERIFICATION_OPEN,
        no.VERIFICATION_TOO_OFTEN,
        no.ID_NUMBER_TAKEN,
        make=True,
    ),
)
async def ask_verification(
    id: Id, data: JSONBody[VerificationOrder], key: Key, principal: By, db: Db, clock: Now
) -> VerificationView:
    may_see_customer(principal, id)

    async def ask(tx: Tx) -> tuple[bool, Verification]:
        before = await verification.find_verification(tx, key)
        await verification.ask_verification(
            tx,
            id,
            id=key,
            name=data.name,
            id_number=data.id_number,
            by=principal,
            at=clock.now(),
            tells_taken=principal.kind is not PrincipalKind.CUSTOMER,
        )
        found = before or await verification.find_verification(tx, key)
        assert found is not None
        return before is not None, found

    replayed, found = await db.retry(ask)
    return made(_view(found), replayed=replayed)


@get(
    "/v1/customers/{id:uuid}/verifications",
    guards=[require_or_own("customers:read", "me:read")],
    tags=["customers"],
    summary="What became of the questions about a customer, newest first",
    operation_id="list_verifications",
    response_description="At most 20.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def list_verifications(id: Id, principal: By, db: Db) -> list[VerificationView]:
    may_see_customer(principal, id)
    async with db.read() as tx:
        if not await customers.find_customers(tx, [id]):
            raise no.CUSTOMER_UNKNOWN()
        return [_view(found) for found in await verification.verifications(tx, id)]


@post(
    "/v1/customers/{id:uuid}/level",
    status_code=200,
    guards=[require("customers:write")],
    tags=["customers"],
    summary="Give a customer a higher level: 2, documents seen; 3, seen at the counter",
    description=BY_KEYS_AT_ONCE,
    operation_id="raise_level",
    response_description="The customer.",
    responses=problems(
        no.CUSTOMER_UNKNOWN,
        no.CUSTOMER_CLOSED,
        no.LEVEL_NOT_GIVEN,
        no.LEVEL_NOT_HIGHER,
        TAKES_A_SECOND_PERSON,
        write=True,
    ),
)
async def raise_level(id: Id, data: JSONBody[LevelOrder], principal: By, db: Db, clock: Now) -> CustomerView:
    async def give(tx: Tx) -> CustomerView:
        at = clock.now()
        customer = await verification.raise_level(tx, id, data.level, reason=data.reason, by=principal, at=at)
        known = await people.details_of(tx, [customer], by=principal, reason=data.reason, at=at)
        return customer_view(customer, known[id])

    return await db.retry(give)


@get(
    "/v1/levels",
    guards=[require_or_own("limits:read", "me:read")],
    tags=["limits"],
    summary="What may be paid at each level of verification",
    operation_id="list_levels",
    response_description="From level 0, which pays nothing, to level 3, which has no bound of its own.",
    responses=problems(),
)
async def list_levels(db: Db) -> list[LevelView]:
    async with db.read() as tx:
        found = await verification.levels(tx)
    return [
        LevelView(level=one.level, name=one.name, per_payment=one.per_payment_minor, per_day=one.per_day_minor)
        for one in found
    ]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (ask_verification, list_verifications, raise_level, list_levels)

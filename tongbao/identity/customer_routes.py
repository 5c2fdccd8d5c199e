"""JSON routes of customers: register, look up, freeze, thaw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import customers, standing
from tongbao.identity import refusals as no
from tongbao.identity.model import Account, Customer, CustomerKind, NewCustomer, Standing
from tongbao.web.body import END, Body, Reason
from tongbao.web.site import By, Db, Id, Key, Now, made, problems, require

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["王小明"])]
Phone = Annotated[
    str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}" + END, description="E.164", examples=["+8613800138000"])
]


class CustomerOrder(Body, frozen=True):
    kind: CustomerKind
    name: Name
    phone: Phone | None = None


class CustomerView(msgspec.Struct, kw_only=True):
    id: UUID
    kind: CustomerKind
    name: str
    phone: str | None
    status: Standing
    created_at: datetime


class Why(Body, frozen=True):
    reason: Reason


def _customer_view(customer: Customer) -> CustomerView:
    return CustomerView(**msgspec.structs.asdict(customer))


@post(
    "/v1/customers",
    guards=[require("customers:write")],
    tags=["customers"],
    summary="Register a person or a firm",
    operation_id="register_customer",
    response_description="The customer.",
    responses=problems(make=True),
)
async def register_customer(data: JSONBody[CustomerOrder], key: Key, principal: By, db: Db, clock: Now) -> CustomerView:
    new = NewCustomer(id=key, kind=data.kind, name=data.name, phone=data.phone)

    async def register(tx: Tx) -> Any:
        outcome = (await customers.register_customers(tx, [new], by=principal, at=clock.now()))[0]
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    done = await db.retry(register)
    view = _customer_view(done.thing)
    view.status = Standing.OPEN  # as the first answer had it
    return made(view, replayed=done.replayed)


@get(
    "/v1/customers/{id:uuid}",
    guards=[require("customers:read")],
    tags=["customers"],
    summary="A customer",
    operation_id="get_customer",
    response_description="The customer.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def get_customer(id: Id, db: Db) -> CustomerView:
    async with db.read() as tx:
        found = (await customers.find_customers(tx, [id])).get(id)
    if found is None:
        raise no.CUSTOMER_UNKNOWN()
    return _customer_view(found)


async def _settle_all(db: Database, clock: Clock, account_ids: list[UUID]) -> None:
    for account_id in account_ids:

        async def settle(tx: Tx, account_id: UUID = account_id) -> Account:
            return await standing.settle_account(tx, account_id, at=clock.now())

        await db.retry(settle)


async def _customer_stands(
    db: Database,
    clock: Clock,
    move: Callable[..., Awaitable[tuple[Customer, list[UUID]]]],
    customer_id: UUID,
    why: Why,
    by: Principal,
) -> CustomerView:
    async def decide(tx: Tx) -> tuple[Customer, list[UUID]]:
        return await move(tx, customer_id, reason=why.reason, by=by, at=clock.now())

    customer, account_ids = await db.retry(decide)
    await _settle_all(db, clock, account_ids)
    return _customer_view(customer)


@post(
    "/v1/customers/{id:uuid}/freeze",
    status_code=200,
    guards=[require("customers:freeze")],
    tags=["customers"],
    summary="Freeze a customer and all of the accounts",
    operation_id="freeze_customer",
    response_description="The customer, frozen now or before.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.STANDING_MOVE_REFUSED, write=True),
)
async def freeze_customer(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> CustomerView:
    return await _customer_stands(db, clock, standing.freeze_customer, id, data, principal)


@post(
    "/v1/customers/{id:uuid}/unfreeze",
    status_code=200,
    guards=[require("customers:freeze")],
    tags=["customers"],
    summary="Thaw a customer; accounts frozen for themselves stay frozen",
    operation_id="unfreeze_customer",
    response_description="The customer, open now or before.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.STANDING_MOVE_REFUSED, write=True),
)
async def unfreeze_customer(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> CustomerView:
    return await _customer_stands(db, clock, standing.unfreeze_customer, id, data, principal)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    register_customer,
    get_customer,
    freeze_customer,
    unfreeze_customer,
)

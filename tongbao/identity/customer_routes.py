"""JSON routes of customers: register, look up, freeze, thaw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody

from tongbao.base.approvals import BY_KEYS_AT_ONCE, TAKES_A_SECOND_PERSON
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import customers, people, standing
from tongbao.identity import refusals as no
from tongbao.identity.model import FULL_LEVEL, Account, Customer, CustomerKind, Details, NewCustomer, Standing
from tongbao.identity.own import may_see_customer, require_or_own
from tongbao.identity.phones import read_phone
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
    level: int


class Why(Body, frozen=True):
    reason: Reason


def customer_view(customer: Customer, details: Details) -> CustomerView:
    return CustomerView(
        id=customer.id,
        kind=customer.kind,
        name=details.name,
        phone=details.phone,
        status=customer.status,
        created_at=customer.created_at,
        level=customer.level,
    )


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
    # As the first answer had it: the same request says the same name.
    view = customer_view(done.thing, Details(name=data.name, phone=data.phone))
    view.status, view.level = Standing.OPEN, FULL_LEVEL
    return made(view, replayed=done.replayed)


@get(
    "/v1/customers/{id:uuid}",
    guards=[require_or_own("customers:read", "me:read")],
    tags=["customers"],
    summary="A customer",
    operation_id="get_customer",
    response_description="The customer.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def get_customer(id: Id, principal: By, db: Db, clock: Now) -> CustomerView:
    may_see_customer(principal, id)
    async with db.read() as tx:
        found = (await customers.find_customers(tx, [id])).get(id)
        if found is None:
            raise no.CUSTOMER_UNKNOWN()
        # Each statement of a look-up stands for itself: word of the reading is there before anything is opened.
        details = await people.details_of(tx, [found], by=principal, reason="GET /v1/customers/{id}", at=clock.now())
    return customer_view(found, details[id])


Called = Annotated[
    str | None, msgspec.Meta(min_length=1, max_length=200, description="The whole name, however it is spelt.")
]
Rung = Annotated[
    str | None,
    msgspec.Meta(
        min_length=1, max_length=40, description="A telephone number; one of mainland China without its country too."
    ),
]


class MaskedCustomerView(msgspec.Struct, kw_only=True):
    """`name` and `phone` are masked: 李*, 138****1234. In full they are at the customer's own address, and that is written down."""

    id: UUID
    kind: CustomerKind
    name: str
    phone: str | None
    status: Standing
    created_at: datetime
    level: int


class FoundCustomers(msgspec.Struct, kw_only=True):
    items: list[MaskedCustomerView]


@get(
    "/v1/customers",
    guards=[require("customers:read")],
    tags=["customers"],
    summary="Customers by name or telephone number",
    operation_id="find_customers",
    response_description="Whoever is called exactly so or has exactly this number, the newest first, 50 at most; names masked.",
    responses=problems(no.PHONE_MALFORMED, no.NOBODY_ASKED_FOR),
)
async def find_customers(db: Db, name: FromQuery[Called] = None, phone: FromQuery[Rung] = None) -> FoundCustomers:
    if not (name and name.strip()) and phone is None:
        raise no.NOBODY_ASKED_FOR()
    number = read_phone(phone) if phone is not None else None
    async with db.read() as tx:
        found = await people.find_people(tx, name=name or None, phone=number)
        shown = await people.masked_details(tx, found)
    views = [
        msgspec.convert(customer_view(one, shown[one.id]), MaskedCustomerView, from_attributes=True) for one in found
    ]
    return FoundCustomers(items=views)


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
    async def decide(tx: Tx) -> tuple[Customer, Details, list[UUID]]:
        customer, account_ids = await move(tx, customer_id, reason=why.reason, by=by, at=clock.now())
        known = await people.details_of(tx, [customer], by=by, reason=why.reason, at=clock.now())
        return customer, known[customer_id], account_ids

    customer, details, account_ids = await db.retry(decide)
    await _settle_all(db, clock, account_ids)
    return customer_view(customer, details)


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
    description=BY_KEYS_AT_ONCE,
    operation_id="unfreeze_customer",
    response_description="The customer, open now or before.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.STANDING_MOVE_REFUSED, TAKES_A_SECOND_PERSON, write=True),
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
    find_customers,
    get_customer,
    freeze_customer,
    unfreeze_customer,
)

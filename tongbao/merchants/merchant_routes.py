"""JSON routes of merchants: register, look up, suspend; fee plans and what a payment would cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base import audit
from tongbao.base.countries import HOME
from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal
from tongbao.merchants import enquire, fee_plan, register
from tongbao.merchants import refusals as no
from tongbao.merchants.fees import FeePlan, FeeRate, fee
from tongbao.merchants.model import Merchant, MerchantStatus, NewMerchant, Place
from tongbao.web import paging
from tongbao.web.body import END, Amount, AmountOrZero, Body, Currency, Reason
from tongbao.web.paging import Page
from tongbao.web.site import By, Config, Cursor, Db, Id, Key, Limit, Now, made, problems, require

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["老王面馆"])]
Category = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["restaurant"])]
Country = Annotated[
    str, msgspec.Meta(pattern=f"^[A-Z]{{2}}{END}", description="ISO 3166-1 alpha-2 code.", examples=[HOME])
]
Method = Literal["account", "qr", "card", "api"]
METHODS: Final[tuple[Method, ...]] = ("account", "qr", "card", "api")


class PlaceBody(Body, frozen=True):
    """Where a shop stands. Latitude and longitude by WGS 84, in millionths of a degree."""

    district: Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"\S", examples=["和平区"])]
    latitude_e6: Annotated[int, msgspec.Meta(ge=-90_000_000, le=90_000_000, examples=[36_061_400])]
    longitude_e6: Annotated[int, msgspec.Meta(ge=-180_000_000, le=180_000_000, examples=[103_834_300])]


class MerchantOrder(Body, frozen=True):
    name: Name
    customer_id: UUID | None = None
    """The firm it belongs to; a new one of the same name unless told."""
    category: Category | None = None
    currency: Currency | None = None
    """The bank's own currency unless told."""
    country: Country = HOME
    """Where it sells; the bank's own country unless told."""
    place: PlaceBody | None = None
    """Where its shop stands; nowhere unless told: then it only sells online."""


class RateBody(Body, frozen=True):
    """`*` is every method without a rate of its own."""

    method: Literal["account", "qr", "card", "api", "*"]
    basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000, description="Hundredths of a per cent.", examples=[38])]
    fixed: AmountOrZero = 0
    smallest: AmountOrZero = 0
    largest: Amount | None = None
    """The cap; none unless told."""


class FeePlanBody(Body, frozen=True):
    rates: Annotated[list[RateBody], msgspec.Meta(min_length=1, max_length=20)]


class RateView(msgspec.Struct, kw_only=True):
    method: str
    currency: str
    basis_points: int
    fixed: int
    smallest: int
    largest: int | None


class FeePlanView(msgspec.Struct, kw_only=True):
    id: UUID
    merchant_id: UUID | None
    """Null: the bank's own plan, for all who have none of their own."""
    version: int
    rates: list[RateView]


class MerchantView(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    category: str | None
    customer_id: UUID
    status: MerchantStatus
    currency: str
    takings_account_id: UUID
    settlement_account_id: UUID
    fee_plan: FeePlanView
    created_at: datetime
    country: str
    place: Place | None


class StatusBody(Body, frozen=True):
    status: MerchantStatus
    reason: Reason


class StandsBody(Body, frozen=True):
    """`place` null: it only sells online."""

    place: PlaceBody | None
    reason: Reason


class FeeQuote(msgspec.Struct, kw_only=True):
    """What a payment of `amount` would cost the merchant now, and what is left of it."""

    method: str
    amount: int
    currency: str
    fee: int
    net: int


def own(principal: Principal, merchant_id: UUID) -> UUID:
    """`merchant_id`, if this principal may ask about it: whoever acts for one merchant does not learn of another."""
    if principal.subject_id not in (None, merchant_id):
        raise no.MERCHANT_UNKNOWN()
    return merchant_id


def only(principal: Principal, merchant_id: UUID | None) -> UUID | None:
    """Which merchant a list is about: the principal's own, the one asked for, or all."""
    if merchant_id is not None:
        return own(principal, merchant_id)
    return principal.subject_id


def plan_view(plan: FeePlan) -> FeePlanView:
    rates = [
        RateView(
            method=r.method,
            currency=r.currency,
            basis_points=r.basis_points,
            fixed=r.fixed_minor,
            smallest=r.smallest_minor,
            largest=r.largest_minor,
        )
        for r in plan.rates
    ]
    return FeePlanView(id=plan.id, merchant_id=plan.merchant_id, version=plan.version, rates=rates)


def merchant_view(merchant: Merchant) -> MerchantView:
    return MerchantView(
        id=merchant.id,
        name=merchant.name,
        category=merchant.category,
        customer_id=merchant.customer_id,
        status=merchant.status,
        currency=merchant.currency,
        takings_account_id=merchant.takings_account_id,
        settlement_account_id=merchant.settlement_account_id,
        fee_plan=plan_view(merchant.plan),
        created_at=merchant.created_at,
        country=merchant.country,
        place=merchant.place,
    )


def quote(merchant: Merchant, method: str, amount_minor: int) -> FeeQuote:
    cost = fee(merchant.plan, method, merchant.currency, amount_minor)
    return FeeQuote(method=method, amount=amount_minor, currency=merchant.currency, fee=cost, net=amount_minor - cost)


def _place(body: PlaceBody | None) -> Place | None:
    return Place(body.district, body.latitude_e6, body.longitude_e6) if body else None


async def _merchant(tx: Tx, principal: Principal, merchant_id: UUID) -> Merchant:
    found = (await enquire.find(tx, [own(principal, merchant_id)])).get(merchant_id)
    if found is None:
        raise no.MERCHANT_UNKNOWN()
    return found


@post(
    "/v1/merchants",
    guards=[require("merchants:write")],
    tags=["merchants"],
    summary="Register a merchant with its takings and settlement accounts",
    operation_id="register_merchant",
    response_description="The merchant, on the bank's fee plan.",
    responses=problems(no.CUSTOMER_NOT_A_FIRM, no.COUNTRY_UNKNOWN, make=True),
)
async def register_merchant(
    data: JSONBody[MerchantOrder], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> MerchantView:
    new = NewMerchant(
        id=key,
        name=data.name,
        currency=data.currency or settings.currency,
        customer_id=data.customer_id,
        category=data.category,
        country=data.country,
        place=_place(data.place),
    )

    async def work(tx: Tx) -> tuple[register.Made[Merchant], FeePlan]:
        done = await register.register_merchants(tx, [new], by=principal, at=clock.now(), bank_code=settings.bank_code)
        return done[0], await enquire.fee_plan_at(tx, key, done[0].thing.created_at)

    done, plan = await db.retry(work)
    # as the first answer had it
    merchant = msgspec.structs.replace(done.thing, status=MerchantStatus.OPEN, plan=plan, place=new.place)
    return made(merchant_view(merchant), replayed=done.replayed)


@get(
    "/v1/merchants",
    guards=[require("merchants:read")],
    tags=["merchants"],
    summary="Merchants",
    operation_id="list_merchants",
    response_description="A page of merchants.",
    responses=problems(),
)
async def list_merchants(
    principal: By,
    db: Db,
    customer_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[MerchantView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await enquire.list_merchants(
            tx,
            after=place[0] if place else None,
            customer_id=customer_id,
            only=principal.subject_id,
            most=most + 1,
        )
    return paging.page(found, most, lambda m: paging.cursor(m.id), merchant_view)


@get(
    "/v1/merchants/{id:uuid}",
    guards=[require("merchants:read")],
    tags=["merchants"],
    summary="A merchant",
    operation_id="get_merchant",
    response_description="The merchant.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def get_merchant(id: Id, principal: By, db: Db) -> MerchantView:
    async with db.read() as tx:
        return merchant_view(await _merchant(tx, principal, id))


@put(
    "/v1/merchants/{id:uuid}/place",
    guards=[require("merchants:write")],
    tags=["merchants"],
    summary="Say where a merchant's shop stands, or that it only sells online",
    operation_id="set_merchant_place",
    response_description="The merchant.",
    responses=problems(no.MERCHANT_UNKNOWN, write=True),
)
async def set_merchant_place(id: Id, data: JSONBody[StandsBody], principal: By, db: Db, clock: Now) -> MerchantView:
    own(principal, id)

    async def work(tx: Tx) -> Merchant:
        merchant = await register.set_place(tx, id, _place(data.place))
        await audit.record(tx, principal, "merchant.place", id, at=clock.now(), reason=data.reason)
        return merchant

    return merchant_view(await db.retry(work))


@post(
    "/v1/merchants/{id:uuid}/status",
    status_code=200,
    guards=[require("merchants:write")],
    tags=["merchants"],
    summary="Suspend, reopen or close a merchant",
    operation_id="set_merchant_status",
    response_description="The merchant.",
    responses=problems(no.MERCHANT_UNKNOWN, no.MERCHANT_MOVE_REFUSED, write=True),
)
async def set_merchant_status(id: Id, data: JSONBody[StatusBody], principal: By, db: Db, clock: Now) -> MerchantView:
    own(principal, id)

    async def work(tx: Tx) -> Merchant:
        merchant = await register.set_status(tx, id, data.status)
        action = f"merchant.{data.status.value}"
        await audit.record(tx, principal, action, id, at=clock.now(), reason=data.reason)
        return merchant

    return merchant_view(await db.retry(work))


@get(
    "/v1/merchants/{id:uuid}/fee-plan",
    guards=[require("merchants:read")],
    tags=["merchants", "fees"],
    summary="The fee plan in force for a merchant",
    operation_id="get_fee_plan",
    response_description="The plan.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def get_fee_plan(id: Id, principal: By, db: Db) -> FeePlanView:
    async with db.read() as tx:
        return plan_view((await _merchant(tx, principal, id)).plan)


@put(
    "/v1/merchants/{id:uuid}/fee-plan",
    guards=[require("merchants:write")],
    tags=["merchants", "fees"],
    summary="Set a merchant's fee plan, for what is captured from now on",
    operation_id="set_fee_plan",
    response_description="The plan, in its new version.",
    responses=problems(
        no.MERCHANT_UNKNOWN, no.FEE_PLAN_INCOMPLETE, no.FEE_RATE_TWICE, no.FEE_BOUNDS_CROSSED, write=True
    ),
)
async def set_fee_plan(id: Id, data: JSONBody[FeePlanBody], principal: By, db: Db, clock: Now) -> FeePlanView:
    async def work(tx: Tx) -> FeePlan:
        merchant = await _merchant(tx, principal, id)
        rates = [
            FeeRate(
                method=r.method,
                currency=merchant.currency,
                basis_points=r.basis_points,
                fixed_minor=r.fixed,
                smallest_minor=r.smallest,
                largest_minor=r.largest,
            )
            for r in data.rates
        ]
        plan = await fee_plan.set_fee_plan(tx, id, rates, by=principal, at=clock.now())
        await audit.record(tx, principal, "merchant.fee_plan", id, at=clock.now(), details={"plan_id": str(plan.id)})
        return plan

    return plan_view(await db.retry(work))


@get(
    "/v1/merchants/{id:uuid}/fee-quote",
    guards=[require("merchants:read")],
    tags=["merchants", "fees"],
    summary="What a payment would cost the merchant",
    operation_id="quote_fee",
    response_description="The fee.",
    responses=problems(no.MERCHANT_UNKNOWN, no.ORDER_CURRENCY_DIFFERS),
)
async def quote_fee(
    id: Id,
    principal: By,
    db: Db,
    amount: Annotated[int, QueryParameter(ge=1, le=LARGEST_MINOR, description="Minor units.")],
    currency: FromQuery[str | None] = None,
    method: FromQuery[Method] = "account",
) -> FeeQuote:
    async with db.read() as tx:
        merchant = await _merchant(tx, principal, id)
    if currency not in (None, merchant.currency):
        raise no.ORDER_CURRENCY_DIFFERS(f"the merchant is paid in {merchant.currency}", field="currency")
    return quote(merchant, method, amount)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    register_merchant,
    list_merchants,
    get_merchant,
    set_merchant_status,
    set_merchant_place,
    get_fee_plan,
    set_fee_plan,
    quote_fee,
)

"""JSON routes of limits: an account's, its customer's own, the bank's for everybody."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.money import is_currency
from tongbao.base.principal import Principal
from tongbao.base.settings import Settings
from tongbao.identity import may_see_account, require_or_own
from tongbao.payments import model, set_limits
from tongbao.payments import refusals as no
from tongbao.payments.bodies import (
    AccountLimitsView,
    BankLimitsOrder,
    BankLimitView,
    LimitsOrder,
    LimitsView,
    UsedView,
    Why,
)
from tongbao.payments.model import Limits
from tongbao.web.refusals import CURRENCY_UNKNOWN, INVALID_FIELD
from tongbao.web.site import By, Config, Db, Id, Now, problems, require


def _limits(order: LimitsOrder) -> Limits:
    return Limits(order.per_payment, order.per_day, order.per_month, order.count_per_day, order.count_per_month)


def _limits_view(limits: Limits) -> LimitsView:
    return LimitsView(
        per_payment=limits.per_payment_minor,
        per_day=limits.per_day_minor,
        per_month=limits.per_month_minor,
        count_per_day=limits.per_day_count,
        count_per_month=limits.per_month_count,
    )


def _used(used: int, bound: int | None) -> UsedView:
    return UsedView(used=used, left=None if bound is None else max(0, bound - used))


def _account_limits(found: model.AccountLimits) -> AccountLimitsView:
    counts, spending = found.effective, found.spending
    return AccountLimitsView(
        account_id=found.account_id,
        currency=found.currency,
        limits=_limits_view(counts),
        bank=_limits_view(found.bank),
        of_this_account=found.of_this_account,
        own=_limits_view(found.own),
        level=found.level.level,
        day=spending.day,
        amount_today=_used(spending.day_minor, counts.per_day_minor),
        count_today=_used(spending.day_count, counts.per_day_count),
        amount_this_month=_used(spending.month_minor, counts.per_month_minor),
        count_this_month=_used(spending.month_count, counts.per_month_count),
    )


@get(
    "/v1/accounts/{id:uuid}/limits",
    guards=[require_or_own("limits:read", "me:read")],
    tags=["limits"],
    summary="What an account may spend, and what of it is used",
    operation_id="get_limits",
    response_description="The bank's limits, the customer's own, the lowest that counts, and what is used of them.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_limits(id: Id, principal: By, db: Db, clock: Now, settings: Config) -> AccountLimitsView:
    async with db.read() as tx:
        await may_see_account(tx, principal, id)
        return _account_limits(await set_limits.limits_of(tx, id, days.local_day(clock.now(), settings.zone)))


@put(
    "/v1/accounts/{id:uuid}/limits",
    guards=[require_or_own("limits:write", "me:pay")],
    tags=["limits"],
    summary="The customer's own limits: lower than the bank's, or raised again up to them",
    operation_id="set_own_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.LIMIT_ABOVE_BANK, write=True),
)
async def set_own_limits(
    id: Id, data: JSONBody[LimitsOrder], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    async def write(tx: Tx) -> model.AccountLimits:
        at = clock.now()
        day = days.local_day(at, settings.zone)
        return await set_limits.set_own_limit(tx, id, _limits(data), by=principal, at=at, day=day)

    return _account_limits(await db.retry(write))


async def _by_the_bank(
    db: Database, clock: Any, settings: Settings, id: UUID, limits: Limits | None, principal: Principal, reason: str
) -> AccountLimitsView:
    async def write(tx: Tx) -> model.AccountLimits:
        at = clock.now()
        day = days.local_day(at, settings.zone)
        return await set_limits.set_account_limit(tx, id, limits, by=principal, reason=reason, at=at, day=day)

    return _account_limits(await db.retry(write))


@put(
    "/v1/accounts/{id:uuid}/bank-limits",
    guards=[require("limits:write")],
    tags=["limits"],
    summary="The bank's limits for this account alone",
    operation_id="set_account_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, write=True),
)
async def set_account_limits(
    id: Id, data: JSONBody[BankLimitsOrder], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    return await _by_the_bank(db, clock, settings, id, _limits(data), principal, data.reason)


@post(
    "/v1/accounts/{id:uuid}/bank-limits/drop",
    status_code=200,
    guards=[require("limits:write")],
    tags=["limits"],
    summary="Back to the bank's limits for everybody",
    operation_id="drop_account_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, write=True),
)
async def drop_account_limits(
    id: Id, data: JSONBody[Why], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    return await _by_the_bank(db, clock, settings, id, None, principal, data.reason)


@get(
    "/v1/limits",
    guards=[require("limits:read")],
    tags=["limits"],
    summary="The bank's limits for everybody, by kind of customer and currency",
    operation_id="list_bank_limits",
    response_description="All of them.",
    responses=problems(),
)
async def list_bank_limits(db: Db) -> list[BankLimitView]:
    async with db.read() as tx:
        return [_bank_limit(found) for found in await set_limits.bank_limits(tx)]


def _bank_limit(found: model.BankLimit) -> BankLimitView:
    return BankLimitView(customer_kind=found.customer_kind, currency=found.currency, limits=_limits_view(found.limits))


@put(
    "/v1/limits/{customer_kind:str}/{currency:str}",
    guards=[require("limits:write")],
    tags=["limits"],
    summary="Set the bank's limits for everybody of a kind, in a currency",
    operation_id="set_bank_limits",
    response_description="The limits.",
    responses=problems(CURRENCY_UNKNOWN, write=True),
)
async def set_bank_limits(
    customer_kind: FromPath[str],
    currency: FromPath[str],
    data: JSONBody[BankLimitsOrder],
    principal: By,
    db: Db,
    clock: Now,
) -> BankLimitView:
    if customer_kind not in ("person", "firm"):
        raise INVALID_FIELD("person or firm", field="customer_kind")
    if not is_currency(currency):
        raise CURRENCY_UNKNOWN(field="currency")

    async def write(tx: Tx) -> model.BankLimit:
        return await set_limits.set_bank_limit(
            tx, customer_kind, currency, _limits(data), by=principal, reason=data.reason, at=clock.now()
        )

    return _bank_limit(await db.retry(write))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    get_limits,
    set_own_limits,
    set_account_limits,
    drop_account_limits,
    list_bank_limits,
    set_bank_limits,
)

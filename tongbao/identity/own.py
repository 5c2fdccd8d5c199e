"""Whose is it? The bank's keys and staff see every account and customer, a customer what is his, nobody else anything."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import refusals as no
from tongbao.identity import store
from tongbao.identity.model import Account
from tongbao.web.site import authenticated

_OF_THE_BANK = (PrincipalKind.BANK, PrincipalKind.STAFF, PrincipalKind.SYSTEM)


def owns(principal: Principal, customer_id: UUID) -> bool:
    """Whether this principal may ask about what belongs to a customer."""
    if principal.kind is PrincipalKind.CUSTOMER:
        return principal.subject_id == customer_id
    return principal.kind in _OF_THE_BANK


def may_see_customer(principal: Principal, customer_id: UUID) -> None:
    """Refuses `customer_unknown` to a customer who asks about another one."""
    if not owns(principal, customer_id):
        raise no.CUSTOMER_UNKNOWN()


async def may_see_account(tx: Tx, principal: Principal, account_id: UUID) -> Account:
    """The account, for whoever may ask about it. Refuses `account_not_found` for somebody else's as for none."""
    account = (await store.accounts(tx, [account_id])).get(account_id)
    if account is None or not owns(principal, account.customer_id):
        raise no.ACCOUNT_NOT_FOUND()
    return account


def require_or_own(permission: str, own: str) -> Guard:
    """A guard: the principal holds `permission`, or `own` over what is his. Which of it is his, the route must ask."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        await authenticated(connection, handler)
        found = cast("dict[str, Any]", connection.scope)["tongbao.principal"]
        if own not in found.permissions:
            found.require(permission)

    guard.permission = permission  # pyright: ignore[reportFunctionMemberAccess]
    guard.own = own  # pyright: ignore[reportFunctionMemberAccess]
    return guard

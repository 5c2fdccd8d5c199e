"""What merchants bring to the edge: the routes of merchants, their orders and their webhooks."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from tongbao.merchants import merchant_routes, order_routes, webhook_routes

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *merchant_routes.ROUTES,
    *order_routes.ROUTES,
    *webhook_routes.ROUTES,
)

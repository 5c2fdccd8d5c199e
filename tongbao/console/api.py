"""The console's routes: thin ones over verbs of every slice, JSON now and pages later."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from tongbao.console import approval_routes, book_routes, watch_routes

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *approval_routes.ROUTES,
    *book_routes.ROUTES,
    *watch_routes.ROUTES,
)

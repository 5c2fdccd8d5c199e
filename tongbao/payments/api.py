"""What payments bring to the edge: routes of payments, limits, payrolls and schedules, and the one past the framework."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from tongbao.payments import limit_routes, payment_routes, payroll_routes, schedule_routes
from tongbao.payments.door import route as pay_route

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *payment_routes.ROUTES,
    *limit_routes.ROUTES,
    *payroll_routes.ROUTES,
    *schedule_routes.ROUTES,
)

__all__ = ["ROUTES", "pay_route"]

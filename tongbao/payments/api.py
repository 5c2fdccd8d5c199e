"""What payments bring to the edge: routes of payments, limits, payrolls, schedules, switches and rails, and the one past the framework."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from tongbao.payments import (
    authorise_routes,
    card_routes,
    collection_routes,
    limit_routes,
    me_authorise_pages,
    me_bill_pages,
    me_card_pages,
    me_code_pages,
    me_family_pages,
    me_order_pages,
    me_overview_pages,
    me_pages,
    me_pay_pages,
    me_payment_pages,
    me_record_pages,
    me_safety_pages,
    me_scan_pages,
    me_statement_pages,
    me_transfer_pages,
    payment_routes,
    payroll_routes,
    rail_routes,
    receipt_routes,
    schedule_routes,
    shop_collect_pages,
    switch_routes,
)
from tongbao.payments.door import route as pay_route

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *payment_routes.ROUTES,
    *authorise_routes.ROUTES,
    *receipt_routes.ROUTES,
    *limit_routes.ROUTES,
    *payroll_routes.ROUTES,
    *schedule_routes.ROUTES,
    *switch_routes.ROUTES,
    *rail_routes.ROUTES,
    *card_routes.ROUTES,
    *collection_routes.ROUTES,
)

PAGES: Final[tuple[HTTPRouteHandler, ...]] = (
    *me_pages.ROUTES,
    *me_pay_pages.ROUTES,
    *me_code_pages.ROUTES,
    *me_scan_pages.ROUTES,
    *me_transfer_pages.ROUTES,
    *me_overview_pages.ROUTES,
    *me_order_pages.ROUTES,
    *me_family_pages.ROUTES,
    *me_record_pages.ROUTES,
    *me_payment_pages.ROUTES,
    *me_authorise_pages.ROUTES,
    *me_bill_pages.ROUTES,
    *me_statement_pages.ROUTES,
    *me_safety_pages.ROUTES,
    *me_card_pages.ROUTES,
    *shop_collect_pages.ROUTES,
)

__all__ = ["PAGES", "ROUTES", "pay_route"]

"""The console's routes and pages: thin ones over verbs of every slice."""

from __future__ import annotations

from typing import Any, Final

from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.console import (
    approval_pages,
    approval_routes,
    attack_pages,
    board_pages,
    book_pages,
    book_routes,
    day_pages,
    delivery_pages,
    demo,
    developer_pages,
    explorer_pages,
    held_pages,
    merchant_pages,
    merchant_place_pages,
    payment_action_pages,
    payment_pages,
    people_pages,
    policy_pages,
    prove_pages,
    start_pages,
    stuck_pages,
    switch_pages,
    vital_routes,
    watch_pages,
    watch_routes,
)
from tongbao.console.board_pages import Watch
from tongbao.console.vitals import Pulse

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *approval_routes.ROUTES,
    *book_routes.ROUTES,
    *watch_routes.ROUTES,
    *vital_routes.ROUTES,
)

PAGES: Final[tuple[HTTPRouteHandler, ...]] = (
    *start_pages.ROUTES,
    *developer_pages.ROUTES,
    *board_pages.ROUTES,
    *payment_pages.ROUTES,
    *book_pages.ROUTES,
    *watch_pages.ROUTES,
    *attack_pages.ROUTES,
    *approval_pages.ROUTES,
    *explorer_pages.ROUTES,
    *people_pages.ROUTES,
    *merchant_pages.ROUTES,
    *merchant_place_pages.ROUTES,
    *payment_action_pages.ROUTES,
    *stuck_pages.ROUTES,
    *held_pages.ROUTES,
    *switch_pages.ROUTES,
    *policy_pages.ROUTES,
    *day_pages.ROUTES,
    *prove_pages.ROUTES,
    *delivery_pages.ROUTES,
)


def provided(db: Database, clock: Clock, settings: Settings) -> dict[str, Any]:
    """What these routes ask for besides `db`, `clock` and `settings`; `db` is the pool for everything but money."""
    pulse = Pulse(settings, clock)
    return {"pulse": pulse, "watch": Watch(db, clock, settings, pulse), "demo": demo.of(settings)}

"""All that a customer has on one page: money, cards, limits, devices, standing orders, records; and whether his account is safe."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, ledger
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.identity import FULL_LEVEL, FactorKind
from tongbao.payments import cards, family, own_orders
from tongbao.payments.card_model import CardState
from tongbao.payments.me_card_pages import issuer_of
from tongbao.payments.me_order_pages import often
from tongbao.payments.model import AccountLimits, Limits
from tongbao.payments.own_accounts import Own, movements, own_accounts
from tongbao.payments.set_limits import limits_of
from tongbao.web import pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor

_FEW: Final = 3

CHECK_MESSAGES: Final = {
    "two": ("You can prove yourself in two different ways.", "Add another way to prove yourself."),
    "pin": ("You have a payment PIN.", "Set a payment PIN."),
    "level": ("The bank knows you by your documents.", "Show who you are, so that you may pay more."),
    "devices": ("No device came in since yesterday.", "A new device came in. Log it out if it is not yours."),
    "limits": ("You have set a limit of your own.", "Set a limit of your own."),
    "family": ("Somebody you trust looks on.", "Name somebody you trust, who looks on."),
}
"""Each point of the check-up: what is said where it is in order, and what to do where it is not."""
_WHERE: Final = {
    "two": "/me/safety/passkeys",
    "pin": "/me/safety/factors",
    "level": "/me/verification",
    "devices": "/me/safety/devices",
    "limits": "/me/safety",
    "family": "/me/family",
}


class Point(msgspec.Struct, frozen=True):
    """A point of the check-up. `said` is a message of the catalogue."""

    in_order: bool
    said: str
    href: str


@get("/me/account", guards=[visitor("me", "me:read")], include_in_schema=False)
async def overview_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    at, lang = clock.now(), pages.language(request)
    assert principal.subject_id is not None
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        if own is None:
            return pages.show(request, "payments/me_overview.html", own=None)
        shown = await _shown(tx, own, principal.subject_id, at, settings.zone, lang)
    return pages.show(request, "payments/me_overview.html", own=own, **shown)


async def _shown(tx: Tx, own: Own, me: UUID, at: datetime, zone: ZoneInfo, lang: Lang) -> dict[str, Any]:
    day = days.local_day(at, zone)
    account = own.chosen.account
    limits = await limits_of(tx, account.id, day)
    limits.spending.roll(day)
    devices = await identity.devices_of(tx, me, at=at)
    orders = [one for one in await own_orders.orders_of(tx, [account.id]) if own_orders.is_alive(one)][:_FEW]
    payees = await own_orders.payees_of(tx, orders)
    bound = [card for card in await cards.cards_of(tx, me) if card.state is CardState.BOUND]
    return {
        "points": await _check_up(tx, me, limits, devices, at),
        "limit_minor": limits.effective.per_day_minor,
        "spent_minor": limits.spending.day_minor,
        "devices": devices[:_FEW],
        "orders": [(one, payees[one.id], often(one, lang)) for one in orders],
        "cards": [(issuer_of(card, lang), card) for card in bound],
        "movements": await movements(tx, account, most=_FEW),
        "kind_word": ledger.kind_word,
    }


async def _check_up(
    tx: Tx, me: UUID, limits: AccountLimits, devices: list[identity.Device], at: datetime
) -> list[Point]:
    has = (await identity.factors_of(tx, [me]))[me]
    found = {
        "two": not identity.one_sort_only(has),
        "pin": any(one.kind is FactorKind.PIN for one in has),
        "level": limits.level.level >= FULL_LEVEL,
        "devices": not any(device.cools_off(at) for device in devices),
        "limits": limits.own != Limits(),
    }
    if (await identity.preferences_of(tx, me)).home is identity.Home.LARGE:
        mine = [one for one in await family.families_of(tx, me, at=at) if one.owner_id == me]
        found["family"] = any(one.holds(at) for one in mine)
    return [
        Point(is_in_order, CHECK_MESSAGES[name][0 if is_in_order else 1], _WHERE[name])
        for name, is_in_order in found.items()
    ]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (overview_page,)

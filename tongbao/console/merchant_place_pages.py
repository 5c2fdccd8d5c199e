"""Where a merchant's shop stands, as staff say it: a district, and a position as maps give it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import merchants
from tongbao.base import audit
from tongbao.base.db import Database, Tx
from tongbao.web import forms, i18n, pages
from tongbao.web.body import END
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Id, Now, visitor

_LATITUDE: Final = r"-?(?:90(?:\.0{1,6})?|[0-8]?[0-9](?:\.[0-9]{1,6})?)"
_LONGITUDE: Final = r"-?(?:180(?:\.0{1,6})?|(?:1[0-7][0-9]|[0-9]{1,2})(?:\.[0-9]{1,6})?)"
_E6: Final = 1_000_000


class Stands(Form, frozen=True, kw_only=True):
    """Both empty: it only sells online."""

    district: Annotated[str, msgspec.Meta(max_length=60)] = ""
    position: Annotated[str, msgspec.Meta(pattern=rf"^{_LATITUDE} ?[,，] ?{_LONGITUDE}{END}", max_length=40)] = ""
    reason: Reason


@get("/staff/merchants/{id:uuid}/place", guards=[visitor("staff", "merchants:write")], include_in_schema=False)
async def place_page(request: PageRequest, id: Id, db: Db) -> Page:
    merchant = await _merchant(db, id)
    return _show(request, merchant, forms.blank(**_typed(merchant.place)))


@post("/staff/merchants/{id:uuid}/place", guards=[visitor("staff", "merchants:write")], include_in_schema=False)
async def set_place(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    filled = await forms.read(request, Stands)
    merchant = await _merchant(db, id)
    wanted = filled.value
    if wanted is not None and bool(wanted.district) != bool(wanted.position):
        missing = "position" if wanted.district else "district"
        filled = Filled(None, filled.given, {missing: i18n.say("Please fill this in.", pages.language(request))})
    if wanted is None or filled.value is None:
        return _show(request, merchant, filled, status=422)
    place = _place(wanted)

    async def decide(tx: Tx) -> None:
        known = (await merchants.find(tx, [id]))[id]
        if known.place == place:  # the same form again, or a second tab
            return
        await merchants.set_place(tx, id, place)
        await audit.record(tx, principal, "merchant.place", id, at=clock.now(), reason=wanted.reason)

    await db.retry(decide)
    return pages.go(f"/staff/merchants/{id}", said="Kept: payments in this shop are made there from now on.")


async def _merchant(db: Database, id: Any) -> merchants.Merchant:
    async with db.read() as tx:
        found = (await merchants.find(tx, [id])).get(id)
    if found is None:
        raise merchants.MERCHANT_UNKNOWN()
    return found


def _typed(place: merchants.Place | None) -> dict[str, str]:
    return {"district": place.district, "position": position(place)} if place else {}


def position(place: merchants.Place) -> str:
    """As maps write it: `36.061400, 103.834300`."""
    return f"{Decimal(place.latitude_e6) / _E6:.6f}, {Decimal(place.longitude_e6) / _E6:.6f}"


def _place(wanted: Stands) -> merchants.Place | None:
    if not wanted.position:
        return None
    latitude, longitude = (int(Decimal(part.strip()) * _E6) for part in wanted.position.replace("，", ",").split(","))
    return merchants.Place(wanted.district, latitude, longitude)


def _show(request: PageRequest, merchant: merchants.Merchant, form: Filled[Any], *, status: int = 200) -> Page:
    return forms.again(request, "console/merchant_place.html", form, status=status, merchant=merchant)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (place_page, set_place)

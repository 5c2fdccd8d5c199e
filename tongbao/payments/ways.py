"""Every way to another bank that the settings name: rails by HTTP, and the network of cards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.payments import rails
from tongbao.payments.card_model import RAIL
from tongbao.payments.card_network import CardNetwork, CardRail
from tongbao.payments.rails import WITHIN_S, Rails


def names(settings: Settings) -> tuple[str, ...]:
    """What the ways are called."""
    return (*settings.rail_urls, *((RAIL,) if settings.card_network else ()))


@asynccontextmanager
async def connected(
    db: Database, moment: Callable[[], datetime], settings: Settings, *, within_s: int = WITHIN_S
) -> AsyncIterator[Rails]:
    """A way to each of them; `db` is where a card's number is looked up just before it is charged."""
    async with rails.connected(settings.rail_urls, within_s=within_s) as ways:
        if settings.card_network:
            network = CardNetwork(
                settings.card_network, moment, authorities=settings.card_network_ca, within_s=within_s
            )
            ways = {**ways, RAIL: CardRail(network, db, moment)}
        yield ways

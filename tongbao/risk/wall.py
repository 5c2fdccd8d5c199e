"""What the wall shows: looked at every second for everybody who watches, out of what the roller has counted; no payment is scanned.

Spans are of whole minutes, that of seven days of whole hours. What changes slowly is looked at every half minute.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from tongbao.base import log
from tongbao.base.db import Database, Tx
from tongbao.base.settings import Settings
from tongbao.risk import stance_store, truth, wall_store
from tongbao.risk.truth_model import Against
from tongbao.risk.wall_model import District, Known, Scene, Span

MINUTES: Final = 60
"""Minutes of the wall's curve."""
SHOWN: Final = 12
"""Newest payments that were not simply let pass, and rules that are met most."""
GRID_DAYS: Final = 28
MOST_DISTRICTS: Final = 36
KNOWN_DAYS: Final = 30
MOST_LABELS: Final = 20_000
"""Labels that are counted, the newest."""
_SLOWLY: Final = timedelta(seconds=30)
_STALE: Final = timedelta(minutes=10)
_LATE: Final = timedelta(seconds=10)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_KEEP_MINUTES: Final = timedelta(days=2)
_KEEP_HOURS: Final = timedelta(days=400)
_Slow = tuple[datetime, dict[tuple[int, int], tuple[int, int]], Known, tuple[Against, ...], tuple[District, ...]]

logger = log.get(__name__)


class Wall:
    """Keeps what changes slowly between looks; one a process."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._currency = settings.currency
        self._zone = str(settings.zone)
        self._slow: _Slow | None = None
        self._reading: asyncio.Task[None] | None = None

    async def look(self, now: datetime) -> Scene:
        """The wall at this moment. Raises what the database raises."""
        minute = now.replace(second=0, microsecond=0)
        hour = minute.replace(minute=0)
        widths = [
            (60, minute - (MINUTES - 1) * _MINUTE),
            (60, minute - _DAY + _MINUTE),
            (3_600, hour - 7 * _DAY + _HOUR),
        ]
        async with self._db.read() as tx:
            minutes = await wall_store.minutes(tx, widths[0][1], now, self._currency)
            judged = await wall_store.spans(tx, widths, now, self._currency)
            odd = await wall_store.odd(tx, now - 7 * _DAY, now + _MINUTE, SHOWN)
            rules = await wall_store.rules(tx, SHOWN)
            behind = await wall_store.behind(tx)
            stance = await stance_store.newest(tx)
            _, grid, known, told, districts = await self._slowly(tx, now)
        return Scene(
            at=now,
            currency=self._currency,
            minutes=tuple((at, minutes.get(at, {})) for at in (widths[0][1] + n * _MINUTE for n in range(MINUTES))),
            spans=tuple(Span(since, found) for (_, since), found in zip(widths, judged, strict=True)),
            odd=tuple(odd),
            rules=tuple(rules),
            grid=grid,
            districts=districts,
            known=known,
            truth=told,
            behind_since=behind if behind is not None and now - behind > _LATE else None,
            stance=stance,
        )

    async def _slowly(self, tx: Tx, now: datetime) -> _Slow:
        """Who looks does not wait for it, but for the first one and whoever comes after a long time."""
        if self._slow is None or abs(now - self._slow[0]) > _STALE:
            self._slow = await self._read_slow(tx, now)
        elif abs(now - self._slow[0]) > _SLOWLY and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_beside(now))
        return self._slow

    async def _read_beside(self, now: datetime) -> None:
        try:
            async with self._db.read() as tx:
                self._slow = await self._read_slow(tx, now)
        except Exception as error:
            logger.warning("risk_wall_not_read", error=type(error).__name__)

    async def _read_slow(self, tx: Tx, now: datetime) -> _Slow:
        grid = await wall_store.grid(tx, now - GRID_DAYS * _DAY, now, self._zone, self._currency)
        known = await wall_store.labelled(tx, now - KNOWN_DAYS * _DAY, now, self._currency, MOST_LABELS)
        told = await truth.against_truth(tx, since=now - 7 * _DAY, until=now, currency=self._currency)
        districts = await wall_store.districts(tx, now - _DAY, now, MOST_DISTRICTS)
        return now, grid, known, tuple(told), tuple(districts)


async def forget_pace(tx: Tx, *, at: datetime) -> None:
    """Minutes are kept for two days, hours for 400."""
    await wall_store.forget_pace(tx, minutes_before=at - _KEEP_MINUTES, hours_before=at - _KEEP_HOURS)

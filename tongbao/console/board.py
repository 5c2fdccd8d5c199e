"""What the live board shows: looked at once a second for everybody who watches, by a few bounded reads.

Seconds are counted from the payments themselves, and the last few anew at each look, since a payment appears in its second
only when its batch has committed. Latency is what this machine's processes measured at their door.
"""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, timedelta
from typing import Final

from tongbao.base import days, metrics
from tongbao.base.db import Database, Tx
from tongbao.base.settings import Settings
from tongbao.console import store
from tongbao.console.model import Decline, Figures, Newest, Second

KEPT_S: Final = 300
"""Seconds that the board's curve reaches back."""
SHOWN: Final = 12
"""Newest payments on the board, and newest declines beside them."""
_SETTLING: Final = timedelta(seconds=5)
_FIRST: Final = timedelta(seconds=KEPT_S)
_LOOK_BACK: Final = timedelta(minutes=10)
_ROUTE: Final = "/v1/payments"


class Board:
    """Remembers the last minutes between looks; one a process."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._seconds: deque[Second] = deque()
        self._through: datetime | None = None
        self._day: date | None = None
        self._day_base = (0, 0)
        self._day_from: datetime | None = None
        self._latency = metrics.Recent(metrics.REQUEST_SECONDS, _ROUTE)

    async def look(self, now: datetime) -> Figures:
        """The board at this moment. Raises what the database raises."""
        async with self._db.read() as tx:
            open_date = (await days.current(tx)).open_date
            await self._count(tx, now)
            await self._today(tx, open_date, now)
            newest = await store.newest_payments(tx, now - _LOOK_BACK, SHOWN)
            declines = await store.newest_declines(tx, now - _LOOK_BACK, SHOWN)
        return self._figures(now, open_date, newest, declines)

    async def _count(self, tx: Tx, now: datetime) -> None:
        since = max(self._through - _SETTLING, now - _FIRST) if self._through else now - _FIRST
        since = since.replace(microsecond=0)
        counted = await store.payments_by_second(tx, since, now, self._settings.currency)
        while self._seconds and self._seconds[-1].at >= since:
            self._seconds.pop()
        self._seconds.extend(counted)
        while self._seconds and self._seconds[0].at < now - _FIRST:
            self._seconds.popleft()
        self._through = now

    async def _today(self, tx: Tx, open_date: date, now: datetime) -> None:
        """Counts the open day once; what came since is in the seconds."""
        fresh = self._day != open_date or self._day_from is None or now - self._day_from > _FIRST - _SETTLING * 4
        if fresh:
            self._day_from = (now - _SETTLING).replace(microsecond=0)
            self._day_base = await store.day_so_far(tx, open_date, self._day_from, self._settings.currency)
            self._day = open_date

    def _figures(self, now: datetime, day: date, newest: tuple[Newest, ...], declines: tuple[Decline, ...]) -> Figures:
        last_whole = now.replace(microsecond=0)
        ten = [s for s in self._seconds if last_whole - timedelta(seconds=10) <= s.at < last_whole]
        minute = [s for s in self._seconds if s.at >= last_whole - timedelta(seconds=60)]
        since = [s for s in self._seconds if self._day_from is not None and s.at >= self._day_from]
        made = sum(s.payments for s in self._seconds)
        declined = sum(s.declined for s in self._seconds)
        return Figures(
            at=now,
            day=day,
            per_second=(sum(s.payments for s in ten) + 5) // 10,
            payments_today=self._day_base[0] + sum(s.payments for s in since),
            volume_today_minor=self._day_base[1] + sum(s.volume_minor for s in since),
            currency=self._settings.currency,
            minute_payments=sum(s.payments for s in minute),
            minute_declined=sum(s.declined for s in minute),
            success_permille=(made - declined) * 1000 // made if made else None,
            latency_ms=self._latency.percentiles_ms((50, 95, 99)),
            seconds=tuple(self._seconds),
            newest=newest,
            declines=declines,
        )

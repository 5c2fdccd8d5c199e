"""Hears of every visit, and writes down every few seconds what looked like an attack: never while anybody waits for an answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from tongbao.base import log, metrics
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.console import store
from tongbao.console.attacks import KINDS, Tally, kind_of, source_of
from tongbao.web.door import Visit

EVERY_S: Final = 3

_logger = log.get(__name__)


class Attacks:
    """One a process. Nothing runs while nothing was heard."""

    def __init__(self, db: Database, clock: Clock, *, every_s: int = EVERY_S) -> None:
        self._db = db
        self._clock = clock
        self._every_s = every_s
        self._tally = Tally()
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        for kind in KINDS:
            # A figure that appears with its first hundred has not grown, for whoever looks at growth alone.
            metrics.ATTACKS.labels(kind)

    def hear(self, visit: Visit) -> None:
        kind = kind_of(visit)
        if kind is None:
            return
        metrics.ATTACKS.labels(kind).inc()
        self._tally.add(self._clock.now(), kind, source_of(visit))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._tally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every_s)
            await self._write()
            if self._closing.is_set():
                return

    async def _write(self) -> None:
        taken = self._tally.take()
        try:
            await self._db.retry(lambda tx: store.count_attacks(tx, taken))
        except Exception as error:
            self._tally.put_back(taken.items())
            _logger.warning("attacks_not_written", lines=len(taken), error=type(error).__name__)

    async def close(self) -> None:
        """Writes what is left, once."""
        self._closing.set()
        if self._writing is not None:
            await self._writing

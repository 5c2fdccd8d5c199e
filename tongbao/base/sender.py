"""Asks the world outside for what is due, as long as the worker lives: webhooks, messages, other banks, providers.

What is due is leased in one transaction, asked for with none open, and what came of it is recorded in another. Whoever dies in
between loses his lease when its time is over, and somebody else asks again under the same id.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from tongbao.base import log
from tongbao.base.clock import Clock
from tongbao.base.db import Database
from tongbao.base.ids import uuid7

_IDLE_S = 1
_P = TypeVar("_P")
_A = TypeVar("_A")

logger = log.get(__name__)


async def turns(turn: Callable[[], Awaitable[object]], stop: asyncio.Event, *, stumbled: str) -> None:
    """Turn after turn until `stop`, with a second's rest where there was nothing to do. Outlives the loss of the database."""
    while not stop.is_set():
        try:
            if await turn():
                continue
        except Exception as error:
            logger.warning(stumbled, error=log.redacted(f"{type(error).__name__}: {error}"))
        try:
            await asyncio.wait_for(stop.wait(), _IDLE_S)
        except TimeoutError:
            continue


class Sender(ABC, Generic[_P, _A]):
    """Sends parcels and takes their answers; as many at once as `take` gives. Run as many as you like."""

    stumbled: str
    """The log's name for a turn that failed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._flying: dict[asyncio.Task[_A], _P] = {}

    @abstractmethod
    async def take(self, lease: UUID, at: datetime) -> Sequence[_P]:
        """Leases what is due and there is room for beside what is in the air (`flying`)."""

    @abstractmethod
    async def send(self, parcel: _P, at: datetime) -> _A:
        """Asks, without a transaction and within a bound. What the other side does to it is an answer too."""

    @abstractmethod
    async def record(self, answers: Sequence[tuple[_P, _A]]) -> None:
        """Writes down what came of them. What was recorded before is left alone."""

    @property
    def flying(self) -> Sequence[_P]:
        """What was sent and has no answer yet."""
        return tuple(self._flying.values())

    @property
    def waiting(self) -> int:
        return len(self._flying)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then waits for what is in the air."""
        try:
            await turns(self._turn, stop, stumbled=self.stumbled)
            while self._flying:
                await self.land()
        finally:
            for task in self._flying:
                task.cancel()

    async def turn(self) -> int:
        """Sends what is due and records what has ended; 0: there was nothing to do."""
        started = await self.start()
        return started + (await self.land() if self._flying else 0)

    async def start(self) -> int:
        """Sends what is due; how many."""
        at = self._clock.now()
        parcels = await self.take(uuid7(at, secrets.randbits), at)
        for parcel in parcels:
            self._flying[asyncio.create_task(self.send(parcel, at))] = parcel
        return len(parcels)

    async def land(self) -> int:
        """Records what has ended, waiting a second for the first at most; how many."""
        done, _ = await asyncio.wait(self._flying, timeout=_IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        if done:
            await self.record([(self._flying.pop(task), task.result()) for task in done])
        return len(done)

    async def _turn(self) -> bool:
        return bool(await self.turn() or self._flying)


__all__ = ["Sender", "turns"]

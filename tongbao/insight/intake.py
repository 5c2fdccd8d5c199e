"""Hears of every visit of a page, and writes down every few seconds what customers did in the app: never while anybody waits."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base import log, metrics
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import PrincipalKind
from tongbao.base.settings import Settings
from tongbao.insight import store
from tongbao.insight.model import Step
from tongbao.insight.tasks import NO_STEPS, NO_STEPS_BEHIND
from tongbao.web.door import Visit

EVERY_S: Final = 3
MOST: Final = 10_000
"""Steps that wait to be written; what comes on top is not kept, and counted as lost."""
_USUAL: Final = "standard"
_TICK: Final = timedelta(microseconds=1)
_TYPE: Final = re.compile(r":[a-z]+\}")
_PLACE: Final = re.compile(r"^/me(?:/[a-z0-9/{}_-]{0,110})?$")
_CODE: Final = re.compile(r"^[a-z0-9_]{1,60}$")

_logger = log.get(__name__)


class _Heard(msgspec.Struct, frozen=True):
    """A step before anybody has looked whose it is to be counted as."""

    session: UUID
    step: Step


class Journeys:
    """One a process. Nothing runs while nothing was heard."""

    def __init__(self, db: Database, clock: Clock, settings: Settings, *, every_s: int = EVERY_S) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._every_s = every_s
        self._heard: list[_Heard] = []
        self._last = datetime.min.replace(tzinfo=UTC)
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def hear(self, visit: Visit) -> None:
        by = visit.principal
        if (
            by is None
            or by.kind is not PrincipalKind.CUSTOMER
            or by.session_id is None
            or not vault.is_open(self._settings)
        ):
            return
        place = _TYPE.sub("}", visit.path)
        if not _PLACE.match(place) or place in NO_STEPS or place.endswith(NO_STEPS_BEHIND):
            return
        if visit.method not in ("GET", "POST") or visit.status == _GONE:
            return
        if len(self._heard) >= MOST:
            metrics.JOURNEY_STEPS.labels("lost").inc()
            return
        # Steps of one moment stay in order.
        at = self._last = max(self._clock.now(), self._last + _TICK)
        home = by.look.home if by.look is not None else _USUAL
        step = Step(id=uuid7(at), visit=b"", at=at, method=visit.method, place=place, code=_code(visit), home=home)
        self._heard.append(_Heard(by.session_id, step))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def _write_soon(self) -> None:
        while self._heard:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every_s)
            await self._write()
            if self._closing.is_set():
                return

    async def _write(self) -> None:
        """What cannot be written is lost: these are counts, and nothing is held up for them."""
        taken, self._heard = self._heard, []

        async def work(tx: Tx) -> None:
            sessions = sorted({heard.session for heard in taken})
            visits = await vault.fingerprint(tx, vault.Kind.SECRET, [f"visit {session}" for session in sessions])
            by_session = {session: visit[:16] for session, visit in zip(sessions, visits, strict=True)}
            await store.add_steps(
                tx, [msgspec.structs.replace(heard.step, visit=by_session[heard.session]) for heard in taken]
            )

        try:
            await self._db.retry(work)
        except Exception as error:
            metrics.JOURNEY_STEPS.labels("lost").inc(len(taken))
            _logger.warning("journeys_not_written", steps=len(taken), error=type(error).__name__)
        else:
            metrics.JOURNEY_STEPS.labels("kept").inc(len(taken))

    async def close(self) -> None:
        """Writes what is left, once."""
        self._closing.set()
        if self._writing is not None:
            await self._writing


_GONE: Final = 499
_REFUSED: Final = 400


def _code(visit: Visit) -> str | None:
    if visit.status < _REFUSED:
        return None
    return visit.code if visit.code and _CODE.match(visit.code) else f"http_{visit.status}"

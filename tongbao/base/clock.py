"""Time is handed in. Only the edge (a route, a job, a command) owns a clock; verbs get `at`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, held from running backwards: a step back is waited out, not followed."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        self._last = max(self._last, datetime.now(UTC))
        return self._last


class StartingClock:
    """Starts at a given moment and runs at the machine's pace (`TONGBAO_CLOCK=2026-08-24T00:00:00+08:00`)."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class ManualClock:
    """Stands still until told otherwise: tests and the founding of history."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        if at < self._at:
            raise ValueError("this clock does not run backwards")
        self._at = at.astimezone(UTC)

    def tick(self, step: timedelta) -> datetime:
        self.set(self._at + step)
        return self._at

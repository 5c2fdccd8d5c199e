"""The nouns of how the app is used: steps of a visit, and what they are counted as."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

KEPT: Final = timedelta(days=400)
"""For counts."""
LONGEST: Final = timedelta(hours=4)
"""A visit that lasts longer is counted as several."""
OUTSIDE: Final = ""
"""The page before the first one of a visit, and after its last."""
WITHIN_S: Final = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 14_400)
"""Seconds from the first step of a task to one of the others are counted up to the next of these."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was seen or a form that was sent. `place`: the template of the page. `code`: of the refusal, if there was one."""

    id: UUID
    visit: bytes
    at: datetime
    method: str
    place: str
    code: str | None = None
    home: str


class Act(msgspec.Struct, frozen=True):
    """What counts as a step of a task: one of these places, by one method."""

    method: str
    places: tuple[str, ...]


class Task(msgspec.Struct, frozen=True):
    """Something that people come for, from its first page to its end. `acts` have to come in this order; others may lie between."""

    name: str
    acts: tuple[Act, ...]


TaskKey = tuple[date, str, int, str, int]
"""Day, task, step from 1, home, seconds within."""
LossKey = tuple[date, str, int, str]
"""Day, task, the last step that was reached, the page after it."""
PathKey = tuple[date, str, str]
RefusedKey = tuple[date, str, str, str]
"""Day, place, method, code."""


class Counted(msgspec.Struct, frozen=True):
    """What visits that are over come to."""

    tasks: Counter[TaskKey]
    losses: Counter[LossKey]
    paths: Counter[PathKey]
    refused: Counter[RefusedKey]


class Reached(msgspec.Struct, frozen=True):
    """So many visits reached a step of a task, half of them within so many seconds of its first step."""

    task: str
    step: int
    visits: int
    half_within_s: int


class Lost(msgspec.Struct, frozen=True):
    step: int
    there: str
    visits: int


class Path(msgspec.Struct, frozen=True):
    """`share`: of a hundred times that this page was left, so many led there."""

    here: str
    there: str
    times: int
    share: int


class Refused(msgspec.Struct, frozen=True):
    place: str
    method: str
    code: str
    visits: int


class Use(msgspec.Struct, frozen=True):
    """`pages`: looked at in all visits together."""

    visits: int
    pages: int
    waiting: int
    """Visits that are not over, and so are not counted yet."""

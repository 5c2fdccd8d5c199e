"""What a visit comes to: how far each task went, from which page to which, what was refused. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from tongbao.base import days
from tongbao.insight.model import OUTSIDE, WITHIN_S, Counted, Step, Task
from tongbao.insight.tasks import TASKS

_SECOND = timedelta(seconds=1)


def count(steps: Iterable[Step], zone: ZoneInfo, tasks: Sequence[Task] = TASKS) -> Counted:
    """`steps`: those of a visit one after the other, in the order of time. A visit counts for the bank's day on which it began."""
    counted = Counted(Counter(), Counter(), Counter(), Counter())
    for _, visit in groupby(steps, key=lambda step: step.visit):
        _visit(list(visit), counted, zone, tasks)
    return counted


def _visit(steps: Sequence[Step], counted: Counted, zone: ZoneInfo, tasks: Sequence[Task]) -> None:
    day = days.local_day(steps[0].at, zone)
    for task in tasks:
        _task(day, task, steps, counted)
    pages = [OUTSIDE, *_pages(steps), OUTSIDE]
    if len(pages) > 2:
        counted.paths.update((day, here, there) for here, there in pairwise(pages))
    counted.refused.update({(day, step.place, step.method, step.code) for step in steps if step.code is not None})


def _task(day: date, task: Task, steps: Sequence[Step], counted: Counted) -> None:
    """The furthest that the task went; a visit in which somebody did it twice counts once."""
    began: datetime | None = None
    reached, last = 0, 0
    for place, step in enumerate(steps):
        if reached == len(task.acts):
            break
        act = task.acts[reached]
        if step.code is None and step.method == act.method and step.place in act.places:
            began = began or step.at
            reached, last = reached + 1, place
            counted.tasks[day, task.name, reached, step.home, _within(step.at - began)] += 1
    if 0 < reached < len(task.acts):
        counted.losses[day, task.name, reached, _after(steps, last)] += 1


def _after(steps: Sequence[Step], last: int) -> str:
    """The next other page that was seen."""
    here = steps[last].place
    return next((page for page in _pages(steps[last + 1 :]) if page != here), OUTSIDE)


def _pages(steps: Iterable[Step]) -> Iterator[str]:
    """Pages that were seen, one after the other; the same one again is no other page."""
    seen = (step.place for step in steps if step.method == "GET" and step.code is None)
    return (place for place, _ in groupby(seen))


def _within(took: timedelta) -> int:
    seconds = -(-took // _SECOND)
    return next((bound for bound in WITHIN_S if seconds <= bound), WITHIN_S[-1])

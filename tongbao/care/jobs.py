"""What runs later: words of matters that ended long ago go, and so does what was told and taught."""

from __future__ import annotations

from functools import partial
from typing import Final

from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.care import store, tip_store
from tongbao.care.model import WORDS_KEPT
from tongbao.care.monthly import tell_month
from tongbao.care.tips import WARNINGS_KEPT

_BULK: Final = 500


async def _forget_words(context: JobContext) -> None:
    before = context.clock.now() - WORDS_KEPT

    async def forget(tx: Tx) -> int:
        return await store.forget_words(tx, before, _BULK)

    while await context.db.retry(forget) == _BULK:
        pass


async def _forget_warnings(context: JobContext) -> None:
    before = context.clock.now() - WARNINGS_KEPT

    async def forget(tx: Tx) -> int:
        return await tip_store.forget_warnings(tx, before, _BULK)

    while await context.db.retry(forget) == _BULK:
        pass


async def _forget_learning(context: JobContext) -> None:
    for verb in (tip_store.forget_tips, tip_store.forget_lessons):
        while await context.db.retry(partial(verb, most=_BULK)) == _BULK:
            pass


async def _tip_of_the_month(context: JobContext) -> None:
    at = context.clock.now()
    day = days.local_day(at, context.settings.zone)
    while await context.db.retry(partial(tell_month, day=day, at=at, most=_BULK)) == _BULK:
        pass


JOBS = (
    Job(name="care.tip_of_the_month", cron="23 2 1 * *", run=_tip_of_the_month),
    Job(name="care.forget_words", cron="47 18 * * *", run=_forget_words),
    Job(name="care.forget_warnings", cron="7 19 * * *", run=_forget_warnings),
    Job(name="care.forget_learning", cron="17 19 * * *", run=_forget_learning),
)
